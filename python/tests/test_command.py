"""ganger.command: a program that is started for one job."""

import json
import os
import signal
import subprocess
import sys
import tempfile
import unittest

PROGRAM = """
import sys
from ganger import command

job = command.begin()
seen = job.load_checkpoint()
print("ready", flush=True)
if job.input == "loop":
    while not job.should_stop():
        job.progress(0.5, "half\\nway")
    job.save_checkpoint(b"so far")
    command.give_up()
job.result({"seen": (seen or b"").decode(), "id": job.id})
"""


class Command(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="command-")
        self.addCleanup(folder.cleanup)
        self.dir = folder.name
        self.env = dict(
            os.environ,
            PYTHONPATH=os.path.dirname(
                os.path.dirname(os.path.abspath(__file__))
            ),
            GANGER_JOB_ID="c1",
            GANGER_CHECKPOINT_DIR=os.path.join(self.dir, "checkpoint"),
            GANGER_RESULT=os.path.join(self.dir, "result"),
        )

    def start(self, value, **more):
        process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=self.env,
            **more,
        )
        self.addCleanup(process.stdout.close)
        json.dump({"input": value}, process.stdin)
        process.stdin.close()
        self.assertEqual(process.stdout.readline(), "ready\n")
        return process

    def test_it_stops_when_asked_and_goes_on_later(self):
        reader, writer = os.pipe()
        self.env["GANGER_PROGRESS_FD"] = str(writer)
        process = self.start("loop", pass_fds=(writer,))
        os.close(writer)
        with open(reader) as progress:
            self.assertEqual(progress.readline(), "0.5 half way\n")
            process.send_signal(signal.SIGTERM)
            for _ in progress:
                pass
        self.assertEqual(process.wait(30), 75)
        del self.env["GANGER_PROGRESS_FD"]
        self.assertEqual(self.start("end").wait(30), 0)
        with open(self.env["GANGER_RESULT"]) as file:
            self.assertEqual(json.load(file), {"seen": "so far", "id": "c1"})


if __name__ == "__main__":
    unittest.main()
