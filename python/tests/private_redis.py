"""A redis-server of a test's own: on a unix socket, in a temporary folder."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time

SERVER = (
    os.environ.get("REDIS_SERVER")
    or shutil.which("redis-server")
    or shutil.which("valkey-server")
)
DEADLINE = 60.0  # seconds


class PrivateRedis:
    """Running from its making to stop(), which leaves nothing behind."""

    def __init__(self):
        self.dir = tempfile.mkdtemp(prefix="ganger-test-")
        self.socket = os.path.join(self.dir, "redis.sock")
        self.url = f"unix:{self.socket}"
        self.process = None
        self.start()

    def start(self):
        self.process = subprocess.Popen(
            [
                SERVER,
                *("--port", "0"),
                *("--unixsocket", self.socket),
                *("--dir", self.dir),
                *("--save", ""),
                *("--appendonly", "yes"),
            ],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        # it says so on a line of its own once the socket listens
        for line in self.process.stdout:
            if "eady to accept connections" in line:
                return
        raise AssertionError("redis-server did not start")

    def kill(self):
        """Ends the server, data kept in its append-only file."""
        self.process.terminate()
        self.process.communicate(timeout=DEADLINE)

    def stop(self):
        if self.process.poll() is None:
            self.kill()
        shutil.rmtree(self.dir)


def until(check, what):
    """Waits for check() to be true; gives what it gave."""
    end = time.monotonic() + DEADLINE
    while not (value := check()):
        if time.monotonic() > end:
            raise AssertionError(f"in vain: {what}")
        time.sleep(0.005)
    return value
