"""Runners as processes: how they start, log, take signals and leave."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import textwrap
import unittest

from fake_child import DEADLINE, PYTHONPATH, ProcessChild

# Each program serves jobs whose input.do names one of its functions.
PROGRAM = """
import os, sys, time
import ganger
from ganger import runner

@runner.infer
def infer(job, model):
    return globals()[job.input](job)

def say(job):
    print("to stdout")
    print("to stderr", file=sys.stderr)
    return "GANGER_RUNNER_FD" in os.environ

def leave(job):
    print("leaving")
    sys.exit(75)

def deaf(job):
    try:
        job.progress(0)
        while True:
            time.sleep(0.001)
    finally:
        print("cleaned up")

def polite(job):
    job.should_stop()
    job.progress(0)
    while not job.should_stop():
        time.sleep(0.001)
    return "saved"

def spawn(job):
    return os.popen("ls -l /proc/self/fd | grep -c socket").read().strip()

runner.main()
"""


class Process(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.program = os.path.join(folder.name, "worker.py")
        with open(self.program, "w") as file:
            file.write(textwrap.dedent(PROGRAM))

    def start(self, **env):
        child = ProcessChild([self.program], **env)
        self.addCleanup(child.sock.close)
        self.addCleanup(self.finish, child.process)
        return child

    @staticmethod
    def finish(process):
        if process.poll() is None:
            process.kill()
        process.communicate()

    def test_hello_names_the_program_and_its_pid(self):
        child = self.start()
        self.assertEqual(child.hello["pid"], child.process.pid)
        self.assertEqual(child.hello["name"], "worker.py")
        self.assertEqual(child.end(), (0, "", ""))

    def test_end_of_file_is_quit(self):
        child = self.start()
        child.sock.shutdown(1)
        self.assertEqual(child.wait()[0], 0)

    def test_output_is_there_before_the_result(self):
        child = self.start()
        os.set_blocking(child.process.stdout.fileno(), False)
        os.set_blocking(child.process.stderr.fileno(), False)
        results, _ = child.run({"fields": {"input": "say"}})
        self.assertIs(results[1]["value"], False)
        self.assertEqual(child.process.stdout.read(), "to stdout\n")
        self.assertEqual(child.process.stderr.read(), "to stderr\n")

    def test_the_socket_is_not_inherited(self):
        child = self.start()
        results, _ = child.run({"fields": {"input": "spawn"}})
        self.assertEqual(results[1]["value"], "0")

    def test_sys_exit_in_a_handler_is_the_exit_status(self):
        child = self.start()
        child.start({"fields": {"input": "leave"}})
        self.assertIsNone(child.receive())
        status, out, _ = child.wait()
        self.assertEqual((status, out), (75, "leaving\n"))

    def test_term_while_idle_leaves(self):
        child = self.start()
        child.run({"fields": {"input": "say"}})
        child.process.terminate()
        self.assertEqual(child.wait()[0], 0)

    def test_term_interrupts_a_handler_that_never_looks(self):
        child = self.start()
        child.start({"fields": {"input": "deaf"}})
        child.until("progress")
        child.process.terminate()
        results, _ = child.answers()
        self.assertEqual(results[1]["cause"], "stopped")
        status, out, _ = child.wait()
        self.assertEqual((status, out), (0, "cleaned up\n"))

    def test_term_lets_a_handler_that_looks_finish(self):
        child = self.start()
        child.start({"fields": {"input": "polite"}})
        child.until("progress")
        child.process.terminate()
        results, _ = child.answers()
        self.assertEqual(results[1]["value"], "saved")
        self.assertEqual(child.wait()[0], 0)

    def test_usr2_writes_every_threads_stack_and_the_job_goes_on(self):
        child = self.start()
        child.start({"fields": {"input": "polite"}})
        child.until("progress")
        child.process.send_signal(signal.SIGUSR2)
        # the main thread writes before it goes on, so before its result
        child.send(op="ask", why="cancel")
        results, _ = child.answers()
        self.assertEqual(results[1]["value"], "saved")
        _, _, err = child.end()
        self.assertIn("in polite", err)
        self.assertIn("in _read_all", err)

    def test_a_program_started_by_hand_says_what_it_is(self):
        for value in (None, "", "x", "0", "777"):
            with self.subTest(value):
                env = {**os.environ, "PYTHONPATH": PYTHONPATH}
                env.pop("GANGER_RUNNER_FD", None)
                if value is not None:
                    env["GANGER_RUNNER_FD"] = value
                done = subprocess.run(
                    [sys.executable, self.program],
                    env=env,
                    stdin=subprocess.DEVNULL,
                    capture_output=True,
                    text=True,
                    timeout=DEADLINE,
                )
                self.assertEqual(done.returncode, 64)
                self.assertIn("starts this program as a runner", done.stderr)


if __name__ == "__main__":
    unittest.main()
