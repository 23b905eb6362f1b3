"""What the tests of the Lua scripts share: a private redis-server, calls of
each script by the names of its keys, and looks at what it left behind."""

import itertools
import os
import shutil
import subprocess
import sys
import tempfile
import time
import unittest

from resp import Redis, RedisError

LIMIT = 10.0
Q = "ai:inference:queue"
HIGH, LOW = "{%s}:high" % Q, "{%s}:low" % Q
LEASES = "{%s}:leases" % Q
DELAYED = "{%s}:delayed" % Q
DEAD = "{%s}:dead" % Q
STATS = "{%s}:stats" % Q
HISTORY = "{%s}:history" % Q
NO_HIGH, FULL, MS = 2, 4, 8     # flags of claim's answer
EVENTS = "ai:events"
LEASE_MS = 15000

# Every byte there is, CRLF, and what a careless script would take for syntax.
BINARY = bytes(range(256)) + b"\r\n$3\r\nh:x:1:\x00\xff"


def leased(worker):
    return "{%s}:leased:%s" % (Q, worker)


def job_key(ident):
    return "{%s}:job:%s" % (Q, ident)


def log_key(ident):
    return "{%s}:log:%s" % (Q, ident)


def script(name):
    here = os.path.dirname(os.path.abspath(__file__))
    root = os.environ.get("GANGER_SRCDIR", os.path.join(here, "..", ".."))
    with open(os.path.join(root, "supervisor", "lua", name + ".lua"),
              "rb") as f:
        return f.read()


class Server:
    """A redis-server on a unix socket in a folder of its own."""

    def __init__(self):
        self.dir = tempfile.mkdtemp(prefix="ganger-lua-")
        self.path = os.path.join(self.dir, "redis.sock")
        self.process = subprocess.Popen(
            [os.environ.get("REDIS_SERVER", "redis-server"), "--port", "0",
             "--unixsocket", self.path, "--dir", self.dir, "--save", "",
             "--appendonly", "no"], stdout=subprocess.DEVNULL)

    def connect(self):
        end = time.monotonic() + LIMIT
        while True:
            try:
                return Redis(self.path)
            except OSError:
                if time.monotonic() > end or self.process.poll() is not None:
                    raise
                time.sleep(0.005)

    def stop(self):
        self.process.kill()
        self.process.wait()
        shutil.rmtree(self.dir)


class LuaCase(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = Server()
        cls.addClassCleanup(cls.server.stop)
        cls.redis = cls.server.connect()
        cls.addClassCleanup(cls.redis.close)

    def setUp(self):
        self.redis("CONFIG", "SET", "maxmemory", 0)
        self.redis("FLUSHALL")

    def eval(self, name, keys, args):
        return self.redis("EVAL", script(name), len(keys), *keys, *args)

    # The scripts, with keys as their headers document them.

    def claim(self, token="t", worker="w", turns=(1, 1, 1)):
        return self.eval("claim",
                         [Q, HIGH, LOW, leased(worker), LEASES, HISTORY],
                         [token, worker, LEASE_MS, *turns])

    def claim_limited(self, token="t", worker="w", turns="111", running=0,
                      each=0, burst=1):
        """turns: the lanes in order; each: microseconds per job."""
        quota = [turns.count(lane) for lane in "012"]
        return self.eval("claim",
                         [Q, HIGH, LOW, leased(worker), LEASES, HISTORY,
                          "{%s}:rate" % Q],
                         [token, worker, LEASE_MS, *quota, 0, running,
                          leased(""), each, burst, turns])

    def permit(self, field, *limits, turns=(0, 0), high=0, worker="w",
               patience=600000):
        """Each limit: (name, running, each, burst)."""
        keys = ["{ai:limits}:%s:%s" % (name, end) for name, *_ in limits
                for end in ("running", "rate", "lanes")]
        return self.eval("permit", keys,
                         ["%s %s" % (leased(worker), field), high, 16, 21,
                          patience,
                          *[w for (_, *words), turn in zip(limits, turns)
                            for w in (*words, turn)]])

    def recover(self, token, want, worker="w"):
        return self.eval("recover", [leased(worker), LEASES, HISTORY],
                         [token, want, worker, LEASE_MS])

    def commit(self, *jobs, worker="w", dead_max=100, life=60000):
        """Each job: (field, id, record, life, counter, event, extras), or of
        a plain one (field, id, record). A list of 1 and 0 in any case."""
        args = []
        for plain, group in itertools.groupby(jobs, lambda j: len(j) == 3):
            group = list(group)
            args += [] if plain or args else [0]
            args.append(len(group))
            for field, ident, record, *rest in group:
                args += [field, ident, record]
                if not plain:
                    own_life, counter, event, extras = rest
                    args += [own_life, counter, event, len(extras)]
                    args += [w for extra in extras for w in extra]
        if len(jobs[-1]) == 3:
            args.append(0)
        answer = self.eval("commit", [leased(worker), STATS, DEAD, HISTORY],
                           [job_key(""), log_key(""), EVENTS, dead_max, life,
                            *args])
        return [1] * len(jobs) if answer == 1 else answer

    def requeue(self, field, target=Q, ident="", record="", life=0,
                where="front", lane="n", history="", counter="requeued",
                event="", payload="", worker="w"):
        return self.eval("requeue",
                         [leased(worker), target, job_key(ident), HISTORY,
                          STATS],
                         [field, ident, record, life, where, lane, history,
                          counter, EVENTS, event, payload])

    def note(self, field, ident="x", record="", event="", keep=1000,
             payload="", lines=(), worker="w"):
        words = [w for line in lines for w in line]
        return self.eval("note",
                         [leased(worker), job_key(ident), log_key(ident)],
                         [field, record, EVENTS, event, keep, payload,
                          *words])

    def renew(self, worker="w", life=LEASE_MS):
        return self.eval("renew", [LEASES, leased(worker)], [worker, life])

    def move(self, origin, to, run):
        return self.eval("move", [leased(origin), leased(to), LEASES],
                         [origin, to, run + "-", LEASE_MS])

    def glance(self, most=64):
        return self.eval("glance", [Q, HIGH, LOW, DELAYED, LEASES, DEAD],
                         [leased(""), most])

    def reap(self, token, me="me", most=100):
        run = token.rpartition("-")[0]
        return self.eval("reap", [LEASES, leased(me), HISTORY,
                                  "ai:worker:" + me],
                         [me, token, LEASE_MS, most, leased(""),
                          '"run":"%s"' % run])

    def holds(self, run, worker="me"):
        """That run has the worker's id."""
        self.beat('{"run":"%s"}' % run, '"run":"%s"' % run, worker)

    def promote(self, most=100):
        return self.eval("promote", [DELAYED, HIGH, Q, LOW], [most])

    def sift(self, look=256, largest=65536):
        return self.look(look, largest)[0]

    def look(self, look=256, largest=65536):
        """How many moved, then the ids of jobs whose ttl began."""
        return self.eval("sift", [Q, HIGH, LOW], [look, largest])

    def beat(self, status, run, worker="w", life=60000):
        return self.eval("beat", ["ai:workers", "ai:worker:" + worker],
                         [worker, status, life, run])

    # Looks.

    def until(self, is_so):
        end = time.monotonic() + LIMIT
        while not is_so():
            self.assertTrue(time.monotonic() < end, "waited in vain")
            time.sleep(0.002)

    def now(self):
        sec, usec = self.redis("TIME")
        return int(sec) * 1000 + int(usec) // 1000

    def assertNow(self, ms):
        self.assertIsInstance(ms, int)
        self.assertLess(abs(self.now() - ms), 5000)

    def push(self, *jobs, to=Q):
        for job in jobs:
            self.redis("LPUSH", to, job)

    def waiting(self, key=Q):
        """What waits, next one first."""
        return self.redis("LRANGE", key, 0, -1)[::-1]

    def leases(self, worker="w"):
        flat = self.redis("HGETALL", leased(worker))
        return dict(zip(flat[::2], flat[1::2]))

    def stats(self):
        flat = self.redis("HGETALL", STATS)
        return dict(zip([k.decode() for k in flat[::2]],
                        map(int, flat[1::2])))

    def lease_end(self, worker="w"):
        score = self.redis("ZSCORE", LEASES, worker)
        return None if score is None else int(score)

    def dump(self):
        """All that Redis holds, to compare before with after."""
        keys = sorted(self.redis("KEYS", "*"))
        return [(k, self.redis("DUMP", k)) for k in keys]

    def listen(self):
        """A second connection that hears the events channel."""
        ear = self.server.connect()
        self.addCleanup(ear.close)
        ear("SUBSCRIBE", EVENTS)
        return ear

    def heard(self, ear):
        """The events up to now."""
        self.redis("PUBLISH", EVENTS, "that is all")
        texts = []
        while True:
            text = ear.read()[2]
            if text == b"that is all":
                return texts
            texts.append(text)


def main():
    if os.environ.get("REDIS_SERVER") == "":
        print("no redis-server")
        sys.exit(77)
    unittest.main()


__all__ = ["LuaCase", "RedisError", "main", "Q", "HIGH", "LOW", "LEASES",
           "NO_HIGH", "FULL", "MS", "DELAYED", "DEAD", "STATS", "HISTORY", "EVENTS",
           "LEASE_MS", "BINARY", "leased", "job_key", "log_key"]
