"""renew, reap and beat: leases live as long as their worker says so, and
then belong to whoever reaps them first."""

from case import *


class Renew(LuaCase):
    def test_prolongs_and_counts(self):
        self.push("a", "b")
        self.claim(turns=(0, 2, 0))
        now, held = self.renew(life=60000)
        self.assertNow(now)
        self.assertEqual(held, 2)
        self.assertEqual(self.lease_end(), now + 60000)

    def test_without_leases_the_entry_goes(self):
        self.push("a")
        self.claim(turns=(0, 1, 0))
        self.commit(("t:1", "x", "r", 1000, "done", "", ()))
        self.assertEqual(self.renew()[1], 0)
        self.assertIsNone(self.lease_end())

    def test_touches_only_its_own(self):
        self.push("a", "b")
        self.claim(token="t1", worker="w1", turns=(0, 1, 0))
        self.claim(token="t2", worker="w2", turns=(0, 1, 0))
        self.redis("ZADD", LEASES, 1, "w1")
        self.renew("w2")
        self.assertEqual(self.lease_end("w1"), 1)


class Move(LuaCase):
    def test_leases_of_the_run_get_another_name(self):
        self.push("a", BINARY, "c")
        self.claim(token="run-1", worker="w", turns=(0, 2, 0))
        self.claim(token="other-1", worker="w", turns=(0, 1, 0))
        now, moved = self.move("w", "w-old", "run")
        self.assertNow(now)
        self.assertEqual(moved, 2)
        self.assertEqual(self.leases("w-old"),
                         {b"run-1:1": b"a", b"run-1:2": BINARY})
        self.assertEqual(self.leases("w"), {b"other-1:1": b"c"})
        self.assertEqual(self.lease_end("w-old"), now + LEASE_MS)
        self.assertIsNotNone(self.lease_end("w"))

    def test_again_changes_nothing_and_the_empty_name_goes(self):
        self.push("a")
        self.claim(token="run-1", worker="w", turns=(0, 1, 0))
        self.move("w", "w-old", "run")
        self.assertIsNone(self.lease_end("w"))
        before = self.leases("w-old")
        self.assertEqual(self.move("w", "w-old", "run")[1], 0)
        self.assertEqual(self.leases("w-old"), before)

    def test_back_again(self):
        self.push("a")
        self.claim(token="run-1", worker="w", turns=(0, 1, 0))
        before = self.leases("w")
        self.move("w", "w-old", "run")
        self.assertEqual(self.move("w-old", "w", "run")[1], 1)
        self.assertEqual(self.leases("w"), before)
        self.assertIsNone(self.lease_end("w-old"))


class Reap(LuaCase):
    def hold(self, *jobs, worker="dead", token="old"):
        self.push(*jobs)
        self.claim(token=token, worker=worker, turns=(0, len(jobs), 0))

    def expire(self, worker="dead"):
        self.redis("ZADD", LEASES, 1, worker)

    def test_live_leases_are_left_alone(self):
        self.hold("a", "b")
        before = self.dump()
        self.assertEqual(self.reap("run-1")[1:], [0])
        self.assertEqual(self.dump(), before)

    def test_leases_that_ran_out_become_ours(self):
        self.hold("a", BINARY)
        self.redis("HSET", HISTORY, "x", "1")
        self.expire()
        now, history, *jobs = self.reap("run-1")
        self.assertNow(now)
        self.assertEqual(history, 1)
        self.assertEqual(jobs[::2], [b"dead", b"dead"])
        self.assertEqual(set(jobs[1::2]), {b"a", BINARY})
        self.assertEqual(self.leases("me"),
                         {b"run-1:1": jobs[1], b"run-1:2": jobs[3]})
        self.assertEqual(self.leases("dead"), {})
        self.assertIsNone(self.lease_end("dead"))
        self.assertEqual(self.lease_end("me"), now + LEASE_MS)

    def test_former_owner_can_neither_commit_nor_give_back(self):
        self.hold("a")
        self.expire()
        self.reap("run-1")
        self.assertEqual(self.commit(("old:1", "x", "r", 1000, "done", "",
                                      ()), worker="dead"), [0])
        self.assertEqual(self.requeue("old:1", worker="dead"), 0)
        self.assertEqual(self.note("old:1", record="r", worker="dead"), 0)
        self.assertEqual(self.renew("dead")[1], 0)
        self.assertEqual(self.leases("me"), {b"run-1:1": b"a"})
        self.assertEqual(self.redis("EXISTS", job_key("x")), 0)

    def test_two_reapers_share_no_job(self):
        self.hold("a", "b", "c")
        self.expire()
        first = self.reap("r1-1", me="one", most=2)
        second = self.reap("r2-1", me="two")
        self.assertEqual(len(first), 6)
        self.assertEqual(len(second), 4)
        self.assertEqual(sorted(first[3::2] + second[3::2]),
                         [b"a", b"b", b"c"])
        self.assertEqual(self.reap("r3-1", me="three")[1:], [0])

    def test_limit_leaves_the_rest_to_be_reaped(self):
        self.hold(*range(7))
        self.expire()
        taken = []
        for turn in (1, 2, 3, 4):
            taken += self.reap("run-%d" % turn, most=3)[3::2]
        self.assertEqual(sorted(map(int, taken)), list(range(7)))
        self.assertEqual(len(self.leases("me")), 7)
        self.assertIsNone(self.lease_end("dead"))

    def test_entry_without_leases_goes(self):
        self.expire()
        self.assertEqual(self.reap("run-1")[1:], [0])
        self.assertEqual(self.redis("EXISTS", LEASES), 0)

    def test_our_own_late_leases_are_not_ours_to_reap(self):
        self.hold("a", worker="me", token="run-1")
        self.expire("me")
        self.assertEqual(self.reap("run-2")[1:], [0])
        self.assertEqual(self.leases("me"), {b"run-1:1": b"a"})

    def test_many_dead_workers(self):
        for i in range(20):
            self.hold("j%d" % i, worker="d%d" % i, token="o%d" % i)
            self.expire("d%d" % i)
        taken = []
        for turn in (1, 2):
            taken += self.reap("run-%d" % turn)[3::2]
        self.assertEqual(sorted(taken),
                         sorted(b"j%d" % i for i in range(20)))

    def test_what_a_former_run_left_is_taken_at_start(self):
        self.holds("run")
        self.hold("a", "b", worker="me", token="former-9")
        self.hold("other")
        answer = self.reap("run-1")
        self.assertEqual(sorted(answer[3::2]), [b"a", b"b"])
        self.assertEqual(set(self.leases("me")), {b"run-1:1", b"run-1:2"})
        self.assertIsNotNone(self.lease_end("me"))
        self.assertEqual(self.leases("dead"), {b"old:1": b"other"})

    def test_start_in_several_calls_takes_each_job_once(self):
        self.holds("run")
        self.hold(*range(5), worker="me", token="former-9")
        taken = []
        for turn in (1, 2, 12, 13):
            taken += self.reap("run-%d" % turn, most=2)[3::2]
        self.assertEqual(sorted(map(int, taken)), list(range(5)))
        self.assertEqual(len(self.leases("me")), 5)

    def test_dead_run_s_late_call_takes_nothing_of_the_living(self):
        self.holds("run")
        self.hold("mine", worker="me", token="run-1")
        self.assertEqual(self.reap("former-2")[2:], [])
        self.assertEqual(self.leases("me"), {b"run-1:1": b"mine"})

    def test_start_leaves_what_this_run_claimed(self):
        self.holds("run")
        self.hold("former", worker="me", token="former-9")
        self.hold("mine", worker="me", token="run-1")
        answer = self.reap("run-2")
        self.assertEqual(answer[3::2], [b"former"])
        self.assertEqual(self.leases("me"),
                         {b"run-1:1": b"mine", b"run-2:1": b"former"})

    def test_lease_key_of_another_type_loses_nothing(self):
        self.hold("a", "b")
        self.expire()
        self.redis("SET", leased("me"), "text")
        with self.assertRaisesRegex(RedisError, "WRONGTYPE"):
            self.reap("run-1")
        self.assertEqual(set(self.leases("dead").values()), {b"a", b"b"})
        self.redis("DEL", leased("me"))
        self.assertEqual(len(self.reap("run-2")[3::2]), 2)


class Beat(LuaCase):
    def test_status_and_list_of_workers(self):
        now = self.beat('{"run":"r1"}', '"run":"r1"')
        self.assertNow(now)
        self.assertEqual(self.redis("GET", "ai:worker:w"), b'{"run":"r1"}')
        left = self.redis("PTTL", "ai:worker:w")
        self.assertTrue(50000 < left <= 60000, left)
        self.assertEqual(int(self.redis("ZSCORE", "ai:workers", "w")), now)

    def test_next_beat_of_the_same_run_replaces(self):
        self.beat('{"run":"r1","n":1}', '"run":"r1"')
        self.beat('{"run":"r1","n":2}', '"run":"r1"')
        self.assertEqual(self.redis("GET", "ai:worker:w"),
                         b'{"run":"r1","n":2}')

    def test_another_run_that_lives_is_shown_and_kept(self):
        self.beat('{"run":"r1"}', '"run":"r1"')
        before = self.redis("ZSCORE", "ai:workers", "w")
        self.assertEqual(self.beat('{"run":"r2"}', '"run":"r2"'),
                         b'{"run":"r1"}')
        self.assertEqual(self.redis("GET", "ai:worker:w"), b'{"run":"r1"}')
        self.assertEqual(self.redis("ZSCORE", "ai:workers", "w"), before)

    def test_mark_is_text_not_a_pattern(self):
        self.beat('{"run":"a.b"}', '"run":"a.b"')
        self.assertEqual(self.beat('{"run":"a-b"}', '"run":"a-b"'),
                         b'{"run":"a.b"}')
        self.assertEqual(self.beat("{}", '"run":".*"'), b'{"run":"a.b"}')

    def test_id_is_free_when_the_status_is_gone(self):
        self.beat('{"run":"r1"}', '"run":"r1"')
        self.redis("DEL", "ai:worker:w")
        self.assertIsInstance(self.beat('{"run":"r2"}', '"run":"r2"'), int)

    def test_workers_silent_for_a_day_leave_the_list(self):
        now = self.now()
        self.redis("ZADD", "ai:workers", now - 86500000, "old",
                   now - 86300000, "young")
        self.beat("{}", "{}")
        self.assertEqual(self.redis("ZRANGE", "ai:workers", 0, -1),
                         [b"young", b"w"])


if __name__ == "__main__":
    main()
