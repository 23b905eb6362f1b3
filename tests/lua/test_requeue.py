"""requeue, promote and sift: jobs go back, come due and change lanes, each
exactly once and with their bytes unchanged."""

import json

from case import *

FAR = 4102444800000


class Requeue(LuaCase):
    def setUp(self):
        super().setUp()
        self.push("a", "b", "c")
        self.claim(turns=(0, 2, 0))

    def test_front_is_next_and_back_is_last(self):
        self.assertEqual(self.requeue("t:2", where="front"), 1)
        self.assertEqual(self.requeue("t:1", where="back"), 1)
        self.assertEqual(self.waiting(), [b"b", b"c", b"a"])
        self.assertEqual(self.leases(), {})
        self.assertEqual(self.stats(), {"requeued": 2})

    def test_given_back_newest_first_restores_the_order(self):
        self.requeue("t:2")
        self.requeue("t:1")
        self.assertEqual(self.waiting(), [b"a", b"b", b"c"])

    def test_second_time_does_nothing(self):
        ear = self.listen()
        self.requeue("t:1")
        before = self.waiting()
        self.assertEqual(self.requeue("t:1", ident="x", record="r",
                                      history="h", event="e"), 0)
        self.assertEqual(self.waiting(), before)
        self.assertEqual(self.redis("EXISTS", job_key("x"), HISTORY), 0)
        self.assertEqual(self.heard(ear), [])
        self.assertEqual(self.stats(), {"requeued": 1, "stale": 1})

    def test_committed_job_can_not_come_back(self):
        self.commit(("t:1", "x", "r", 1000, "done", "", ()))
        self.assertEqual(self.requeue("t:1"), 0)
        self.assertEqual(self.waiting(), [b"c"])

    def test_given_back_job_can_not_be_committed(self):
        self.requeue("t:1")
        self.assertEqual(self.commit(("t:1", "x", "r", 1000, "done", "",
                                      [("reply", "back")])), [0])
        self.assertEqual(self.redis("EXISTS", job_key("x"), "back"), 0)

    def test_record_history_and_event(self):
        ear = self.listen()
        self.requeue("t:1", ident="x", record="waiting", history="h1",
                     event="e", counter="retried")
        self.assertEqual(self.redis("GET", job_key("x")), b"waiting")
        self.assertEqual(self.redis("TTL", job_key("x")), -1)
        self.assertEqual(self.redis("HGET", HISTORY, "x"), b"h1")
        self.assertEqual(self.heard(ear), [b"e"])
        self.assertEqual(self.stats(), {"retried": 1})

    def test_record_with_a_life_and_history_forgotten(self):
        self.redis("HSET", HISTORY, "x", "1", "y", "2")
        self.requeue("t:1", ident="x", record="moved", life=60000)
        left = self.redis("PTTL", job_key("x"))
        self.assertTrue(50000 < left <= 60000, left)
        self.assertEqual(self.redis("HGETALL", HISTORY), [b"y", b"2"])

    def test_history_that_is_not_known_stays(self):
        self.redis("HSET", HISTORY, "x", "a2")
        self.requeue("t:1", ident="x", history="=")
        self.assertEqual(self.redis("HGET", HISTORY, "x"), b"a2")

    def test_without_id_nothing_is_written_about_it(self):
        self.redis("HSET", HISTORY, "", "1")
        self.requeue("t:1", ident="", record="r", history="h")
        self.assertEqual(self.redis("KEYS", "*:job:*"), [])
        self.assertEqual(self.redis("HGETALL", HISTORY), [b"", b"1"])

    def test_to_another_queue(self):
        self.requeue("t:1", target="ai:gpu:queue", where="back")
        self.assertEqual(self.waiting("ai:gpu:queue"), [b"a"])
        self.assertEqual(self.waiting(), [b"c"])

    def test_new_payload(self):
        self.requeue("t:1", payload=BINARY)
        self.assertEqual(self.waiting(), [BINARY, b"c"])

    def test_target_of_another_type_keeps_the_lease(self):
        self.redis("SET", HIGH, "text")
        with self.assertRaisesRegex(RedisError, "WRONGTYPE"):
            self.requeue("t:1", target=HIGH)
        self.assertEqual(self.leases(), {b"t:1": b"a", b"t:2": b"b"})
        self.assertEqual(self.requeue("t:1"), 1)

    def test_server_out_of_memory_keeps_the_lease(self):
        before = self.dump()
        self.redis("CONFIG", "SET", "maxmemory", 1)
        for where, target in (("front", Q), ("back", Q), (FAR, DELAYED)):
            with self.assertRaisesRegex(RedisError, "OOM"):
                self.requeue("t:1", target=target, where=where)
        self.redis("CONFIG", "SET", "maxmemory", 0)
        self.assertEqual(self.dump(), before)


class Promote(LuaCase):
    def later(self, payload, due, lane="n", field="t:1"):
        self.redis("HSET", leased("w"), field, payload)
        self.assertEqual(self.requeue(field, target=DELAYED, where=due,
                                      lane=lane), 1)

    def test_nothing_there(self):
        now, moved, due = self.promote()
        self.assertNow(now)
        self.assertEqual((moved, due), (0, 0))

    def test_future_jobs_stay_and_the_next_one_is_told(self):
        self.later("a", FAR + 5)
        self.later("b", FAR)
        self.assertEqual(self.promote()[1:], [0, FAR])
        self.assertEqual(self.redis("ZCARD", DELAYED), 2)

    def test_due_jobs_go_in_front_the_first_due_first(self):
        self.push("waits")
        self.later("second", 2000)
        self.later("first", 1000)
        self.later("not yet", FAR)
        self.assertEqual(self.promote()[1:], [2, FAR])
        self.assertEqual(self.waiting(), [b"first", b"second", b"waits"])
        self.assertEqual(self.redis("ZCARD", DELAYED), 1)

    def test_each_to_its_lane_bytes_unchanged(self):
        self.later(BINARY, 1, "h")
        self.later(BINARY, 1, "n")
        self.later(BINARY, 1, "l")
        self.assertEqual(self.promote()[1:], [3, 0])
        for key in (HIGH, Q, LOW):
            self.assertEqual(self.waiting(key), [BINARY])

    def test_equal_payloads_are_different_jobs(self):
        self.later("same", 1000, field="t:1")
        self.later("same", 1000, field="t:2")
        self.assertEqual(self.promote()[1], 2)
        self.assertEqual(self.waiting(), [b"same", b"same"])

    def test_at_most_so_many(self):
        for i in range(5):
            self.later("j%d" % i, 1000 + i, field="t:%d" % i)
        self.assertEqual(self.promote(2)[1:], [2, 1002])
        self.assertEqual(self.waiting(), [b"j0", b"j1"])
        self.promote(2)
        self.assertEqual(self.waiting(), [b"j2", b"j3", b"j0", b"j1"])

    def test_member_that_a_producer_added_itself(self):
        job = '{"id":"x","input":"h:t:1:no"}'
        self.redis("ZADD", DELAYED, 1, job)
        self.assertEqual(self.promote()[1], 1)
        self.assertEqual(self.waiting(), [job.encode()])

    def test_lane_of_another_type_loses_nothing(self):
        self.later("a", 1000, "h")
        self.redis("SET", HIGH, "text")
        with self.assertRaisesRegex(RedisError, "WRONGTYPE"):
            self.promote()
        self.assertEqual(self.redis("ZCARD", DELAYED), 1)
        self.redis("DEL", HIGH)
        self.assertEqual(self.promote()[1], 1)
        self.assertEqual(self.waiting(HIGH), [b"a"])


def job(name, priority=None, **more):
    return json.dumps(dict(more, id=name, priority=priority)
                      if priority else dict(more, id=name)).encode()


class Sift(LuaCase):
    def test_empty(self):
        self.assertEqual(self.sift(), 0)

    def test_each_to_its_lane_in_order(self):
        jobs = [job("n0"), job("h0", "high"), job("l0", "low"), job("n1"),
                job("h1", "high"), job("n2", "normal"), job("l1", "low")]
        self.push(*jobs)
        self.push("old high", to=HIGH)
        self.assertEqual(self.sift(), 4)
        self.assertEqual(self.waiting(), [jobs[0], jobs[3], jobs[5]])
        self.assertEqual(self.waiting(HIGH), [b"old high", jobs[1], jobs[4]])
        self.assertEqual(self.waiting(LOW), [jobs[2], jobs[6]])
        self.assertEqual(self.sift(), 0)

    def test_looks_only_at_the_next_ones(self):
        self.push(job("n0"), job("n1"), job("h0", "high"))
        self.assertEqual(self.sift(look=2), 0)
        self.assertEqual(len(self.waiting()), 3)
        self.assertEqual(self.sift(look=3), 1)

    def test_bytes_stay_and_only_the_key_counts(self):
        spaced = b'{ "id" :"h",\t"priority"\n:\t"high" }'
        nested = b'{"id":"n","input":{"priority":"high"}}'
        text = b'{"id":"n","message":"priority high"}'
        number = b'{"id":"n","priority":["high"]}'
        self.push(spaced, nested, text, number)
        self.assertEqual(self.sift(), 1)
        self.assertEqual(self.waiting(HIGH), [spaced])
        self.assertEqual(self.waiting(), [nested, text, number])

    def test_msgpack_jobs_too(self):
        high = b"\x82\xa2id\xa1x\xa8priority\xa4high"
        self.push(high)
        self.assertEqual(self.sift(), 1)
        self.assertEqual(self.waiting(HIGH), [high])

    def test_names_jobs_whose_ttl_counts_from_now(self):
        self.push(job("n0"), job("t0", ttl=5), job("t1", "high", ttl=5),
                  job("q", ttl=5, queued_at=1), job("r", result_ttl=5),
                  job("i", input={"ttl": 5}), job("x" * 129, ttl=5),
                  b'{"ttl":5}', b"\x82\xa2id\xa1m\xa3ttl\x05")
        self.assertEqual(self.look(), [1, b"t0", b"t1", b"m"])
        self.assertEqual(self.look(), [0, b"t0", b"m"])

    def test_garbage_stays(self):
        junk = [b"", b"priority high", b"\xff priority high", BINARY,
                b'{"priority":"high"', b"[" * 40 + b'"priority","high"']
        self.push(*junk)
        self.assertEqual(self.sift(), 0)
        self.assertEqual(self.waiting(), junk)

    def test_large_payload_is_left_for_the_claim(self):
        big = job("h", "high", input="x" * 70000)
        self.push(big)
        self.assertEqual(self.sift(), 0)
        self.assertEqual(self.sift(largest=80000), 1)

    def test_lane_of_another_type_neither_loses_nor_doubles(self):
        jobs = [job("h0", "high"), job("l0", "low"), job("n0")]
        self.push(*jobs)
        self.redis("SET", LOW, "text")
        for _ in range(3):
            try:
                self.sift()
            except RedisError as e:
                self.assertIn("WRONGTYPE", str(e))
        self.assertEqual(sorted(self.waiting() + self.waiting(HIGH)),
                         sorted(jobs))

    def test_server_out_of_memory_loses_nothing(self):
        self.push(job("n0"), job("h0", "high"), job("l0", "low"))
        before = self.dump()
        self.redis("CONFIG", "SET", "maxmemory", 1)
        self.assertEqual(self.sift(), 0)
        self.redis("CONFIG", "SET", "maxmemory", 0)
        self.assertEqual(self.dump(), before)


if __name__ == "__main__":
    main()
