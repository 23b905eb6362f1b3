"""Runners against a fake child: every decorator, errors, stops, junk."""

from __future__ import annotations

import io
import math
import os
import shutil
import struct
import tempfile
import threading
import unittest
from contextlib import redirect_stderr

from fake_child import DEADLINE, ThreadChild

import ganger
from ganger.runner import Runner


class RunnerCase(unittest.TestCase):
    def serve(self, runner, **welcome):
        child = ThreadChild(runner, **welcome)
        self.addCleanup(child.sock.close)
        return child

    def serving(self, function, **welcome):
        """A child for a runner whose infer is this function."""
        runner = Runner()
        runner.infer(function)
        return self.serve(runner, **welcome)


class Infer(RunnerCase):
    def test_a_job_reaches_the_handler_whole_and_its_result_comes_back(self):
        seen = []

        def infer(job, model):
            seen.append(job)
            return {"twice": job.input * 2}

        child = self.serving(infer)
        top = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, top)
        folders = [os.path.join(top, name) for name in ("w", "o/1", "c")]
        results, done = child.run(
            {
                "id": "a:1",
                "type": "inference",
                "attempt": 2,
                "work_dir": folders[0],
                "output_dir": folders[1],
                "checkpoint_dir": folders[2],
                "timeout": 1.5,
                "publish": "m",
                "fields": {"input": 21, "params": {"k": 1}, "other": [1]},
            }
        )
        self.assertEqual(results[1]["value"], {"twice": 42})
        self.assertEqual(done["models"], [])
        job = seen[0]
        self.assertEqual((job.id, job.attempt, job.timeout), ("a:1", 2, 1.5))
        self.assertEqual(job.params, {"k": 1})
        self.assertEqual(job.fields["other"], [1])
        self.assertEqual(job.publish, "m")
        self.assertEqual(os.listdir(top), [], "nobody asked for one yet")
        self.assertEqual(
            [job.work_dir, job.output_dir, job.checkpoint_dir], folders
        )
        self.assertTrue(all(map(os.path.isdir, folders)))
        self.assertIsNone(job.model_dir)
        self.assertEqual(child.end(), 0)

    def test_jobs_of_one_credit_run_in_order_with_an_error_of_their_own(self):
        def infer(job, model):
            return 10 // job.input

        child = self.serving(infer)
        results, _ = child.run(
            *({"fields": {"input": n}} for n in (5, 0, 2)),
        )
        self.assertEqual(results[1]["value"], 2)
        self.assertEqual(results[3]["value"], 5)
        self.assertEqual(results[2]["cause"], "handler-error")
        self.assertIn("ZeroDivisionError", results[2]["error"])

    def test_an_exceptions_text_is_the_users_traceback(self):
        def infer(job, model):
            raise ValueError("ünfit \udc80 digit")

        results, _ = self.serving(infer).run({})
        lines = results[1]["error"].splitlines()
        self.assertEqual(lines[0], "Traceback (most recent call last):")
        self.assertIn("test_runner.py", lines[1])
        self.assertEqual(lines[-1], "ValueError: ünfit ? digit")
        self.assertNotIn("ganger/runner.py", results[1]["error"])

    def test_a_huge_traceback_keeps_its_end(self):
        def infer(job, model):
            raise ValueError("x" * 100_000 + "the end")

        results, _ = self.serving(infer).run({})
        self.assertLess(len(results[1]["error"]), 20_000)
        self.assertTrue(results[1]["error"].endswith("the end"))

    def test_named_errors_have_their_cause_and_only_their_text(self):
        for kind, cause in (
            (ganger.TryAgain, "try-again"),
            (ganger.HandlerError, "handler-error"),
            (ganger.LoadFailed, "load-failed"),
            (ganger.UnknownModel, "unknown-model"),
            (ganger.GpuError, "gpu-error"),
            (ganger.GpuMemory, "gpu-memory"),
            (ganger.Stopped, "stopped"),
        ):
            with self.subTest(cause):

                def infer(job, model):
                    raise kind("the licence server is away")

                results, _ = self.serving(infer).run({})
                self.assertEqual(results[1]["cause"], cause)
                self.assertEqual(
                    results[1]["error"], "the licence server is away"
                )

    def test_what_is_not_json_is_an_error_that_says_so(self):
        loop = []
        loop.append(loop)
        for value, text in (
            (math.nan, "Out of range float"),
            ({"a": [math.inf]}, "Out of range float"),
            ({1, 2}, "set can't be written"),
            (b"bytes", "bytes can't be written"),
            (loop, "Circular reference"),
            ("\ud800", "surrogates not allowed"),
        ):
            with self.subTest(text):
                results, _ = self.serving(lambda j, m: value).run({})
                self.assertEqual(results[1]["cause"], "handler-error")
                self.assertIn("the result is not JSON", results[1]["error"])
                self.assertIn(text, results[1]["error"])

    def test_arrays_and_none_are_results(self):
        class Array:
            def tolist(self):
                return [1.5, 2]

        child = self.serving(lambda j, m: j.input and {"a": Array()})
        results, _ = child.run({"fields": {"input": 1}}, {})
        self.assertEqual(results[1]["value"], {"a": [1.5, 2]})
        self.assertIsNone(results[2]["value"])

    def test_a_result_over_the_limit_is_too_large(self):
        child = self.serving(
            lambda j, m: "x" * j.input, max_result_size=1000
        )
        results, _ = child.run(
            {"fields": {"input": 998}}, {"fields": {"input": 999}}
        )
        self.assertEqual(len(results[1]["value"]), 998)
        self.assertEqual(results[2]["cause"], "result-too-large")
        self.assertIn("1001 bytes", results[2]["error"])

    def test_bad_json_in_a_job_fails_that_job_alone(self):
        child = self.serving(lambda j, m: 1)
        results, _ = child.run({"job": b"{"}, {"job": b"[]"}, {})
        self.assertIn("JSONDecodeError", results[1]["error"])
        self.assertIn("not a JSON object", results[2]["error"])
        self.assertEqual(results[3]["value"], 1)

    def test_a_type_without_a_function_is_named(self):
        runner = Runner("empty")
        results, _ = self.serve(runner).run({"type": "odd"})
        self.assertEqual(results[1]["cause"], "handler-error")
        self.assertIn("no function for type odd", results[1]["error"])


class Progress(RunnerCase):
    def test_progress_and_log_come_before_the_result(self):
        def infer(job, model):
            job.progress(0.5, "half \ud800")
            job.progress(7)
            job.log("a line")
            return None

        child = self.serving(infer)
        child.start({})
        messages = child.until("done")
        self.assertEqual(
            [m["op"] for m in messages],
            ["progress", "progress", "log", "result", "done"],
        )
        self.assertEqual(messages[0]["fraction"], 0.5)
        self.assertEqual(messages[0]["message"], "half ?")
        self.assertEqual(messages[1]["fraction"], 1.0)
        self.assertEqual(messages[2]["text"], "a line")
        self.assertEqual(messages[2]["number"], 1)

    def test_progress_that_is_no_number_is_the_handlers_error(self):
        def infer(job, model):
            job.progress(math.nan)

        results, _ = self.serving(infer).run({})
        self.assertIn("progress is not a number", results[1]["error"])


class Train(RunnerCase):
    def test_training_jobs_go_to_train_and_others_to_infer(self):
        runner = Runner()
        runner.train(lambda job: "trained")
        runner.infer(lambda job, model: "inferred")
        results, _ = self.serve(runner).run(
            {"type": "training"}, {"type": "inference"}, {"type": "own"}
        )
        self.assertEqual(
            [results[n]["value"] for n in (1, 2, 3)],
            ["trained", "inferred", "inferred"],
        )

    def test_a_runner_that_only_trains_takes_every_type(self):
        runner = Runner()
        runner.train(lambda job: job.type)
        results, _ = self.serve(runner).run({"type": "own"})
        self.assertEqual(results[1]["value"], "own")


class Stop(RunnerCase):
    def test_an_ask_is_seen_while_the_handler_runs(self):
        stopping = threading.Event()

        def infer(job, model):
            self.assertFalse(job.should_stop())
            job.progress(0, "begun")
            while not job.should_stop():
                if stopping.wait(0.001):
                    raise AssertionError("the ask never came")
            raise ganger.Stopped(f"asked to {job.stop_reason}")

        timer = threading.Timer(DEADLINE, stopping.set)
        timer.start()
        self.addCleanup(timer.cancel)
        child = self.serving(infer)
        child.start({}, {})
        child.until("progress")
        child.send(op="ask", why="preempt")
        results, _ = child.answers()
        self.assertEqual(results[1]["cause"], "stopped")
        self.assertEqual(results[1]["error"], "asked to preempt")
        # the second job of the credit was never begun
        self.assertEqual(results[2]["cause"], "stopped")

    def test_an_ask_between_credits_stops_nothing(self):
        child = self.serving(lambda j, m: j.should_stop())
        child.run({})
        child.send(op="ask", why="cancel")
        results, _ = child.run({})
        self.assertIs(results[1]["value"], False)

    def test_end_of_file_asks_the_running_job_to_stop(self):
        seen = threading.Event()

        def infer(job, model):
            job.progress(0)
            while not job.should_stop():
                threading.Event().wait(0.001)
            seen.set()

        child = self.serving(infer)
        child.start({})
        child.until("progress")
        child.sock.close()
        self.assertEqual(child.wait(), 0)
        self.assertTrue(seen.is_set())


class Batch(RunnerCase):
    def batching(self, function, **welcome):
        runner = Runner()
        runner.infer_batch(function)
        return self.serve(runner, **welcome)

    def test_jobs_of_one_model_come_together(self):
        calls = []

        def infer_batch(jobs, model):
            calls.append([job.number for job in jobs])
            return (job.input + 1 for job in jobs)

        results, _ = self.batching(infer_batch).run(
            {"model": "a", "fields": {"input": 1}},
            {"model": "b", "fields": {"input": 2}},
            {"model": "a", "fields": {"input": 3}},
        )
        self.assertEqual(calls, [[1, 3], [2]])
        self.assertEqual([results[n]["value"] for n in (1, 2, 3)], [2, 3, 4])

    def test_an_exception_in_the_list_fails_its_job_alone(self):
        def infer_batch(jobs, model):
            return [job.input or ganger.TryAgain("later") for job in jobs]

        results, _ = self.batching(infer_batch).run(
            {"fields": {"input": 1}}, {}
        )
        self.assertEqual(results[1]["value"], 1)
        self.assertEqual(results[2]["cause"], "try-again")

    def test_a_batch_that_raises_is_left_to_the_worker_to_divide(self):
        calls = []

        def infer_batch(jobs, model):
            calls.append(len(jobs))
            if any(job.input == "bad" for job in jobs):
                raise ValueError("bad image")
            return [job.input for job in jobs]

        jobs = [{"fields": {"input": n}} for n in range(8)]
        jobs[5] = {"fields": {"input": "bad"}}
        results, _ = self.batching(infer_batch).run(*jobs)
        for n in range(1, 9):
            self.assertEqual(results[n]["cause"], "batch-failed")
            self.assertIn("ValueError: bad image", results[n]["error"])
        self.assertEqual(calls, [8])

    def test_a_batch_of_one_that_raises_has_its_own_error(self):
        def infer_batch(jobs, model):
            raise ValueError("bad image")

        results, _ = self.batching(infer_batch).run({})
        self.assertEqual(results[1]["cause"], "handler-error")

    def test_a_gpu_error_is_not_searched_for(self):
        calls = []

        def infer_batch(jobs, model):
            calls.append(len(jobs))
            raise ganger.GpuError("xid 79")

        results, _ = self.batching(infer_batch).run({}, {}, {})
        self.assertEqual(calls, [3])
        self.assertEqual(
            {r["cause"] for r in results.values()}, {"gpu-error"}
        )

    def test_a_wrong_count_of_results_fails_all(self):
        for answer, text in (([1], "1 for 2 jobs"), (None, "no list for 2")):
            with self.subTest(text):
                results, _ = self.batching(lambda j, m: answer).run({}, {})
                for number in (1, 2):
                    self.assertEqual(
                        results[number]["cause"], "handler-error"
                    )
                    self.assertIn(text, results[number]["error"])


class Models(RunnerCase):
    def setUp(self):
        self.events = []

    def runner(self):
        runner = Runner()

        @runner.load
        def load(model):
            if model.name == "broken":
                raise OSError("weights are torn")
            self.events.append(f"load {model.name}@{model.version}")
            return f"{model.dir}!"

        @runner.unload
        def unload(model, value):
            self.events.append(f"unload {model.name}@{model.version}")
            if model.name == "sticky":
                raise RuntimeError("will not go")

        runner.infer(lambda job, model: model)
        return runner

    @staticmethod
    def job(name, version=1):
        return {
            "model": name,
            "model_version": version,
            "model_dir": f"/m/{name}/{version}",
        }

    def test_a_model_is_loaded_once(self):
        child = self.serve(self.runner())
        for _ in range(3):
            results, done = child.run(self.job("a"))
            self.assertEqual(results[1]["value"], "/m/a/1!")
            self.assertEqual(done["models"], ["a"])
        self.assertEqual(self.events, ["load a@1"])
        self.assertEqual(child.end(), 0)
        self.assertEqual(self.events, ["load a@1", "unload a@1"])

    def test_the_least_recently_used_model_goes_before_the_load(self):
        child = self.serve(self.runner(), max_models=2)
        for name in ("a", "b", "a", "c"):
            _, done = child.run(self.job(name))
        self.assertEqual(done["models"], ["a", "c"])
        self.assertEqual(
            self.events, ["load a@1", "load b@1", "unload b@1", "load c@1"]
        )

    def test_a_new_version_is_loaded(self):
        child = self.serve(self.runner())
        results, _ = child.run(self.job("a", 1), self.job("a", 2))
        self.assertEqual(results[2]["value"], "/m/a/2!")
        self.assertEqual(self.events, ["load a@1", "load a@2"])

    def test_a_failed_load_is_told_and_tried_again_by_the_next_job(self):
        child = self.serve(self.runner())
        for _ in range(2):
            results, done = child.run(self.job("broken"))
            self.assertEqual(results[1]["cause"], "load-failed")
            self.assertIn("could not load model broken", results[1]["error"])
            self.assertIn("OSError: weights are torn", results[1]["error"])
            self.assertEqual(done["models"], [])

    def test_a_model_that_the_store_lacks_is_unknown(self):
        results, _ = self.serve(self.runner()).run({"model": "nowhere"})
        self.assertEqual(results[1]["cause"], "unknown-model")
        self.assertIn("nowhere", results[1]["error"])
        self.assertEqual(self.events, [])

    def test_any_name_leaves_the_search_to_load(self):
        runner = Runner()
        runner.load(any_name=True)(lambda model: [model.name, model.dir])
        runner.infer(lambda job, model: model)
        results, _ = self.serve(runner).run({"model": "hub"})
        self.assertEqual(results[1]["value"], ["hub", None])

    def test_an_unload_that_raises_harms_nobody(self):
        child = self.serve(self.runner(), max_models=1)
        with redirect_stderr(io.StringIO()) as said:
            child.run(self.job("sticky"))
            results, done = child.run(self.job("a"))
        self.assertEqual(results[1]["value"], "/m/a/1!")
        self.assertEqual(done["models"], ["a"])
        self.assertIn("could not unload model sticky", said.getvalue())

    def test_a_job_without_a_model_gets_none(self):
        results, _ = self.serve(self.runner()).run({})
        self.assertIsNone(results[1]["value"])
        self.assertEqual(self.events, [])


class Junk(RunnerCase):
    def test_junk_ends_the_runner_with_a_reason(self):
        for body, reason in (
            (b"GET / HTTP/1.0\r\n\r\n", "not a msgpack message"),
            (b"\xc1", "not a msgpack message"),
            (b"\xdd\xff\xff\xff\x3f", "not a msgpack message"),
            (b"\x81\xa1a" * 2000, "not a msgpack message"),
            (b"\x93\x01\x02\x03", "not a map"),
            (b"\x81\xa2op\xa4jobs", "jobs without a credit"),
        ):
            with self.subTest(body[:12]):
                with redirect_stderr(io.StringIO()) as said:
                    child = self.serving(lambda j, m: 1)
                    child.send_bytes(body)
                    self.assertEqual(child.wait(), 76)
                self.assertIn(reason, said.getvalue())

    def test_a_job_without_a_number_ends_the_runner(self):
        with redirect_stderr(io.StringIO()) as said:
            child = self.serving(lambda j, m: 1)
            child.send(op="jobs", credit=1, jobs=[{"id": "a"}])
            self.assertEqual(child.wait(), 76)
        self.assertIn("a job without a number", said.getvalue())

    def test_a_claimed_length_over_the_limit_allocates_nothing(self):
        with redirect_stderr(io.StringIO()) as said:
            child = self.serving(lambda j, m: 1)
            child.sock.sendall(struct.pack(">I", 0xFFFFFFFF))
            self.assertEqual(child.wait(), 76)
        self.assertIn("over the limit", said.getvalue())

    def test_a_message_that_is_cut_ends_the_runner(self):
        whole = b"\x00\x00\x00\x05\x81\xa2op\xa0"
        for size in range(1, len(whole)):
            with self.subTest(size), redirect_stderr(io.StringIO()):
                child = self.serving(lambda j, m: 1)
                child.sock.sendall(whole[:size])
                child.sock.close()
                self.assertEqual(child.wait(), 76)

    def test_unknown_ops_and_keys_are_ignored(self):
        child = self.serving(lambda j, m: 1, shoe_size=44)
        child.send(op="dance", partner=None)
        child.send(nothing=True)
        results, _ = child.run({"colour": "red"})
        self.assertEqual(results[1]["value"], 1)
        self.assertEqual(child.end(), 0)


if __name__ == "__main__":
    unittest.main()
