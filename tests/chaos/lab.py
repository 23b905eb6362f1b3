"""The crash laboratory's bench: a real redis-server, gangerds, what the driver
does to them, and the oracle that judges what came of it."""

import collections
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
SRC = os.environ.get("GANGER_SRCDIR", os.path.join(HERE, "..", ".."))
BUILD = os.environ.get("GANGER_BUILDDIR", os.getcwd())
sys.path.insert(0, os.path.join(SRC, "tests", "lua"))

from relay import Relay  # noqa: E402
from resp import Redis, RedisError  # noqa: E402

Q = "ai:chaos:queue"
REPLIES = "chaos:replies"
KEYS = {"high": "{%s}:high" % Q, "low": "{%s}:low" % Q,
        "delayed": "{%s}:delayed" % Q, "leases": "{%s}:leases" % Q,
        "dead": "{%s}:dead" % Q, "stats": "{%s}:stats" % Q,
        "history": "{%s}:history" % Q}
PRIORITY = {Q: None, KEYS["high"]: "high", KEYS["low"]: "low"}
LANES = (Q, Q, KEYS["high"], KEYS["low"])
ORPHAN_NS = 2 * 10**9
LIMIT = float(os.environ.get("CHAOS_LIMIT", "60"))

INI = """[supervisor]
worker_id = %(id)s
run_dir = %(dir)s/run
state_dir = %(dir)s/state
lease_ttl = %(ttl)s
max_attempts = 1000
max_worker_lost = 1000
retry_backoff = 5ms
retry_backoff_max = 20ms
kill_grace = 100ms
shutdown_grace = 5s
result_ttl = %(result_ttl)s
[redis]
url = unix:%(redis)s
[http]
listen =
[log]
target = %(dir)s/log
[pool p]
slots = %(slots)d
queues = %(queue)s
[handler command]
kind = command
command = %(job)s
types = command
[handler plugin]
kind = plugin
path = %(plugin)s
types = plugin
env.CHAOS_NOTE = %(note)s
"""


class Failure(Exception):
    """A promise that was not kept, or a bench that does not work."""


def until(what, test, limit=None, step=0.002):
    """Waits for a condition and gives its value."""
    end = time.monotonic() + (LIMIT if limit is None else limit)
    while True:
        value = test()
        if value:
            return value
        if time.monotonic() > end:
            raise Failure("waited in vain for: " + what)
        time.sleep(step)


def read_text(path):
    try:
        with open(path) as f:
            return f.read()
    except (FileNotFoundError, ProcessLookupError):
        return ""


def children(pid):
    """Direct children of a process, of all its threads."""
    found = []
    try:
        tasks = os.listdir("/proc/%d/task" % pid)
    except OSError:
        return found
    for task in tasks:
        found += map(int, read_text(
            "/proc/%d/task/%s/children" % (pid, task)).split())
    return found


def tree(pid):
    """The process and all below it."""
    found = [pid]
    for child in found:
        found += children(child)
    return found


def kill(pid, sig=signal.SIGKILL):
    try:
        os.kill(pid, sig)
        return True
    except ProcessLookupError:
        return False


class Server:
    """redis-server with an append-only file that is written through before
    each answer, so that what it acknowledged survives its own kill."""

    def __init__(self, folder):
        self.dir = folder
        self.path = os.path.join(folder, "redis.sock")
        self.process = None
        self.redis = None               # our connection

    def start(self):
        out = open(os.path.join(self.dir, "redis.log"), "ab")
        with out:
            self.process = subprocess.Popen(
                [os.environ.get("REDIS_SERVER") or "redis-server",
                 "--port", "0", "--unixsocket", self.path, "--dir", self.dir,
                 "--save", "", "--appendonly", "yes",
                 "--appendfsync", "always"],
                stdin=subprocess.DEVNULL, stdout=out, stderr=out)

    def connect(self):
        def attempt():
            try:
                r = Redis(self.path)
                r("PING")
                return r
            except (OSError, RedisError, ConnectionError):
                if self.process.poll() is not None:
                    raise Failure("redis-server ended: " +
                                  read_text(self.dir + "/redis.log")[-500:])
                return None
        self.redis = until("redis-server", attempt)

    def kill(self, sig=signal.SIGKILL):
        self.redis.close()
        self.process.send_signal(sig)
        self.process.wait()


class Daemon:
    """One gangerd with a folder and an id of its own."""

    def __init__(self, lab, name, slots, ttl):
        self.lab = lab
        self.id = "%s-%s" % (lab.mark, name)
        self.dir = os.path.join(lab.dir, name)
        os.mkdir(self.dir)
        self.process = None
        self.pidfile = os.path.join(self.dir, "run", "gangerd.pid")
        self.spec = os.path.join(self.dir, "failpoint")
        self.words = {
            "id": self.id, "dir": self.dir, "ttl": ttl, "slots": slots,
            "redis": lab.relay.path if lab.relay else lab.server.path,
            "queue": Q, "note": 0,
            "result_ttl": lab.result_ttl,
            "job": os.path.join(BUILD, "tests", "chaos", "job"),
            "plugin": os.path.join(BUILD, "tests", "chaos", ".libs",
                                   "chaos.so")}
        self.configure()

    def configure(self, **words):
        """Writes its file anew; a HUP or a start takes it over."""
        self.words.update(words)
        path = os.path.join(self.dir, "ini")
        with open(path + ".new", "w") as f:
            os.chmod(path + ".new", 0o600)
            f.write(INI % self.words)
        os.rename(path + ".new", path)

    def start(self):
        env = dict(os.environ, CHAOS_DIR=self.lab.files,
                   GANGER_FAILPOINT_FILE=self.spec,
                   GANGER_CHILD=os.path.join(BUILD, "ganger-child"))
        with open(os.path.join(self.dir, "stderr"), "ab") as err:
            self.process = subprocess.Popen(
                [os.path.join(BUILD, "gangerd"), "-F", "-c",
                 os.path.join(self.dir, "ini")], env=env,
                stdin=subprocess.DEVNULL, stdout=err, stderr=err)

    @property
    def pid(self):
        return self.process.pid

    def slots(self):
        """The pids of its ganger-childs."""
        return children(self.pid)

    def arm(self, text):
        with open(self.spec + ".new", "w") as f:
            f.write(text)
        os.rename(self.spec + ".new", self.spec)

    def disarm(self):
        try:
            os.unlink(self.spec)
        except FileNotFoundError:
            pass

    def check_alive(self):
        if self.process.poll() == 69:
            self.start()        # Redis went away during its start: as a
            return              # service manager does
        if self.process.poll() is not None:
            raise Failure("%s ended with %s: %s" % (
                self.id, self.process.returncode,
                read_text(self.dir + "/stderr")[-2000:] +
                read_text(self.dir + "/log")[-2000:]))

    def log(self):
        return read_text(os.path.join(self.dir, "log"))


# pids None: whatever ran
Kill = collections.namedtuple("Kill", "at what pids daemon")


GIVEN_UP = 384      # by one fence: two slots with three credits of 64 jobs


class Oracle:
    """Knows what was asked for, reads what was committed (replies) and what
    ran (the jobs' own files), and says what of it breaks a promise."""

    def __init__(self, files):
        self.files = files
        self.open = {}                  # id -> attempts that fail as asked
        self.kills = collections.deque()
        self.nkills = collections.Counter()
        self.broken = []
        self.jobs = self.done = self.runs = self.reruns = 0
        self.fenced = []                # reruns without a kill nearby
        self.crashed = collections.defaultdict(list)    # pid -> its jobs
        self.recovery = collections.defaultdict(list)   # what -> seconds

    def expect(self, ident, handler, failing=0):
        self.open[ident] = handler, failing
        self.jobs += 1

    def killed(self, what, pids, daemon=None):
        self.kills.append(Kill(time.monotonic_ns(), what, None
                               if pids is None else frozenset(pids), daemon))
        self.nkills[what] += 1

    def complain(self, text, *args):
        self.broken.append(text % args)

    def reply(self, text):
        record = json.loads(text)
        ident = record["id"]
        if ident not in self.open:
            self.complain("%s was committed a second time, as %s", ident,
                          record["state"])
            return
        handler, failing = self.open.pop(ident)
        self.done += 1
        if record["state"] != "done":
            self.complain("%s ended as %s: %s", ident, record["state"],
                          record["error"])
        self.judge(ident, handler, failing)

    def judge(self, ident, handler, failing):
        path = os.path.join(self.files, ident)
        lines = [line.split() for line in read_text(path).splitlines()]
        if not lines:
            self.complain("%s is done and never ran", ident)
            return
        os.unlink(path)                 # one that comes back ran too late
        begun = [(int(at), int(pid), int(parent))
                 for what, at, pid, parent, _ in lines if what in "bo"]
        self.runs += len(begun)
        self.reruns += len(begun) - 1 - failing
        for what, at, pid, _, attempt in lines:
            if what == "o":
                self.complain("%s: attempt %s, pid %s, overlaps another: %s",
                              ident, attempt, pid, lines)
        if lines[-1][0] != "e":
            self.complain("%s is done, its last run has no end: %s", ident,
                          lines)
        for (what, at, pid, *_), after in zip(lines, [*lines[1:], "-"]):
            if handler == "plugin" and what == "b" and (
                    after[0] != "e" or after[2] != pid):
                self.crashed[int(pid)].append(int(at))
        for run, later in zip(begun, begun[1:]):
            kills = self.hits(run, later[0], handler)
            if kills:
                self.recovery[kills[-1].what].append(
                    (later[0] - kills[-1].at) / 1e9)
            elif failing > 0:
                failing -= 1
            else:
                self.fenced.append((ident, run, later, lines))

    def hits(self, run, before, handler):
        """The kills that hit the run, or its result on the way, before that
        time."""
        at, pid, parent = run
        # what a killed process had begun may run a moment longer, on a busy
        # machine a long one; a command whose parent is the supervisor is an
        # orphan of a killed child
        return [k for k in self.kills if at - ORPHAN_NS <= k.at <= before and
                (k.pids is None or pid in k.pids or parent in k.pids or
                 (handler == "command" and parent == k.daemon))]

    def unexplained(self):
        """Reruns that neither a kill nor a crash explains: a child that a
        later job crashed took the results with it that waited for that job's
        (child/report.c). To be asked when all jobs are judged."""
        return [f for f in self.fenced if not any(
            f[1][0] < at < f[2][0] for at in self.crashed[f[1][1]])]

    def forget_kills(self, before_ns):
        while self.kills and self.kills[0].at < before_ns:
            self.kills.popleft()


class Lab:
    """A folder with a Redis, its gangerds and the oracle."""

    def __init__(self, result_ttl="60s", relayed=False):
        base = os.environ.get("CHAOS_TMP")
        if base is None and os.access("/dev/shm", os.W_OK):
            base = "/dev/shm"           # the files only must outlive kills
        self.dir = tempfile.mkdtemp(prefix="ganger-chaos-", dir=base)
        self.mark = "c%d-%06x" % (os.getpid(), random.randrange(1 << 24))
        self.files = os.path.join(self.dir, "files")
        os.mkdir(self.files)
        self.result_ttl = result_ttl
        self.server = Server(self.dir)
        self.servers = [self.server]
        self.relay = Relay(os.path.join(self.dir, "relay.sock"),
                           self.server.path) if relayed else None
        self.daemons = []
        self.oracle = Oracle(self.files)
        self.server.start()
        self.server.connect()
        self.seq = 0

    @property
    def redis(self):
        return self.server.redis

    def second_server(self):
        """Another Redis, for a worker that moves there."""
        folder = os.path.join(self.dir, "other")
        os.mkdir(folder)
        server = Server(folder)
        server.start()
        server.connect()
        self.servers.append(server)

    def daemon(self, name, slots=1, ttl="1s"):
        d = Daemon(self, name, slots, ttl)
        self.daemons.append(d)
        return d

    # jobs

    def push(self, handler="command", count=1, lane=Q, server=None, **given):
        """Submits jobs; their ids."""
        ids = []
        words = []
        for _ in range(count):
            self.seq += 1
            ident = "j%d" % self.seq
            ids.append(ident)
            self.oracle.expect(ident, handler, given.get("crash", 0) +
                               given.get("fail", 0))
            words.append(json.dumps({
                "id": ident, "type": handler, "reply_to": REPLIES,
                "priority": PRIORITY[lane], "input": given}))
        (server or self.server).redis("LPUSH", lane, *words)
        return ids

    def collect(self, most=1000):
        """Takes the replies that are there; how many."""
        texts = [text for server in self.servers
                 for text in server.redis("RPOP", REPLIES, most) or []]
        for text in texts:
            self.oracle.reply(text)
        return len(texts)

    def drain(self, limit=None):
        """Waits until all that was submitted is done."""
        def all_done():
            for d in self.daemons:
                if d.process is not None:
                    d.check_alive()
            return self.collect() == 0 and not self.oracle.open
        try:
            until("the jobs' ends", all_done, limit)
        except Failure as e:
            raise Failure("%s; open: %s; %s" % (
                e, dict(list(self.oracle.open.items())[:8]), self.state()))

    def begun(self, ident):
        """(pid, parent) of the run that goes on, or None."""
        lines = read_text(os.path.join(self.files, ident)).splitlines()
        if not lines or lines[-1][0] == "e":
            return None
        words = lines[-1].split()
        return int(words[2]), int(words[3])

    # what the driver does

    def kill_redis(self, sig=signal.SIGKILL, server=None):
        (server or self.server).kill(sig)
        self.oracle.killed("redis", None)

    def restart_redis(self, server=None):
        (server or self.server).start()
        (server or self.server).connect()

    def kill_daemon(self, d):
        below = tree(d.pid)
        d.process.kill()
        d.process.wait()
        d.process = None
        self.oracle.killed("supervisor", below)

    def kill_process(self, d, pid, what):
        below = tree(pid)
        if kill(pid):
            self.oracle.killed(what, below, d.pid)
            return True
        return False

    # judgements

    def total(self, *words):
        """The sum of what all servers answer, in numbers."""
        return sum(int(server.redis(*words) or 0) for server in self.servers)

    def state(self):
        """What Redis holds of the queue, in words."""
        words = {"queue": self.total("LLEN", Q),
                 "delayed": self.total("ZCARD", KEYS["delayed"])}
        for d in self.daemons:
            key = "{%s}:leased:%s" % (Q, d.id)
            words[d.id] = self.total("HLEN", key)
        return words

    def processes(self):
        """What lives of our gangerds' children and jobs."""
        marks = [b"GANGER_WORKER_ID=" + d.id.encode() for d in self.daemons]
        found = []
        for name in os.listdir("/proc"):
            if not name.isdigit():
                continue
            try:
                with open("/proc/%s/environ" % name, "rb") as f:
                    env = f.read().split(b"\0")
            except OSError:
                continue
            if any(m in env for m in marks):
                found.append(int(name))
        return found

    def check_empty(self):
        """Nothing is left in Redis of jobs that are all done."""
        def settled():
            return not any(self.state().values())
        try:
            until("nothing left in Redis", settled, 10)
        except Failure:
            self.oracle.complain("left in Redis: %s", self.state())
        for key in ("high", "low", "dead"):
            if self.total("LLEN", KEYS[key]):
                self.oracle.complain("left in %s: %s", key, [
                    server.redis("LRANGE", KEYS[key], 0, 2)
                    for server in self.servers])
        history = self.total("HLEN", KEYS["history"])
        if history:
            self.oracle.complain("history of %d jobs left", history)
        done = self.total("HGET", KEYS["stats"], "done")
        if done != self.oracle.done:
            self.oracle.complain("stats count %d done, replies %d", done,
                                 self.oracle.done)
        for name in os.listdir(self.files)[:8]:
            self.oracle.complain("ran after its end: %s: %s", name, read_text(
                os.path.join(self.files, name)).splitlines())

    def stop_daemons(self):
        for d in self.daemons:
            if d.process is not None and d.process.poll() is None:
                kill(d.pid, signal.SIGCONT)
                d.process.terminate()
        for d in self.daemons:
            if d.process is not None:
                try:
                    d.process.wait(20)
                except subprocess.TimeoutExpired:
                    d.process.kill()
                    d.process.wait()
                    self.oracle.complain("%s does not stop", d.id)

    def check_processes(self):
        try:
            until("no process left", lambda: not self.processes(), 5, 0.02)
        except Failure:
            left = self.processes()
            self.oracle.complain("processes left: %s", [
                (p, read_text("/proc/%d/comm" % p).strip()) for p in left])
            for pid in left:
                kill(pid)

    def close(self, keep=False):
        self.stop_daemons()
        self.check_processes()
        for server in self.servers:
            server.kill()
        if self.relay:
            self.relay.close()
        if keep or os.environ.get("CHAOS_KEEP"):
            print("kept: " + self.dir)
        else:
            shutil.rmtree(self.dir)

    def fences(self):
        """How often a gangerd or a child gave up what it had, because the
        lease ended: what ran, and short jobs that were over, with their
        results on the way."""
        words = "no renewal for", "the lease ended"
        return sum(any(w in line for w in words) for d in self.daemons
                   for line in d.log().splitlines())
