"""The client against a real Redis: routing, waiting, records, events."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import threading
import time
import unittest
import uuid

from fake_child import DEADLINE, PYTHONPATH
from private_redis import SERVER, PrivateRedis, until

import ganger

try:
    import redis

    from ganger._confirm import Confirmation
    from ganger.client import Client, NotConfirmed, connect, uuid7
except ImportError:
    redis = None

Q = "ai:inference:queue"
NEEDS = unittest.skipUnless(redis and SERVER, "needs redis-py, redis-server")


class WithoutRedis(unittest.TestCase):
    def test_the_import_says_what_is_missing(self):
        done = subprocess.run(
            [
                sys.executable,
                "-c",
                "import sys; sys.modules['redis'] = None\n"
                "import ganger.client",
            ],
            env={"PYTHONPATH": PYTHONPATH},
            capture_output=True,
            text=True,
            timeout=DEADLINE,
        )
        self.assertEqual(done.returncode, 1)
        self.assertIn("needs redis-py 4 or later", done.stderr)


@unittest.skipUnless(redis, "needs redis-py")
class Forms(unittest.TestCase):
    def test_an_id_is_a_uuid_of_version_7_that_tells_its_time(self):
        before = time.time_ns() // 1_000_000
        ids = [uuid7() for _ in range(100)]
        after = time.time_ns() // 1_000_000
        self.assertEqual(len(set(ids)), 100)
        for id in ids:
            value = uuid.UUID(id)
            self.assertEqual(str(value), id)
            self.assertEqual(value.version, 7)
            self.assertEqual(value.variant, uuid.RFC_4122)
            self.assertTrue(before <= value.int >> 80 <= after)

    def test_urls(self):
        for url, wanted in (
            ("unix:/run/r.sock", {"path": "/run/r.sock", "db": 0}),
            ("unix:///run/r.sock?db=3", {"path": "/run/r.sock", "db": 3}),
            ("redis://h:7000/2", {"host": "h", "port": 7000, "db": 2}),
            ("redis://:pw@h", {"host": "h", "password": "pw"}),
        ):
            with self.subTest(url):
                pool = connect(url).connection_pool
                connection = pool.connection_class(**pool.connection_kwargs)
                for key, value in wanted.items():
                    self.assertEqual(getattr(connection, key), value)
        pool = connect("rediss://h").connection_pool
        self.assertIs(pool.connection_class, redis.SSLConnection)


@NEEDS
class ClientCase(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = PrivateRedis()
        cls.addClassCleanup(cls.server.stop)

    def setUp(self):
        self.redis = connect(self.server.url)
        self.redis.flushall()
        self.client = Client(self.server.url)
        self.addCleanup(self.redis.connection_pool.disconnect)
        self.addCleanup(self.client.close)

    def finish(self, id, state="done", queue=Q, event=True, **keys):
        """Writes a final record as a worker's commit does."""
        record = {"id": id, "queue": queue, "state": state, **keys}
        with self.redis.pipeline() as pipe:
            pipe.set(f"{{{queue}}}:job:{id}", json.dumps(record))
            if event:
                pipe.publish(
                    "ai:events",
                    json.dumps(
                        {"v": 1, "id": id, "queue": queue, "state": state}
                    ),
                )
            pipe.execute()
        return record

    def subscribed(self):
        return dict(self.redis.pubsub_numsub("ai:events"))[b"ai:events"]

    def in_thread(self, function):
        """Runs it once somebody listens to the events."""

        def run():
            until(self.subscribed, "a subscriber to ai:events")
            function()

        thread = threading.Thread(target=run)
        thread.start()
        self.addCleanup(thread.join)


class Submit(ClientCase):
    def payload(self, key):
        """Gives the one job of a list."""
        self.assertEqual(self.redis.llen(key), 1, key)
        return json.loads(self.redis.lindex(key, 0))

    def test_the_jobs_keys_choose_the_queue(self):
        for job, options, key in (
            ({}, {}, "ai:inference:queue"),
            ({"type": "inference"}, {}, "ai:inference:queue"),
            ({"type": "training"}, {}, "ai:training:queue"),
            ({"type": "selftest"}, {}, "ai:cpu:queue"),
            ({"type": None}, {}, "ai:inference:queue"),
            ({"requires_gpu": True}, {}, "ai:gpu:queue"),
            ({"type": "training"}, {"gpu": True}, "ai:gpu:queue"),
            ({"requires_gpu": True}, {"gpu": False}, "ai:inference:queue"),
            ({}, {"queue": "my:queue"}, "my:queue"),
            ({}, {"worker": "w1"}, "ai:worker:w1:queue"),
            ({}, {"priority": "high"}, "{ai:inference:queue}:high"),
            ({"priority": "low"}, {}, "{ai:inference:queue}:low"),
            ({"priority": "low"}, {"priority": "normal"}, Q),
            ({}, {"queue": "q", "priority": "low"}, "{q}:low"),
        ):
            with self.subTest(job=job, options=options):
                self.redis.flushall()
                id = self.client.submit(job, **options)
                self.assertEqual(self.payload(key)["id"], id)

    def test_id_and_time_are_added_and_the_rest_is_untouched(self):
        job = {"type": "training", "input": {"ü": [1, None]}}
        id = self.client.submit(job, model="m")
        sent = self.payload("ai:training:queue")
        self.assertEqual(sent.pop("id"), id)
        self.assertEqual(uuid.UUID(id).version, 7)
        self.assertLess(abs(sent.pop("queued_at") / 1000 - time.time()), 60)
        self.assertEqual(sent, {**job, "model": "m"})
        self.assertNotIn("id", job)

    def test_what_the_producer_chose_is_kept(self):
        id = self.client.submit({"id": "a.b:c-1", "queued_at": 5})
        self.assertEqual(id, "a.b:c-1")
        self.assertEqual(self.payload(Q), {"id": "a.b:c-1", "queued_at": 5})

    def test_the_gpu_argument_is_the_jobs_key(self):
        self.client.submit({}, gpu=True)
        self.assertIs(self.payload("ai:gpu:queue")["requires_gpu"], True)

    def test_another_prefix(self):
        with Client(self.server.url, prefix="lab") as client:
            client.submit({})
        self.assertEqual(self.redis.llen("lab:inference:queue"), 1)

    def test_bad_jobs_send_nothing(self):
        for job, options, text in (
            ({"id": "a b"}, {}, "id 'a b'"),
            ({"id": ""}, {}, "id ''"),
            ({"id": 7}, {}, "id 7"),
            ({"id": "x" * 129}, {}, "128"),
            ({"priority": "urgent"}, {}, "priority 'urgent'"),
            ({"input": float("nan")}, {}, "JSON compliant"),
            ({"input": {1, 2}}, {}, "the job is not JSON"),
            ({}, {"queue": "q", "worker": "w"}, "exclude each other"),
        ):
            with self.subTest(text):
                with self.assertRaisesRegex(ValueError, text):
                    self.client.submit_many([{}, job], **options)
        self.assertEqual(self.redis.dbsize(), 0)

    def test_many_jobs_keep_their_order(self):
        ids = self.client.submit_many({"input": n} for n in range(2500))
        listed = self.redis.lrange(Q, 0, -1)
        self.assertEqual([json.loads(job)["id"] for job in listed[::-1]], ids)


class Confirm(ClientCase):
    """Submissions that return once others hold the jobs."""

    def has_waitaof(self):
        answer = self.redis.execute_command("COMMAND INFO", "waitaof")
        return bool(answer) and answer != [None]

    def test_without_replicas_the_jobs_are_queued_and_named(self):
        jobs = [{"input": n} for n in range(1001)]
        with self.assertRaisesRegex(
            NotConfirmed, "1001 jobs queued.*replicas: 0 of 1 in time"
        ) as caught:
            self.client.submit_many(
                jobs, min_replicas=1, confirm_timeout=0.05
            )
        self.assertEqual(self.redis.llen(Q), len(jobs))
        self.assertEqual(len(set(caught.exception.ids)), len(jobs))
        self.client.submit({}, min_replicas=0)

    def test_with_a_replica_it_returns_once_that_has_the_job(self):
        replica = PrivateRedis()
        self.addCleanup(replica.stop)
        port = self.listen(self.server)
        follower = connect(replica.url)
        self.addCleanup(follower.connection_pool.disconnect)
        # a TERM that comes while it writes its first file is not obeyed
        follower.config_set("appendonly", "no")
        follower.execute_command("REPLICAOF", "127.0.0.1", port)
        until(
            lambda: follower.info("replication")["master_link_status"] == "up",
            "the replica's link",
        )
        id = self.client.submit({}, min_replicas=1, confirm_timeout=DEADLINE)
        self.assertEqual(json.loads(follower.lindex(Q, 0))["id"], id)

    def listen(self, server):
        """Lets a server listen on a port of loopback as well."""
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        self.redis.config_set("bind", "127.0.0.1")
        self.redis.config_set("port", port)
        self.addCleanup(self.redis.config_set, "port", 0)
        return port

    def test_on_disk(self):
        if not self.has_waitaof():
            self.skipTest("a Redis before 7.2 has no WAITAOF")
        self.client.submit({}, wait_aof=True, confirm_timeout=DEADLINE)
        self.assertEqual(self.redis.llen(Q), 1)
        # the answer is the file's: without one it is no
        self.redis.config_set("appendonly", "no")
        self.addCleanup(self.redis.config_set, "appendonly", "yes")
        with self.assertRaisesRegex(NotConfirmed, "1 job.*queued") as caught:
            self.client.submit({}, wait_aof=True)
        self.assertEqual(len(caught.exception.ids), 1)
        self.assertEqual(self.redis.llen(Q), 2)

    def test_a_server_without_waitaof_gets_no_job(self):
        if self.has_waitaof():
            self.skipTest("this Redis has WAITAOF")
        with self.assertRaisesRegex(NotConfirmed, "nothing was queued") as c:
            self.client.submit({}, wait_aof=True)
        self.assertEqual(c.exception.ids, [])
        self.assertEqual(self.redis.dbsize(), 0)

    def test_answers_are_judged(self):
        for answers, text in (
            ([[1, 2], 2], None),
            ([[0, 2], 2], "the append-only file: 0 of 1"),
            ([[1, 1], 2], "files of replicas: 1 of 2"),
            ([[1, 2], 1], "replicas: 1 of 2"),
            ([redis.ResponseError("appendonly is off"), 2], "is off"),
        ):
            with self.subTest(answers=answers):
                sure = Confirmation(2, True, 1.0)
                if text is None:
                    sure.judge(answers, ["a"])
                    continue
                with self.assertRaisesRegex(NotConfirmed, text):
                    sure.judge(answers, ["a"])

    def test_bad_arguments_send_nothing(self):
        for options, text in (
            ({"min_replicas": -1}, "min_replicas -1 is negative"),
            ({"min_replicas": "1"}, "min_replicas '1'"),
            ({"confirm_timeout": 0}, "confirm_timeout 0"),
        ):
            with self.assertRaisesRegex(ValueError, text):
                self.client.submit({}, **options)
        self.assertEqual(self.redis.dbsize(), 0)


class Read(ClientCase):
    def test_no_record_is_none(self):
        self.assertIsNone(self.client.record("nobody"))

    def test_a_record_is_found_in_any_default_queue_and_workers_queue(self):
        self.redis.zadd("ai:workers", {"w1": 1})
        for n, queue in enumerate(
            [f"ai:{k}:queue" for k in ("training", "gpu", "cpu")]
            + ["ai:worker:w1:queue"]
        ):
            record = self.finish(f"j{n}", queue=queue)
            self.assertEqual(self.client.record(f"j{n}"), record)

    def test_a_queue_of_ones_own_is_remembered_from_the_submit(self):
        id = self.client.submit({}, queue="my:queue")
        record = self.finish(id, queue="my:queue")
        self.assertEqual(self.client.record(id), record)
        with Client(self.server.url) as other:
            self.assertIsNone(other.record(id))
            self.assertEqual(other.record(id, queue="my:queue"), record)

    def test_a_moved_job_is_followed(self):
        id = self.client.submit({})
        self.finish(id, "moved", moved_to="far:queue", finished_at=9)
        self.assertEqual(self.client.record(id)["state"], "moved")
        record = self.finish(id, queue="far:queue", started_at=1)
        self.assertEqual(self.client.record(id), record)

    def test_a_circle_of_moves_ends(self):
        self.finish("j", "moved", moved_to="b")
        self.finish("j", "moved", queue="b", moved_to=Q)
        self.assertEqual(self.client.record("j")["state"], "moved")

    def test_the_later_of_two_jobs_with_one_id_counts(self):
        self.finish("j", finished_at=100)
        self.finish("j", "failed", queue="ai:cpu:queue", finished_at=200)
        self.assertEqual(self.client.record("j")["state"], "failed")

    def test_junk_in_a_records_key_is_no_record(self):
        for junk in ("not json", "[1]", b"\xff"):
            self.redis.set(f"{{{Q}}}:job:j", junk)
            self.assertIsNone(self.client.record("j"))

    def test_log_gives_the_last_lines_in_order(self):
        for n in range(5):
            self.redis.xadd(
                f"{{{Q}}}:log:j", {"stream": "stdout", "line": f"line {n}"}
            )
        self.assertEqual(
            self.client.log("j", lines=2), ["line 3", "line 4"]
        )
        self.assertEqual(self.client.log("other"), [])

    def test_queues_are_counted(self):
        self.redis.zadd("ai:workers", {"w1": 1, "w2": 2})
        self.client.submit_many([{}, {}])
        self.client.submit({}, priority="high")
        self.redis.zadd(f"{{{Q}}}:delayed", {"a": 1, "b": 2, "c": 3})
        self.redis.lpush(f"{{{Q}}}:dead", "x")
        self.redis.hset(f"{{{Q}}}:leased:w1", mapping={"a": 1, "b": 1})
        self.redis.hset(f"{{{Q}}}:leased:w2", mapping={"c": 1})
        table = {row.pop("queue"): row for row in self.client.queues()}
        self.assertEqual(
            table[Q],
            {
                "high": 1,
                "normal": 2,
                "low": 0,
                "delayed": 3,
                "leased": 3,
                "dead": 1,
            },
        )
        self.assertEqual(set(table["ai:worker:w2:queue"].values()), {0})
        self.assertEqual(len(table), 6)


class Wait(ClientCase):
    def test_jobs_that_are_final_already(self):
        records = {id: self.finish(id) for id in ("a", "b")}
        self.assertEqual(self.client.wait(["b", "a", "b"], 0), records)
        self.assertEqual(self.client.wait("a", 0), {"a": records["a"]})

    def test_every_final_state_ends_the_wait_and_no_other(self):
        for state in ("done", "failed", "cancelled", "expired"):
            self.finish(state, state)
            self.client.wait(state, 0)
        for state in ("running", "waiting", "moved"):
            self.finish(state, state)
            with self.assertRaises(ganger.WaitTimeout):
                self.client.wait(state, 0)

    def test_a_job_that_ends_while_we_wait(self):
        id = self.client.submit({})

        def work():
            self.redis.publish("ai:events", "junk")
            self.redis.publish(
                "ai:events",
                json.dumps({"id": id, "queue": Q, "state": "running"}),
            )
            self.finish("other")
            self.finish(id, result=[42])

        self.in_thread(work)
        # far under the time after which records are looked at again
        started = time.monotonic()
        self.assertEqual(self.client.result(id, timeout=DEADLINE), [42])
        self.assertLess(time.monotonic() - started, 5)

    def test_many_jobs_are_yielded_as_they_end(self):
        ids = self.client.submit_many({} for _ in range(1500))

        def work():
            for id in reversed(ids):
                self.finish(id)

        self.in_thread(work)
        seen = [
            r["id"] for r in self.client.as_completed(ids, timeout=DEADLINE)
        ]
        self.assertEqual(sorted(seen), sorted(ids))

    def test_a_job_that_moved_while_we_wait_is_found_where_it_ends(self):
        id = self.client.submit({})
        self.in_thread(lambda: self.finish(id, queue="far:queue", result=1))
        self.assertEqual(self.client.result(id, timeout=5), 1)

    def test_a_timeout_tells_what_is_done(self):
        self.finish("a")
        with self.assertRaises(TimeoutError) as caught:
            self.client.wait(["a", "b"], timeout=0.02)
        self.assertEqual(list(caught.exception.done), ["a"])
        self.assertEqual(caught.exception.pending, {"b"})
        self.assertEqual(str(caught.exception), "1 jobs are not final: b")

    def test_a_lost_subscription_loses_no_job(self):
        def work():
            self.finish("a", event=False)
            self.redis.client_kill_filter(_type="pubsub")

        self.in_thread(work)
        started = time.monotonic()
        self.assertIn("a", self.client.wait("a", timeout=DEADLINE))
        self.assertLess(time.monotonic() - started, 5)

    def test_no_subscription_is_left_behind(self):
        self.finish("a")
        self.client.wait("a")
        until(lambda: self.subscribed() == 0, "the subscription's end")

    def test_a_failed_job_raises_with_cause_message_and_log(self):
        self.redis.xadd(
            f"{{{Q}}}:log:a", {"stream": "stderr", "line": "oh no"}
        )
        error = {"cause": "crashed", "message": "signal 11", "signal": 11}
        record = self.finish("a", "failed", error=error)
        with self.assertRaises(ganger.JobFailed) as caught:
            self.client.result("a")
        failed = caught.exception
        self.assertEqual((failed.cause, failed.message), ("crashed", "signal 11"))
        self.assertEqual((failed.signal, failed.exit_code), (11, None))
        self.assertEqual(failed.log, ["oh no"])
        self.assertEqual(failed.record, record)
        self.assertEqual(str(failed), "job a failed: crashed: signal 11")

    def test_a_cancelled_job_raises_too(self):
        self.finish("a", "cancelled")
        with self.assertRaisesRegex(ganger.JobFailed, "cancelled"):
            self.client.result("a")


class Talk(ClientCase):
    def test_events_come_in_order_from_the_subscription_on(self):
        self.finish("early")
        with self.client.events() as events:
            for n in range(3):
                self.finish(f"j{n}")
            seen = [events.get(timeout=DEADLINE)["id"] for _ in range(3)]
            self.assertEqual(seen, ["j0", "j1", "j2"])
            self.assertIsNone(events.get(timeout=0.01))
            self.finish("last", "failed")
            self.assertEqual(next(iter(events))["state"], "failed")

    def test_cancel_is_heard_by_the_workers(self):
        self.assertEqual(self.client.cancel("a"), 0)
        listener = self.redis.pubsub()
        listener.subscribe("ai:control")
        listener.get_message(timeout=DEADLINE)
        self.assertEqual(self.client.cancel("a"), 1)
        message = listener.get_message(timeout=DEADLINE)
        self.assertEqual(
            json.loads(message["data"]), {"op": "cancel", "id": "a"}
        )
        listener.close()


@NEEDS
class RedisGone(unittest.TestCase):
    def test_waiting_ends_with_a_connection_error(self):
        server = PrivateRedis()
        self.addCleanup(server.stop)
        with Client(server.url) as client, connect(server.url) as other:

            def work():
                until(
                    lambda: dict(other.pubsub_numsub("ai:events"))[
                        b"ai:events"
                    ],
                    "a subscriber",
                )
                server.kill()

            thread = threading.Thread(target=work)
            thread.start()
            self.addCleanup(thread.join)
            with self.assertRaises(redis.ConnectionError):
                client.wait("a", timeout=DEADLINE)


if __name__ == "__main__":
    unittest.main()
