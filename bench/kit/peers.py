"""The peers, each with the settings under which it loses no job where it has
such, and with those that make it fastest. A peer that is not installed says
what is missing. The harnesses are in bench/peers."""

import json
import os
import shutil
import subprocess
import tempfile

from . import proc, systems

HERE = os.path.join(systems.ROOT, "bench", "peers")
PYTHON = "/usr/bin/python3"     # the one that sees distribution packages


def lacks(argv, env=None):
    try:
        return subprocess.run(argv, capture_output=True, timeout=60,
                              env=dict(os.environ, **(env or {}))
                              ).returncode != 0
    except OSError:
        return True


class Peer(systems.System):
    """A peer with a producer: PRODUCER fill N | pace N RATE."""

    producer = ()
    env = {}
    count = ("DBSIZE",)
    db = 1

    def prepare(self, aof):
        self.counting = self.server.dial(self.db)
        self.full_env = {"BENCH_SOCKET": self.server.path,
                         "BENCH_STARTS": self.starts, **self.env}

    def close(self):
        if self.server is not None:
            self.counting.close()
        super().close()

    def produce(self, *words):
        done = subprocess.run(
            [*self.producer, *map(str, words)], cwd=HERE, timeout=300,
            env=dict(os.environ, PYTHONDONTWRITEBYTECODE="1",
                     **self.full_env), capture_output=True, text=True)
        if done.returncode != 0:
            raise RuntimeError(f"{self.name}: {done.stderr[-1500:]}")

    def fill(self, count, size=200):
        self.produce("fill", count)

    def pace(self, count, rate):
        self.produce("pace", count, rate)

    def done(self):
        return int(self.counting(*self.count) or 0)

    def start(self):
        for argv in self.workers():
            self.run(argv, cwd=HERE, env=self.full_env)


class Celery(Peer):
    name = "celery prefork, late ack"
    jobs = 6000
    producer = (PYTHON, "celery_peer.py")
    tuning = ("--without-gossip", "--without-mingle", "--without-heartbeat",
              "-O", "fair")

    @staticmethod
    def missing(build):
        return lacks([PYTHON, "-c", "import celery, redis"]) and \
            "celery (python3-celery)"

    def workers(self):
        return [[PYTHON, "-m", "celery", "-A", "celery_peer", "worker",
                 "-P", "prefork", "-c", "2", "-l", "WARNING", "-Q", "bench",
                 *self.tuning]]


class CeleryDefault(Celery):
    name = "celery prefork, late ack, defaults"
    tuning = ()
    sections = ("cold", "memory")


class Rq(Peer):
    name = "rq, fork per job"
    jobs = 800
    db = 0
    count = ("ZCARD", "rq:finished:bench")
    producer = (PYTHON, "rq_peer.py")
    worker = ()

    @staticmethod
    def missing(build):
        return lacks([PYTHON, "-c", "import rq, redis"]) and "rq (python3-rq)"

    def workers(self):
        return [[PYTHON, "-m", "rq.cli", "worker", "-q", "-u",
                 f"unix://{self.server.path}?db=0", "--serializer",
                 "rq.serializers.JSONSerializer", *self.worker,
                 "bench"]] * 2


class RqSimple(Rq):
    name = "rq, simple worker"
    jobs = 4000
    worker = ("-w", "rq.worker.SimpleWorker")


class Sidekiq(Peer):
    name = "sidekiq, 2 processes of 10"
    jobs = 40000
    producer = ("ruby", "sidekiq.rb")
    env = {"BENCH_THREADS": "10"}

    @staticmethod
    def missing(build):
        return lacks(["ruby", "-e", "require 'sidekiq'"]) and \
            "sidekiq (ruby-sidekiq)"

    def workers(self):
        return [["sidekiq", "-r", "./sidekiq.rb", "-q", "bench", "-c",
                 "10"]] * 2


class SidekiqReliable(Sidekiq):
    name = "sidekiq, reliable fetch"
    env = {"BENCH_THREADS": "10", "BENCH_RELIABLE": "1"}
    sections = ("throughput",)

    @staticmethod
    def missing(build):
        return lacks(["ruby", "-e", "require 'sidekiq';"
                      "require 'sidekiq-reliable-fetch'"]) and \
            "sidekiq's reliable fetch (ruby-gitlab-sidekiq-fetcher)"


class Bullmq(Peer):
    name = "bullmq, 2 processes of 50"
    jobs = 80000
    db = 0
    count = ("ZCARD", "bull:bench:completed")
    producer = ("node", "bullmq.js")
    folder = os.environ.get("BENCH_NODE_MODULES", os.path.join(
        tempfile.gettempdir(), "bullmq", "node_modules"))
    env = {"NODE_PATH": folder, "BENCH_CONCURRENCY": "50"}

    @staticmethod
    def missing(build):
        return (not shutil.which("node") or not os.path.isdir(
            Bullmq.folder + "/bullmq")) and \
            "bullmq (npm install bullmq ioredis, and name the folder " \
            "node_modules in BENCH_NODE_MODULES)"

    def workers(self):
        return [["node", "bullmq.js", "work"]] * 2


class Beanstalkd(Peer):
    name = "beanstalkd, worker in C"
    jobs = 80000

    @staticmethod
    def missing(build):
        return not shutil.which("beanstalkd") and "beanstalkd"

    def prepare(self, aof):
        super().prepare(aof)
        self.bean = self.dir + "/bean.sock"
        keep = ["-b", self.dir, "-f", "1000"] if aof else []
        self.run(["beanstalkd", "-l", "unix:" + self.bean, *keep])
        proc.until(lambda: os.path.exists(self.bean), "beanstalkd")
        self.producer = (PYTHON, "beanstalkd.py")
        self.full_env["BENCH_BEAN"] = self.bean

    def start(self):
        self.run([self.build + "/bench/bean", self.server.path, self.bean,
                  "2"])

    def workers(self):
        return []

    def done(self):
        # the worker stores results in database 0, where nothing else is
        return int(self.redis("DBSIZE"))


ALL = (Celery, CeleryDefault, Rq, RqSimple, Sidekiq, SidekiqReliable, Bullmq,
       Beanstalkd)


def installed(build):
    """The peers that are here, and what is missing for the others."""
    found, missing = [], []
    for kind in ALL:
        why = kind.missing(build)
        if why:
            missing.append(why)
        else:
            found.append(kind(build))
    return found, sorted(set(missing))


def versions():
    asks = {
        "redis-server": ["redis-server", "--version"],
        "celery": [PYTHON, "-c", "import celery; print(celery.__version__)"],
        "rq": [PYTHON, "-c", "import rq; print(rq.VERSION)"],
        "sidekiq": ["ruby", "-e",
                    "require 'sidekiq'; puts Sidekiq::VERSION"],
        "beanstalkd": ["beanstalkd", "-v"],
        "node": ["node", "--version"],
    }
    told = {}
    for name, argv in asks.items():
        try:
            out = subprocess.run(argv, capture_output=True, text=True,
                                 timeout=60)
        except OSError:
            continue
        if out.returncode == 0:
            told[name] = " ".join(out.stdout.split()[:3])
    try:
        with open(Bullmq.folder + "/bullmq/package.json") as f:
            told["bullmq"] = json.load(f)["version"]
    except OSError:
        pass
    return told
