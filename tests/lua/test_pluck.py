"""pluck: a job that waits is taken by its id, from wherever it is, exactly
once, under a lease and with a mark that outlives its taker."""

import json

from case import *

MARK = b"a0 l0 d0 f0 c1"


def job(ident, **more):
    return json.dumps({"id": ident, **more}).encode()


class Pluck(LuaCase):
    def pluck(self, ident, key=Q, token="t", worker="w", at=0, look=1000,
              largest=65536):
        return self.eval("pluck", [key, leased(worker), LEASES, HISTORY],
                         [ident, token, worker, LEASE_MS, at, look, largest])

    def test_takes_it_and_leaves_the_others(self):
        self.push(job("a"), job("b"), job("c"))
        now, next_, payload = self.pluck("b")
        self.assertNow(now)
        self.assertEqual((next_, payload), (-2, job("b")))
        self.assertEqual(self.waiting(), [job("a"), job("c")])
        self.assertEqual(self.leases(), {b"t:1": job("b")})
        self.assertEqual(self.lease_end(), now + LEASE_MS)
        self.assertEqual(self.redis("HGET", HISTORY, "b"), MARK)

    def test_second_one_finds_nothing(self):
        self.push(job("a"))
        self.pluck("a")
        self.assertEqual(self.pluck("a", token="u")[1:], [-1])
        self.assertEqual(len(self.leases()), 1)

    def test_unknown_id_changes_nothing(self):
        self.push(job("a"), job("ab"))
        self.redis("ZADD", DELAYED, 5, b"n:t:1:" + job("c"))
        before = self.dump()
        for key in (Q, DELAYED, HIGH):
            self.assertEqual(self.pluck("b", key=key)[1:], [-1])
        self.assertEqual(self.dump(), before)

    def test_only_the_member_id_counts(self):
        self.push(b'{"id":"x","input":{"id":"a"},"parent":"a"}', b"a", b'"a"',
                  b"[1,", b'{"id":["a"]}')
        self.assertEqual(self.pluck("a")[1:], [-1])
        self.assertEqual(len(self.waiting()), 5)

    def test_delayed_job_loses_its_prefix(self):
        self.redis("ZADD", DELAYED, 5, b"h:r-1:2:" + job("a"), 6, job("b"))
        self.assertEqual(self.pluck("a", key=DELAYED)[2], job("a"))
        self.assertEqual(self.pluck("b", key=DELAYED, token="u")[2],
                         job("b"))
        self.assertEqual(self.redis("EXISTS", DELAYED), 0)
        self.assertEqual(self.leases(), {b"t:1": job("a"),
                                         b"u:1": job("b")})

    def test_history_keeps_what_it_knows(self):
        self.push(job("a"))
        self.redis("HSET", HISTORY, "a", "a2 l1 d7 f8 c0")
        self.pluck("a")
        self.assertEqual(self.redis("HGET", HISTORY, "a"), b"a2 l1 d7 f8 c1")

    def test_msgpack_job(self):
        payload = b"\x82\xa2id\xa1a\xa4type\xa1t"
        self.push(payload)
        self.assertEqual(self.pluck("a")[2], payload)

    def test_in_parts_from_the_newest(self):
        self.push(*[job("j%d" % i) for i in range(300)])
        at, steps = 0, 0
        while at >= 0:
            answer = self.pluck("j0", at=at, look=100)
            at, steps = answer[1], steps + 1
        self.assertEqual((at, steps), (-2, 3))
        self.assertEqual(len(self.waiting()), 299)

    def test_pattern_characters_are_text(self):
        self.push(job("a.b"))
        self.assertEqual(self.pluck("a-b")[1:], [-1])
        self.assertEqual(self.pluck("a.b")[1], -2)

    def test_large_payload_is_left(self):
        self.push(job("a", pad="x" * 1000))
        self.assertEqual(self.pluck("a", largest=500)[1:], [-1])

    def test_key_of_another_type_is_empty(self):
        self.redis("SET", Q, job("a"))
        self.assertEqual(self.pluck("a")[1:], [-1])

    def test_leases_of_another_type_lose_no_job(self):
        self.push(job("a"))
        self.redis("SET", leased("w"), "broken")
        with self.assertRaises(RedisError):
            self.pluck("a")
        self.assertEqual(self.waiting(), [job("a")])


if __name__ == "__main__":
    main()
