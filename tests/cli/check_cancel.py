"""Cancel from wherever one can ask for it (ganger, HTTP, the SDK, ai:control),
at each stage of a job, in a drain too: a real gangerd ends the job once, with
one record, one reply, no dead letter and the attempts that it had."""
import json
import os
import subprocess
import sys
import urllib.error
import urllib.request

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import cli_rig  # noqa: E402
from cli_rig import BUILD, until  # noqa: E402

Q = "ai:inference:queue"
HERE = os.path.dirname(os.path.abspath(__file__))
BUILD = os.path.abspath(BUILD)
HOLD = {"type": "selftest", "input": {"op": "sleep", "seconds": 600}}
ECHO = {"type": "selftest", "input": {"op": "echo", "value": 1}}
INI = """\
[supervisor]
worker_id = w1
run_dir = {dir}/run
state_dir = {dir}/state
kill_grace = 200ms
retry_backoff = 1h
retry_backoff_max = 2h
[redis]
url = {url}
[http]
listen = 127.0.0.1:{port}
token_file = {dir}/token
[pool p]
slots = 1
[handler selftest]
[handler fail]
kind = command
command = false
"""


def free_port():
    import socket
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Daemon:
    def __init__(self, rig):
        self.rig, self.redis, dir = rig, rig.redis, rig.dir
        with open(dir + "/token", "w") as f:
            f.write("secret\n")
        os.chmod(dir + "/token", 0o600)
        env = dict(os.environ, GANGER_CHILD=BUILD + "/ganger-child",
                   GANGER_PLUGIN_DIR=BUILD + "/.libs")
        for name in ("REDIS_URL", "WORKER_ID", "JOB_TIMEOUT"):
            env.pop(name, None)
        while True:
            self.port = free_port()
            with open(dir + "/ini", "w") as f:
                f.write(INI.format(dir=dir, url=rig.url, port=self.port))
            os.chmod(dir + "/ini", 0o600)
            self.log = open(dir + "/log", "wb")
            self.p = subprocess.Popen(
                [os.environ.get("GANGERD") or BUILD + "/gangerd", "-F", "-c",
                 dir + "/ini"], env=env, stdout=self.log, stderr=self.log)
            until("gangerd is ready", lambda: self.p.poll() is not None or
                  self.http("GET", "/readyz") == 200)
            if self.p.poll() != 71:     # the port was taken meanwhile
                break
            self.log.close()

    def http(self, method, path):
        ask = urllib.request.Request(
            "http://127.0.0.1:%d%s" % (self.port, path), method=method,
            headers={"Authorization": "Bearer secret"})
        try:
            with urllib.request.urlopen(ask, timeout=20) as f:
                self.body = f.read()
                return f.status
        except urllib.error.HTTPError as e:
            return e.code
        except OSError:
            return 0

    def status(self):
        assert self.http("GET", "/workers/status") == 200
        return json.loads(self.body)["workers"][0]

    def tell(self, **order):
        assert self.redis("PUBLISH", "ai:control", json.dumps(order)) == 1

    def push(self, id, job, queue=Q, **more):
        self.redis("LPUSH", queue, json.dumps(
            {"id": id, "reply_to": "reply:" + id, **job, **more}))

    def record(self, id):
        text = self.redis("GET", "{%s}:job:%s" % (Q, id))
        return json.loads(text) if text else {}

    def until_state(self, id, state):
        until("%s is %s" % (id, state),
              lambda: self.record(id).get("state") == state)

    def end(self):
        self.p.terminate()
        assert self.p.wait(timeout=60) == 0
        self.log.close()


# ---- the stages: each brings its job there, and gives the attempts then

def running(d, id):
    d.push(id, HOLD)
    d.until_state(id, "running")
    return 1


def queued(d, id):
    d.push("busy-" + id, HOLD)
    d.until_state("busy-" + id, "running")
    d.push(id, ECHO)
    return 0


def high(d, id):
    d.push("busy-" + id, HOLD)
    d.until_state("busy-" + id, "running")
    d.push(id, ECHO, "{%s}:high" % Q, priority="high")
    return 0


def delayed(d, id):
    d.push(id, ECHO, delay=3600)
    until("it is delayed", lambda: d.redis("ZCARD", "{%s}:delayed" % Q) == 1)
    return 0


def retrying(d, id):
    d.push(id, {"handler": "fail"})
    d.until_state(id, "waiting")
    return 1


def in_drain(stage):
    def drained(d, id):
        attempts = stage(d, id)
        d.tell(op="drain")
        until("it drains", lambda: d.status()["state"] == "draining")
        return attempts
    drained.__name__ = stage.__name__ + " in a drain"
    return drained


BASE = [running, queued, high, delayed, retrying]
STAGES = BASE + [in_drain(s) for s in BASE]


# ---- the ways to ask

def by_control(d, id):
    d.tell(op="cancel", id=id)


def by_http(d, id):
    assert d.http("DELETE", "/jobs/" + id) == 202


def by_cli(d, id):
    (rec,) = d.rig.lines("cancel", id)
    assert rec["state"] == "cancelled", rec


def by_sdk(d, id):
    assert sdk.Client(d.rig.url).cancel(id) == 1


WAYS = [by_control, by_http, by_cli]
try:
    sys.path.insert(0, os.path.join(HERE, "..", "..", "python"))
    import redis  # noqa: F401
    import ganger.client as sdk
    WAYS.append(by_sdk)
except ImportError:
    print("# without the SDK: no module redis")


def is_cancelled(d, ask, stage):
    id = (ask.__name__ + "-" + stage.__name__).replace(" ", "-")
    before = int(d.redis("HGET", "{%s}:stats" % Q, "cancelled") or 0)
    attempts = stage(d, id)
    ask(d, id)
    d.until_state(id, "cancelled")
    rec = d.record(id)
    assert rec["error"]["cause"] == "cancelled", rec
    assert rec["attempt"] == attempts, (attempts, rec)
    assert d.redis("LLEN", "reply:" + id) == 1
    assert d.redis("LLEN", "{%s}:dead" % Q) == 0
    assert d.redis("HEXISTS", "{%s}:history" % Q, id) == 0
    assert int(d.redis("HGET", "{%s}:stats" % Q, "cancelled")) == before + 1
    # what kept the slot busy, and the drain, are not part of it
    if d.record("busy-" + id):
        d.tell(op="cancel", id="busy-" + id)
        d.until_state("busy-" + id, "cancelled")
    d.tell(op="resume")
    until("the slot is idle", lambda: d.status()["available_slots"] == 1)
    assert d.redis("HLEN", "{%s}:leased:w1" % Q) == 0
    assert d.redis("ZCARD", "{%s}:delayed" % Q) == 0


def t_cancel_at_every_stage_from_everywhere(rig):
    d = Daemon(rig)
    try:
        for ask in WAYS:
            for stage in STAGES:
                is_cancelled(d, ask, stage)
                print("#", ask.__name__, stage.__name__)
        d.end()
    except BaseException:
        d.p.kill()
        d.p.wait()
        with open(rig.dir + "/log") as f:
            sys.stdout.write(f.read()[-4000:])
        raise


def t_without_its_worker_the_cli_takes_it_out(rig):
    """A worker lives, but does not serve the queue."""
    d = Daemon(rig)
    try:
        rig.redis("SADD", "ai:queues", "other")
        rig.redis("LPUSH", "other", '{"id":"o1"}')
        rig.redis("HSET", "{other}:history", "o1", "a2 l0 d0 f0 c0")
        (rec,) = rig.lines("cancel", "o1", "--queue", "other")
        assert rec["state"] == "cancelled" and rec["attempt"] == 2, rec
        assert rig.redis("LLEN", "other") == 0
        d.end()
    except BaseException:
        d.p.kill()
        d.p.wait()
        raise


cli_rig.main([v for k, v in list(globals().items()) if k.startswith("t_")])
