"""glance: counts and oldest jobs of a queue, whatever lies under its keys."""

from case import *

class Glance(LuaCase):
    def test_empty(self):
        now, *rest = self.glance()
        self.assertNow(now)
        self.assertEqual(rest, [0] * 6 + [b""] * 3)

    def test_counts_and_oldest_of_each_lane(self):
        self.redis("LPUSH", HIGH, "h1", "h2")
        self.redis("LPUSH", Q, "n1", "n2", "n3")
        self.redis("LPUSH", LOW, BINARY)
        self.redis("ZADD", DELAYED, 1, "a", 2, "b", 3, "c", 4, "d")
        self.redis("LPUSH", DEAD, *range(5))
        self.redis("ZADD", LEASES, 1, "w1", 2, "w2", 3, "gone")
        self.redis("HSET", leased("w1"), "a", 1, "b", 2)
        self.redis("HSET", leased("w2"), "c", 3)
        before = self.dump()
        self.assertEqual(self.glance(len(BINARY))[1:],
                         [2, 3, 1, 4, 3, 5, b"h1", b"n1", BINARY])
        self.assertEqual(self.dump(), before)

    def test_a_long_job_is_not_given(self):
        self.redis("LPUSH", Q, "12345")
        self.assertEqual(self.glance(4)[8], b"")
        self.assertEqual(self.glance(5)[8], b"12345")

    def test_keys_of_other_types_count_as_empty(self):
        for key in Q, HIGH, LOW, DELAYED, LEASES, DEAD:
            self.redis("SET", key, "x")
        self.assertEqual(self.glance()[1:], [0] * 6 + [b""] * 3)


if __name__ == "__main__":
    main()
