"""Ganger, and the two programs that frame it: the ceiling and the floor."""

import json
import os
import subprocess

from . import proc, systems

QUEUE = "ai:inference:queue"

INI = """\
[supervisor]
worker_id = bench
run_dir = {dir}/run
state_dir = {dir}/state
max_concurrent_jobs = {slots}
{supervisor}
[redis]
url = unix:{dir}/redis.sock
[http]
listen =
[handler h]
kind = plugin
path = {plugin}
types = inference
batch_size = {batch}
env.BENCH_STARTS = {dir}/starts
{handler}
"""


class Ganger(systems.ListSystem):
    key = QUEUE

    def __init__(self, build, name, jobs, slots=2, batch=1, plugin=None,
                 supervisor="", handler="", sections=None):
        super().__init__(build)
        self.name = name
        self.jobs = jobs
        self.slots = slots
        self.batch = batch
        self.plugin = plugin or build + "/.libs/selftest.so"
        self.extra = {"supervisor": supervisor, "handler": handler}
        if sections is not None:
            self.sections = sections

    def prepare(self, aof):
        with open(self.dir + "/ini", "w") as f:
            f.write(INI.format(dir=self.dir, slots=self.slots,
                               batch=self.batch, plugin=self.plugin,
                               **self.extra))
        os.chmod(self.dir + "/ini", 0o600)

    def argv(self):
        return [self.build + "/gangerd", "-F", "-c", self.dir + "/ini"]

    def start(self):
        self.run(self.argv(), env={
            "GANGER_CHILD": self.build + "/ganger-child",
            "GANGER_PLUGIN_DIR": self.build + "/.libs"})

    def done(self):
        return int(self.redis("HGET", "{%s}:stats" % QUEUE, "done") or 0)


def variants(build):
    starts = build + "/bench/.libs/starts.so"
    return [
        Ganger(build, "ganger batch 32", 300000, batch=32,
               sections=("throughput",)),
        Ganger(build, "ganger one by one", 150000,
               sections=("throughput", "memory", "cold")),
        Ganger(build, "ganger", 1000, plugin=starts,
               sections=("latency", "load", "reply", "reload")),
    ]


class Floor(systems.ListSystem):
    name = "floor (BLMOVE in C)"
    jobs = 100000

    def start(self):
        self.run([self.build + "/bench/floor", self.server.path, "2"])

    def prepare(self, aof):
        self.filled = 0

    def fill(self, count, size=200, key=None):
        super().fill(count, size, key)
        self.filled += count

    def done(self):
        """Nothing counts them: what is neither waiting nor taken."""
        lists = [self.key, *self.taken()]
        return self.filled - sum(int(self.redis("LLEN", k)) for k in lists)

    def taken(self):
        return ["taken:%d" % pid for pid in proc.children(
            self.processes[0].pid)] if self.processes else []

    def pace(self, count, rate, reply=None):
        super().pace(count, rate, reply)
        self.filled += count


# name, jobs a call, calls in flight, bytes of a result, events
CEILINGS = [
    ("ceiling", 32, 8, 35, 0),
    ("ceiling with events", 32, 8, 35, 1),
    ("ceiling, records and events as ours", 32, 8, 480, 1),
]


def ceiling(build, case, aof, jobs=300000):
    """One run of limit.c: its own report."""
    server = systems.Server(aof)
    try:
        out = subprocess.run(
            [build + "/bench/limit", server.path, str(jobs),
             *map(str, case[1:])], check=True, capture_output=True,
            text=True, timeout=120).stdout
        return json.loads(out)
    finally:
        server.stop()


def hops(build, count, rate):
    """Times of ZeroMQ round trips, ns."""
    out = subprocess.run([build + "/bench/hops", str(count), str(rate)],
                         check=True, capture_output=True, text=True,
                         timeout=120).stdout
    return [int(line) for line in out.split()]
