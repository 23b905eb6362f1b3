"""commit and note: what the end and the course of a job write, and that a
lease which is not ours any more writes nothing."""

import json

from case import *

WEEK = 604800000


def one(field, ident="x", record='{"state":"done"}', life=60000,
        counter="done", event="", extras=()):
    return (field, ident, record, life, counter, event, extras)


class Commit(LuaCase):
    def setUp(self):
        super().setUp()
        self.push("a", "b", "c")
        self.claim(turns=(0, 3, 0))

    def test_record_event_and_counter(self):
        ear = self.listen()
        answer = self.commit(one("t:1", "x", '{"state":"done"}', WEEK, "done",
                                 '{"v":1}'))
        self.assertEqual(answer, [1])
        self.assertEqual(self.redis("GET", job_key("x")),
                         b'{"state":"done"}')
        left = self.redis("PTTL", job_key("x"))
        self.assertTrue(WEEK - 10000 < left <= WEEK, left)
        self.assertEqual(self.heard(ear), [b'{"v":1}'])
        self.assertEqual(self.stats(), {"done": 1})
        self.assertEqual(set(self.leases()), {b"t:2", b"t:3"})

    def record(self, ident):
        return ('{"id":"%s","state":"done","worker":"w","slot":1,'
                '"type":"t","result":{"a":",\\"type\\":"}}' % ident)

    def plain(self, *numbers, run="t"):
        return [(f"{run}:{i}", f"x{i}", self.record(f"x{i}"))
                for i in numbers]

    def test_plain_jobs_and_their_events(self):
        ear = self.listen()
        self.assertEqual(self.commit(*self.plain(1, 2, 3), life=WEEK),
                         [1, 1, 1])
        left = self.redis("PTTL", job_key("x3"))
        self.assertTrue(WEEK - 10000 < left <= WEEK, left)
        self.assertEqual(self.redis("GET", job_key("x2")).decode(),
                         self.record("x2"))
        events = [json.loads(e) for e in self.heard(ear)]
        for event in events:
            self.assertNow(event.pop("ts"))
        self.assertEqual(events, [
            {"v": 1, "id": i, "state": "done", "worker": "w", "slot": 1}
            for i in ("x1", "x2", "x3")])
        self.assertEqual(self.stats(), {"done": 3})
        self.assertEqual(self.leases(), {})

    def test_plain_jobs_of_a_large_call_are_heard(self):
        """Nobody is told where nobody listens; whoever does hears all."""
        self.push(*range(40))
        self.claim(token="u", turns=(0, 40, 0))
        numbers = range(1, 41)
        for kind in ("SUBSCRIBE", "PSUBSCRIBE"):
            ear = self.server.connect()
            self.addCleanup(ear.close)
            ear(kind, EVENTS)
            done = self.commit(*self.plain(*numbers[:20], run="u"))
            numbers = numbers[20:]
            self.assertEqual(done, [1] * 20)
            for i in range(20):
                self.assertIn(b'"state":"done"', ear.read()[-1])
            ear.close()
            self.redis("PING")
        self.assertEqual(self.stats(), {"done": 40})

    def test_plain_jobs_among_others_in_order(self):
        """The later commit of one id is what its record shows."""
        answer = self.commit(
            one("t:1", "x", "first", extras=[("reply", "back")]),
            ("t:2", "x", self.record("second")),
            ("gone:1", "x", "no"),
            one("t:3", "x", "third", counter="failed"))
        self.assertEqual(answer, [1, 1, 0, 1])
        self.assertEqual(self.redis("GET", job_key("x")), b"third")
        self.assertEqual(self.redis("LRANGE", "back", 0, -1), [b"first"])
        self.assertEqual(self.stats(), {"done": 2, "failed": 1, "stale": 1})
        self.assertEqual(self.leases(), {})

    def test_plain_job_twice_counts_once(self):
        job, = self.plain(1)
        self.assertEqual(self.commit(job, job), [1, 0])
        self.assertEqual(self.commit(job), [0])
        self.assertEqual(self.stats(), {"done": 1, "stale": 2})

    def test_all_committed_is_told_in_one_number(self):
        keys = [leased("w"), STATS, DEAD, HISTORY]
        head = [job_key(""), log_key(""), EVENTS, 100, 60000]
        self.assertEqual(self.eval("commit", keys, [
            *head, 2, *self.plain(1)[0], *self.plain(2)[0], 0]), 1)
        self.assertEqual(self.eval("commit", keys, [
            *head, 2, *self.plain(1)[0], *self.plain(3)[0], 0]), [0, 1])

    def test_plain_job_on_a_server_out_of_memory(self):
        before = self.dump()
        self.redis("CONFIG", "SET", "maxmemory", 1)
        with self.assertRaisesRegex(RedisError, "OOM"):
            self.commit(*self.plain(1, 2))
        self.redis("CONFIG", "SET", "maxmemory", 0)
        self.assertEqual(self.dump(), before)

    def test_no_event_where_none_is_given(self):
        ear = self.listen()
        self.commit(one("t:1"))
        self.assertEqual(self.heard(ear), [])

    def test_committed_once_however_often_it_is_sent(self):
        job = one("t:1", counter="done", event="e",
                  extras=[("reply", "back"), ("dead", "letter")])
        self.assertEqual(self.commit(job), [1])
        self.redis("SET", job_key("x"), "newer")
        ear = self.listen()
        self.assertEqual(self.commit(job), [0])
        self.assertEqual(self.commit(job, job), [0, 0])
        self.assertEqual(self.redis("GET", job_key("x")), b"newer")
        self.assertEqual(self.redis("LLEN", "back"), 1)
        self.assertEqual(self.redis("LLEN", DEAD), 1)
        self.assertEqual(self.heard(ear), [])
        self.assertEqual(self.stats(), {"done": 1, "stale": 3})

    def test_twice_in_one_call_counts_once(self):
        self.assertEqual(self.commit(one("t:1"), one("t:1", record="2")),
                         [1, 0])
        self.assertEqual(self.redis("GET", job_key("x")),
                         b'{"state":"done"}')

    def test_stale_lease_changes_nothing_but_its_counter(self):
        before = self.dump()
        job = one("old:1", event="e",
                  extras=[("reply", "back"), ("dead", "letter"),
                          ("history", ""), ("log", ""), ("unique", "u")])
        ear = self.listen()
        self.assertEqual(self.commit(job), [0])
        self.assertEqual(self.heard(ear), [])
        self.assertEqual(self.stats(), {"stale": 1})
        self.redis("DEL", STATS)
        self.assertEqual(self.dump(), before)

    def test_each_of_many_stands_alone(self):
        answer = self.commit(
            one("t:1", "x1", "r1", extras=[("reply", "back1")]),
            one("gone:1", "x2", "r2", extras=[("reply", "back2"),
                                              ("dead", "no")]),
            one("t:3", "x3", "r3", counter="failed",
                extras=[("dead", "d3"), ("reply", "back3")]))
        self.assertEqual(answer, [1, 0, 1])
        self.assertEqual(self.redis("MGET", *map(job_key, ("x1", "x2", "x3"))),
                         [b"r1", None, b"r3"])
        self.assertEqual(self.redis("LRANGE", "back1", 0, -1), [b"r1"])
        self.assertEqual(self.redis("EXISTS", "back2"), 0)
        self.assertEqual(self.redis("LRANGE", "back3", 0, -1), [b"r3"])
        self.assertEqual(self.redis("LRANGE", DEAD, 0, -1), [b"d3"])
        self.assertEqual(self.stats(), {"done": 1, "failed": 1, "stale": 1})
        self.assertEqual(set(self.leases()), {b"t:2"})

    def test_reply_expires_an_hour_later(self):
        self.commit(one("t:1", record=BINARY, extras=[("reply", "back")]))
        self.assertEqual(self.redis("LRANGE", "back", 0, -1), [BINARY])
        self.assertEqual(self.redis("GET", job_key("x")), BINARY)
        left = self.redis("PTTL", "back")
        self.assertTrue(3590000 < left <= 3600000, left)

    def test_reply_key_of_another_type_fails_alone(self):
        self.redis("SET", "back", "text")
        answer = self.commit(
            one("t:1", "x1", extras=[("reply", "back"), ("dead", "d")]),
            one("t:2", "x2"))
        self.assertEqual(answer, [1, 1])
        self.assertEqual(self.redis("GET", "back"), b"text")
        self.assertEqual(self.redis("TTL", "back"), -1)
        self.assertEqual(self.redis("LRANGE", DEAD, 0, -1), [b"d"])
        self.assertEqual(set(self.leases()), {b"t:3"})
        self.assertEqual(self.stats(), {"done": 2})

    def test_dead_list_of_another_type_keeps_that_lease_only(self):
        self.redis("SET", DEAD, "text")
        jobs = [one("t:1", "x1"),
                one("t:2", "x2", extras=[("reply", "back"), ("dead", "d")])]
        with self.assertRaisesRegex(RedisError, "WRONGTYPE"):
            self.commit(*jobs)
        self.assertEqual(set(self.leases()), {b"t:2", b"t:3"})
        self.assertEqual(self.redis("EXISTS", "back", job_key("x2")), 0)
        self.assertEqual(self.stats(), {"done": 1})
        self.redis("DEL", DEAD)
        self.assertEqual(self.commit(*jobs), [0, 1])
        self.assertEqual(self.redis("LLEN", "back"), 1)

    def test_broken_counters_do_not_hinder(self):
        self.redis("SET", STATS, "text")
        self.assertEqual(self.commit(one("t:1")), [1])

    def test_dead_letters_are_newest_left_and_capped(self):
        for i in (1, 2, 3):
            self.commit(one("t:%d" % i, extras=[("dead", "d%d" % i)]),
                        dead_max=2)
        self.assertEqual(self.redis("LRANGE", DEAD, 0, -1), [b"d3", b"d2"])

    def test_history_log_and_unique(self):
        self.redis("HSET", HISTORY, "x", "1", "y", "2")
        self.redis("XADD", log_key("x"), "*", "line", "l")
        self.redis("SET", "mine", "x")
        self.redis("SET", "other", "y")
        self.commit(one("t:1", life=60000,
                        extras=[("history", ""), ("log", ""),
                                ("unique", "mine"), ("unique", "other"),
                                ("unique", "none")]))
        self.assertEqual(self.redis("HGETALL", HISTORY), [b"y", b"2"])
        left = self.redis("PTTL", log_key("x"))
        self.assertTrue(50000 < left <= 60000, left)
        self.assertEqual(self.redis("EXISTS", "mine"), 0)
        self.assertEqual(self.redis("GET", "other"), b"y")

    def test_without_id_there_is_no_record(self):
        self.assertEqual(self.commit(one("t:1", ident="",
                                         extras=[("dead", "d")])), [1])
        self.assertEqual(self.redis("KEYS", "*:job:*"), [])
        self.assertEqual(self.redis("LLEN", DEAD), 1)

    def test_server_out_of_memory_changes_nothing(self):
        before = self.dump()
        self.redis("CONFIG", "SET", "maxmemory", 1)
        with self.assertRaisesRegex(RedisError, "OOM"):
            self.commit(one("t:1", extras=[("reply", "back")]))
        self.redis("CONFIG", "SET", "maxmemory", 0)
        self.assertEqual(self.dump(), before)

    def test_server_out_of_memory_refuses_all_of_a_call(self):
        before = self.dump()
        self.redis("CONFIG", "SET", "maxmemory", 1)
        with self.assertRaisesRegex(RedisError, "OOM"):
            self.commit(one("gone:1", "x0"), one("t:1", "x1"),
                        one("t:2", "x2"))
        self.redis("CONFIG", "SET", "maxmemory", 0)
        self.assertEqual(self.dump(), before)

    def test_memory_that_runs_out_within_a_call_loses_nothing(self):
        """Either all of a job is written or its lease is left."""
        self.redis("CONFIG", "SET", "maxmemory-policy", "noeviction")
        used = int(self.redis("INFO", "memory").split(b"used_memory:")[1]
                   .split(b"\r")[0])
        self.redis("CONFIG", "SET", "maxmemory", used + 400000)
        big = "r" * 300000
        try:
            self.commit(one("t:1", "x1", big), one("t:2", "x2", big),
                        one("t:3", "x3", big))
        except RedisError as why:
            self.assertIn("OOM", str(why))
        self.redis("CONFIG", "SET", "maxmemory", 0)
        written = [i for i in (1, 2, 3)
                   if self.redis("EXISTS", job_key(f"x{i}"))]
        left = {b"t:%d" % i for i in (1, 2, 3) if i not in written}
        self.assertEqual(set(self.leases()), left)


class Note(LuaCase):
    def setUp(self):
        super().setUp()
        self.push("a")
        self.claim(turns=(0, 1, 0))

    def entries(self):
        return [e[1] for e in self.redis("XRANGE", log_key("x"), "-", "+")]

    def test_record_event_and_lines(self):
        ear = self.listen()
        self.assertEqual(self.note("t:1", record="r", event="e",
                                   lines=[("stdout", "one"),
                                          ("log", BINARY)]), 1)
        self.assertEqual(self.redis("GET", job_key("x")), b"r")
        self.assertEqual(self.redis("TTL", job_key("x")), -1)
        self.assertEqual(self.heard(ear), [b"e"])
        self.assertEqual(self.entries(),
                         [[b"stream", b"stdout", b"line", b"one"],
                          [b"stream", b"log", b"line", BINARY]])
        self.assertEqual(self.leases(), {b"t:1": b"a"})

    def test_nothing_given_leaves_all(self):
        before = self.dump()
        self.assertEqual(self.note("t:1"), 1)
        self.assertEqual(self.dump(), before)

    def test_log_keeps_the_newest(self):
        for i in range(0, 30, 3):
            self.note("t:1", keep=7, lines=[("stdout", str(i + k))
                                            for k in range(3)])
        self.assertEqual([int(e[3]) for e in self.entries()],
                         list(range(23, 30)))

    def test_payload_of_the_lease_is_replaced(self):
        self.note("t:1", payload=BINARY)
        self.assertEqual(self.leases(), {b"t:1": BINARY})
        self.requeue("t:1")
        self.assertEqual(self.waiting(), [BINARY])

    def test_stale_lease_changes_nothing(self):
        before = self.dump()
        ear = self.listen()
        for field, worker in (("t:2", "w"), ("old:1", "w"), ("t:1", "other")):
            self.assertEqual(self.note(field, record="r", event="e",
                                       payload="p", worker=worker,
                                       lines=[("log", "l")]), 0)
        self.assertEqual(self.dump(), before)
        self.assertEqual(self.heard(ear), [])


if __name__ == "__main__":
    main()
