#!/usr/bin/env python3
"""scripts/benchmark runs a user's job under the user's configuration without
touching what that names, recommends a number of slots, and says why a job
can't be measured."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import unittest

SRC = os.environ["GANGER_SRCDIR"]
BUILD = os.environ["GANGER_BUILDDIR"]

# A port and a Redis that would fail if they were used.
INI = """\
[supervisor]
run_dir = /nonexistent/run
[redis]
url = redis://192.0.2.1:6379/0
[http]
listen = 192.0.2.1:1
[handler selftest]
types = inference
[schedule nightly]
cron = * * * * *
queue = ai:inference:queue
job = {"type":"inference"}
"""
POOLS = """\
[pool first]
slots = 7
queues = my:queue
[pool second]
slots = 3
"""


class Benchmark(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory(prefix="benchmark-")
        self.addCleanup(self.folder.cleanup)

    def run_job(self, job, *slots, ini=INI):
        for name, text in (("ini", ini), ("job.json", json.dumps(job))):
            with open(os.path.join(self.folder.name, name), "w") as f:
                f.write(text)
        return subprocess.run(
            [sys.executable, SRC + "/scripts/benchmark", "--build", BUILD,
             "--config", "ini", "--seconds", "0.2", "--out", "result",
             "job.json", *map(str, slots)], cwd=self.folder.name,
            capture_output=True, text=True, timeout=120)

    def test_recommends_one_of_what_it_measured(self):
        done = self.run_job({"type": "inference", "input": {"op": "echo"}},
                            1, 2)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertRegex(done.stdout,
                         r"recommended: MAX_CONCURRENT_JOBS = [12]\n")
        with open(self.folder.name + "/result.json") as f:
            slots = json.load(f)["slots"]
        self.assertEqual(list(slots), ["1", "2"])
        for figures in slots.values():
            self.assertGreater(figures["jobs_per_s"], 0)
        with open(self.folder.name + "/result.svg") as f:
            self.assertIn("2 slots", f.read())

    def test_first_of_several_pools(self):
        done = self.run_job({"type": "inference"}, 1, ini=INI + POOLS)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("recommended: slots of the pool = 1", done.stdout)

    def test_job_that_fails_is_told(self):
        done = self.run_job({"type": "inference", "max_attempts": 1,
                             "input": {"op": "fail", "message": "no luck"}},
                            1)
        self.assertEqual(done.returncode, 1)
        self.assertIn("no luck", done.stderr)


if __name__ == "__main__":
    if shutil.which("redis-server") is None:
        print("no redis-server")
        sys.exit(77)
    unittest.main()
