"""claim and recover: what is taken, in which order, under which lease."""

from case import *


class Claim(LuaCase):
    def test_nothing_waits(self):
        now, flags = self.claim()
        self.assertNow(now)
        self.assertEqual(flags, NO_HIGH)
        self.assertEqual(self.redis("DBSIZE"), 0)

    def test_oldest_first_under_one_lease_each(self):
        self.push("a", "b", "c")
        answer = self.claim(token="tok", turns=(0, 2, 0))
        self.assertEqual(answer[1:], [0, 1, b"a", 1, b"b"])
        self.assertEqual(self.waiting(), [b"c"])
        self.assertEqual(self.leases(), {b"tok:1": b"a", b"tok:2": b"b"})
        self.assertEqual(self.lease_end(), answer[0] + LEASE_MS)

    def test_quota_of_each_lane(self):
        for key, name in ((HIGH, "h"), (Q, "n"), (LOW, "l")):
            self.push(*["%s%d" % (name, i) for i in range(9)], to=key)
        answer = self.claim(turns=(3, 2, 1))
        self.assertEqual(answer[2:], [0, b"h0", 0, b"h1", 0, b"h2", 1, b"n0",
                                      1, b"n1", 2, b"l0"])
        self.assertEqual(len(self.waiting(HIGH)), 6)
        self.assertEqual(len(self.waiting(Q)), 7)
        self.assertEqual(len(self.waiting(LOW)), 8)

    def test_empty_lanes_give_their_turns_high_first(self):
        self.push("h0", "h1", "h2", to=HIGH)
        self.push("l0", "l1", to=LOW)
        answer = self.claim(turns=(1, 3, 0))
        self.assertEqual(answer[2:], [0, b"h0", 0, b"h1", 0, b"h2", 2, b"l0"])

    def test_low_takes_what_the_others_leave(self):
        self.push("l0", "l1", "l2", to=LOW)
        self.assertEqual(self.claim(turns=(1, 1, 0))[2:],
                         [2, b"l0", 2, b"l1"])

    def test_two_claims_take_different_jobs(self):
        self.push("a", "b", "c")
        self.claim(token="t1", worker="w1", turns=(0, 2, 0))
        self.claim(token="t2", worker="w2", turns=(0, 2, 0))
        self.assertEqual(self.leases("w1"), {b"t1:1": b"a", b"t1:2": b"b"})
        self.assertEqual(self.leases("w2"), {b"t2:1": b"c"})

    def test_history_is_told(self):
        self.redis("HSET", HISTORY, "someone", "1")
        self.assertEqual(self.claim()[1], NO_HIGH)
        self.push("a")
        self.assertEqual(self.claim(turns=(0, 1, 0))[1], 1)

    def test_an_empty_high_lane_is_told(self):
        self.push("h0", "h1", "h2", to=HIGH)
        self.push(*"abcdef")
        self.assertEqual(self.claim("t1", turns=(0, 1, 0))[1], 0)
        self.assertEqual(self.claim("t2", turns=(1, 1, 0))[1], 0)
        self.assertEqual(self.claim("t3", turns=(2, 0, 0))[1], NO_HIGH)
        self.push("h3", to=HIGH)
        self.assertEqual(self.claim("t4", turns=(3, 0, 0))[1], NO_HIGH)
        self.assertEqual(self.claim("t5", turns=(0, 1, 0))[1], 0)

    def test_bytes_stay(self):
        self.push(BINARY, b"")
        answer = self.claim(turns=(0, 2, 0))
        self.assertEqual(answer[3::2], [BINARY, b""])
        self.assertEqual(self.leases(), {b"t:1": BINARY, b"t:2": b""})

    def test_many_at_once(self):
        self.push(*range(6000))
        answer = self.claim(turns=(0, 5000, 0))
        self.assertEqual([int(j) for j in answer[3::2]], list(range(5000)))
        self.assertEqual(self.redis("HLEN", leased("w")), 5000)

    def test_no_job_is_lost_where_the_server_is_out_of_memory(self):
        self.push("a", "b")
        self.redis("CONFIG", "SET", "maxmemory", 1)
        try:
            self.claim(turns=(0, 2, 0))
        except RedisError as e:
            self.assertTrue(str(e).startswith("OOM"), e)
        self.redis("CONFIG", "SET", "maxmemory", 0)
        self.assertEqual(sorted(self.waiting() + list(self.leases().values())),
                         [b"a", b"b"])

    def test_no_job_is_lost_where_a_key_is_of_another_type(self):
        for key in (HIGH, LOW, leased("w"), LEASES):
            self.redis("FLUSHALL")
            self.push("a", "b", "c")
            self.redis("SET", key, "text")
            try:
                self.claim(turns=(0, 2, 1))
            except RedisError as e:
                self.assertIn("WRONGTYPE", str(e))
            held = []
            if key != leased("w"):
                held = [v for _, v in sorted(self.leases().items())]
            self.assertEqual(held + self.waiting(), [b"a", b"b", b"c"], key)
            if held:
                self.assertIsNotNone(self.lease_end())

    def test_broken_queue_is_told(self):
        self.redis("SET", Q, "text")
        with self.assertRaisesRegex(RedisError, "WRONGTYPE"):
            self.claim()


class Recover(LuaCase):
    def test_gives_what_the_claim_took(self):
        self.push("a", BINARY, "c")
        self.claim(token="t1", turns=(0, 3, 0))
        before = self.leases()
        now, history, *rest = self.recover("t1", 3)
        self.assertNow(now)
        self.assertEqual(history, 0)
        self.assertEqual(rest, [1, b"a", 1, BINARY, 1, b"c", [1, 2, 3]])
        self.assertEqual(self.leases(), before)
        self.assertEqual(self.lease_end(), now + LEASE_MS)

    def test_leaves_out_what_is_settled(self):
        self.push("a", "b", "c")
        self.claim(token="t1", turns=(0, 3, 0))
        self.redis("HDEL", leased("w"), "t1:2")
        self.redis("HSET", HISTORY, "x", "1")
        answer = self.recover("t1", 3)
        self.assertEqual(answer[1:], [1, 1, b"a", 1, b"c", [1, 3]])

    def test_claim_that_never_ran_took_nothing(self):
        answer = self.recover("t1", 3)
        self.assertEqual(answer[1:], [0, []])
        self.assertIsNone(self.lease_end())


if __name__ == "__main__":
    main()
