"""permit, and the limits of claim: how many at a time, how many a second."""

from case import *

HOUR = 3600 * 1000000


class Claim(LuaCase):
    def test_leases_of_all_workers_count(self):
        self.push(*"abcdef")
        first = self.claim_limited("t1", "w1", running=4)
        self.assertEqual(first[1:], [0, 1, b"a", 1, b"b", 1, b"c"])
        second = self.claim_limited("t2", "w2", running=4)
        self.assertEqual(second[1:], [FULL, 1, b"d"])
        self.assertEqual(self.claim_limited("t3", "w3", running=4)[1:],
                         [FULL])
        self.redis("HDEL", leased("w1"), "t1:1")
        self.assertEqual(self.claim_limited("t4", "w3", running=4)[1:],
                         [FULL, 1, b"e"])

    def test_a_cut_claim_keeps_the_order_of_turns(self):
        self.push("h0", "h1", to=HIGH)
        self.push("n0", "n1")
        self.push("l0", "l1", to=LOW)
        answer = self.claim_limited(turns="2100", running=2)
        self.assertEqual(answer[2:], [1, b"n0", 2, b"l0"])

    def test_a_rate_gives_one_each(self):
        self.push(*"abcdef")
        first = self.claim_limited("t1", each=HOUR, burst=2)
        self.assertEqual(first[2:], [1, b"a", 1, b"b"])
        wait, flags = divmod(first[1], MS)
        self.assertEqual(flags, 0)
        self.assertTrue(3590000 < wait <= 3600000, wait)
        again = self.claim_limited("t2", each=HOUR, burst=2)
        self.assertEqual(len(again), 2)
        self.assertTrue(3590000 < again[1] // MS <= 3600000, again)

    def test_what_was_not_there_costs_no_turn(self):
        self.claim_limited("t1", each=HOUR)
        self.push("a")
        self.assertEqual(self.claim_limited("t2", each=HOUR)[2:], [1, b"a"])


class Permit(LuaCase):
    def lease(self, *fields, worker="w"):
        for field in fields:
            self.redis("HSET", leased(worker), field, "job")

    def test_as_many_as_may(self):
        self.lease("t:1", "t:2", "t:3")
        limit = ("handler:h", 2, 0, 1)
        self.assertEqual(self.permit("t:1", limit), 0)
        self.assertEqual(self.permit("t:2", limit), 0)
        self.assertEqual(self.permit("t:3", limit), -1)
        self.redis("HDEL", leased("w"), "t:1")
        self.assertEqual(self.permit("t:3", limit), 0)

    def test_all_limits_or_none(self):
        self.lease("t:1", "t:2", worker="a b")
        model = ("model:m", 1, 0, 1)
        other = ("handler:h", 5, 0, 1)
        self.assertEqual(self.permit("t:1", model, worker="a b"), 0)
        self.assertEqual(self.permit("t:2", other, model, worker="a b"), -1)
        self.assertEqual(self.redis("HLEN", "{ai:limits}:handler:h:running"),
                         0)

    def test_a_turn_is_kept(self):
        limit = ("handler:h", 0, HOUR, 1)
        self.assertEqual(self.permit("t:1", limit), 0)
        second = self.permit("t:2", limit)
        third = self.permit("t:3", limit)
        self.assertTrue(3590000 < second <= 3600000, second)
        self.assertTrue(7190000 < third <= 7200000, third)
        self.assertEqual(self.permit("t:2", limit, paced=1), 0)


if __name__ == "__main__":
    main()
