"""What every measured system has in common: a redis-server and a folder of
its own, jobs put in before the workers start, and a count of what is done."""

import os
import shutil
import subprocess
import sys
import tempfile

from . import proc

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "tests", "lua"))

from resp import Redis  # noqa: E402

FILL = 1000     # jobs in one call while a queue is filled


# The same jobs as those of limit.c: numbers [from, to) and what is appended.
FILLER = """
local numbers = {}
for n = ARGV[1], ARGV[2] - 1 do
    for k = 1, 8 do
        numbers[k] = string.format('%.9f', 0.123456789 * k + n * 1e-6)
    end
    redis.call('LPUSH', KEYS[1], string.format('{"id":"job-%08d",' ..
        '"type":"inference","kind":"echo","input":[', n) ..
        table.concat(numbers, ',') .. ']' .. ARGV[3] .. '}')
end
"""


class Server:
    """A redis-server on a unix socket, in a temporary folder."""

    def __init__(self, aof=False):
        self.dir = tempfile.mkdtemp(prefix="bench-")
        self.path = self.dir + "/redis.sock"
        persist = ["--appendonly", "yes", "--appendfsync", "everysec"]
        self.process = proc.start(
            ["redis-server", "--port", "0", "--unixsocket", self.path,
             "--dir", self.dir, "--save", "", *(persist if aof else [])],
            self.dir + "/redis.log")
        self.redis = proc.until(self.dial, "redis-server")

    def dial(self, db=0):
        try:
            r = Redis(self.path, timeout=120)
            r("SELECT", db)
            return r
        except (OSError, RuntimeError):
            return None

    def stop(self):
        self.redis.close()
        self.process.kill()
        self.process.wait()
        shutil.rmtree(self.dir, ignore_errors=True)


class System:
    """One measured system. A subclass says how jobs get in, what runs, and
    how many jobs are done. `jobs` is what one throughput run takes."""

    name = ""
    jobs = 10000
    sections = ("throughput", "latency", "memory", "cold")

    def __init__(self, build):
        self.build = build
        self.server = None
        self.processes = []

    @staticmethod
    def missing(build):
        """Why it can't run here, or None."""

    def open(self, aof=False):
        self.server = Server(aof)
        self.redis = self.server.redis
        self.dir = self.server.dir
        self.processes = []
        self.starts = self.dir + "/starts"
        self.prepare(aof)

    def close(self):
        proc.end(self.processes)
        if self.server is not None:
            self.server.stop()
        self.server = None

    def prepare(self, aof):
        pass

    def run(self, argv, cwd=None, env=None):
        self.processes.append(proc.start(
            argv, self.dir + "/log", cwd=cwd,
            env={"BENCH_STARTS": self.starts, **(env or {})}))

    def fill(self, count, size=200):
        raise NotImplementedError

    def start(self):
        raise NotImplementedError

    def done(self):
        raise NotImplementedError

    def pace(self, count, rate):
        raise NotImplementedError

    def wait(self, count, patience=120, step=0.005):
        try:
            proc.until(lambda: self.done() >= count, self.name, patience,
                       step)
        except RuntimeError as why:
            with open(self.dir + "/log", errors="replace") as f:
                raise RuntimeError(f"{why}: {self.done()} of {count} done; "
                                   + f.read()[-1500:]) from None

    def pids(self):
        return proc.trees(self.processes)

    def latencies(self):
        """Nanoseconds from the producer's call to the handler's start."""
        with open(self.starts) as f:
            return [int(line) for line in f]


class ListSystem(System):
    """Jobs are LPUSHed as they are onto one list."""

    key = "q"

    def fill(self, count, size=200, key=None):
        """Made in Redis: a million of them take Python too long."""
        pad = f',"pad":"{"x" * (size - 200)}"' if size > 200 else ""
        most = max(1, min(FILL, 10_000_000 // size))
        for i in range(0, count, most):
            self.redis("EVAL", FILLER, 1, key or self.key, i,
                       min(i + most, count), pad)

    def pace(self, count, rate, reply=None):
        return subprocess.run(
            [self.build + "/bench/pace", self.server.path, self.key,
             str(count), str(rate), *([reply] if reply else [])],
            check=True, capture_output=True, text=True).stdout
