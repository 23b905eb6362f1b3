"""The child's end of the runner protocol, for tests of runners.

Start a Runner of this process on a thread (ThreadChild) or a program that
calls runner.main() (ProcessChild); then hand it jobs and read its answers.
Every wait has a deadline.
"""

from __future__ import annotations

import json
import os
import socket
import struct
import subprocess
import sys
import threading

import msgpack

from ganger.runner import Runner

DEADLINE = 60.0  # seconds
PYTHON_DIR = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
# for processes: this package, then wherever this process finds the others
PYTHONPATH = os.pathsep.join(
    filter(None, (PYTHON_DIR, os.environ.get("PYTHONPATH")))
)


class FakeChild:
    """Speaks to the runner at the other end of `sock`."""

    def __init__(self, sock: socket.socket):
        self.sock = sock
        self.sock.settimeout(DEADLINE)
        self.credit = 0

    def send(self, **message):
        self.send_bytes(msgpack.packb(message))

    def send_bytes(self, body: bytes):
        self.sock.sendall(struct.pack(">I", len(body)) + body)

    def _read(self, size):
        data = b""
        while len(data) < size:
            part = self.sock.recv(size - len(data))
            if not part:
                return None
            data += part
        return data

    def receive(self):
        """Gives the next message, None at the end of file."""
        prefix = self._read(4)
        if prefix is None:
            return None
        return msgpack.unpackb(self._read(struct.unpack(">I", prefix)[0]))

    def until(self, op):
        """Gives the messages up to and with the first of this op."""
        seen = []
        while not seen or seen[-1]["op"] != op:
            message = self.receive()
            if message is None:
                raise AssertionError(f"end of file, no {op} after {seen}")
            seen.append(message)
        return seen

    def welcome(self, **keys):
        """Reads the hello and answers it."""
        hello = self.receive()
        assert hello["op"] == "hello" and hello["protocol"] == 1, hello
        self.send(op="welcome", protocol=1, worker_id="w", slot=0, **keys)
        return hello

    def start(self, *jobs):
        """Sends a credit; each job is a dict of keys of the job message.

        `fields` in it is the job's JSON. Numbers count from 1.
        """
        self.credit += 1
        listed = []
        for number, job in enumerate(jobs, 1):
            job = dict(job)
            fields = job.pop("fields", {})
            listed.append(
                {
                    "number": number,
                    "id": f"j{number}",
                    "type": "inference",
                    "attempt": 1,
                    "job": json.dumps(fields).encode(),
                    **job,
                }
            )
        self.send(op="jobs", credit=self.credit, jobs=listed)

    def run(self, *jobs):
        """Runs a credit; gives {number: decoded result message} and done."""
        self.start(*jobs)
        return self.answers()

    def answers(self):
        messages = self.until("done")
        done = messages.pop()
        assert done["credit"] == self.credit, done
        results = {}
        for message in messages:
            if message["op"] != "result":
                continue
            assert message["number"] not in results, "answered twice"
            if "result" in message:
                message["value"] = json.loads(message["result"] or b"null")
            results[message["number"]] = message
        return results, done


class ThreadChild(FakeChild):
    """A runner of this process, served on a thread."""

    def __init__(self, runner: Runner, **welcome):
        ours, theirs = socket.socketpair()
        super().__init__(ours)
        self.status = None
        self._thread = threading.Thread(
            target=self._serve, args=(runner, theirs), daemon=True
        )
        self._thread.start()
        self.hello = self.welcome(**welcome)

    def _serve(self, runner, sock):
        self.status = runner.serve(sock)

    def end(self):
        """Asks it to leave; gives its exit status."""
        self.send(op="quit")
        return self.wait()

    def wait(self):
        self._thread.join(DEADLINE)
        assert not self._thread.is_alive(), "the runner did not leave"
        self.sock.close()
        return self.status


class ProcessChild(FakeChild):
    """A program in a process of its own, as ganger-child starts it."""

    def __init__(self, argv, greet=True, **env):
        ours, theirs = socket.socketpair()
        super().__init__(ours)
        with theirs:
            self.process = subprocess.Popen(
                [sys.executable, *argv],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                env={
                    **os.environ,
                    "PYTHONPATH": PYTHONPATH,
                    "GANGER_RUNNER_FD": str(theirs.fileno()),
                    **env,
                },
            )
        if greet:
            self.hello = self.welcome()

    def wait(self):
        """Gives exit status, stdout and stderr; kills it at the deadline."""
        try:
            out, err = self.process.communicate(timeout=DEADLINE)
        finally:
            if self.process.poll() is None:
                self.process.kill()
                self.process.communicate()
            self.sock.close()
        return self.process.returncode, out, err

    def end(self):
        self.send(op="quit")
        return self.wait()
