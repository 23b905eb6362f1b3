"""gangerd as PID 1, as in a container: it runs jobs, reaps what it never
started itself, and ends with 0 at TERM. Another one with its worker id in
another container of that host name, also PID 1, is refused while it lives.
Needs root for a namespace."""
import json
import os
import shutil
import signal
import subprocess
import sys

SRC = os.environ.get("GANGER_SRCDIR", ".")
sys.path.insert(0, os.path.join(SRC, "tests", "cli"))
from cli_rig import BUILD, Rig, until  # noqa: E402

CONF = """[supervisor]
run_dir = %(dir)s/run
state_dir = %(dir)s/state
worker_id = first
max_concurrent_jobs = 1
kill_grace = 100ms
lease_ttl = 5s
[redis]
url = %(url)s
[http]
listen =
[log]
target = %(dir)s/log
[handler selftest]
"""


def children(pid):
    """(pid, state, name) of each child, as the host numbers them."""
    found = []
    for entry in os.listdir("/proc"):
        if not entry.isdigit():
            continue
        try:
            with open("/proc/%s/stat" % entry) as f:
                head, rest = f.read().rsplit(")", 1)
        except OSError:
            continue
        state, parent = rest.split()[:2]
        if int(parent) == pid:
            found.append((int(entry), state, head.split("(", 1)[1]))
    return found


def run_job(rig, payload):
    out = subprocess.run(
        [os.path.join(BUILD, "ganger"), "--redis", rig.url, "submit",
         "--wait", "--timeout", "30", payload],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60)
    assert out.returncode == 0, out.stdout.decode()


def check_orphan(daemon):
    """A process that a shell in the namespace leaves behind is reaped."""
    mark = "8.125"
    subprocess.run(["nsenter", "-t", str(daemon), "-p", "sh", "-c",
                    "sleep %s & exit 0" % mark], check=True, timeout=20)
    orphan = until("the orphan is the daemon's", lambda: [
        c for c in children(daemon) if c[2] == "sleep"])[0][0]
    os.kill(orphan, signal.SIGKILL)
    until("it is reaped", lambda: not os.path.exists("/proc/%d" % orphan))


def start(rig, name):
    """A gangerd in a namespace of processes and with folders of its own."""
    folder = os.path.join(rig.dir, name)
    os.makedirs(folder, exist_ok=True)
    path = os.path.join(folder, "ganger.ini")
    with open(path, "w") as f:
        f.write(CONF % {"dir": folder, "url": rig.url})
    os.chmod(path, 0o600)
    return subprocess.Popen(
        ["unshare", "--pid", "--fork", "--mount-proc", "--kill-child",
         os.path.join(BUILD, "gangerd"), "-F", "-c", path],
        env=dict(os.environ, GANGER_CHILD=BUILD + "/ganger-child",
                 GANGER_PLUGIN_DIR=BUILD + "/.libs"))


def run_of(rig):
    """The mark of the run that holds the worker id."""
    return json.loads(rig.redis("GET", "ai:worker:first") or "{}").get("run")


def check_twin(rig):
    """Both are pid 1 of the same host name: neither is the other."""
    run = until("the first one is up", lambda: run_of(rig))
    twin = start(rig, "twin")
    try:
        assert twin.wait(timeout=30) == 73, twin.returncode
    finally:
        stop(twin)
    assert run_of(rig) == run
    with open(os.path.join(rig.dir, "one", "log")) as f:
        text = f.read()
    assert "taking it over" not in text and "is held by" not in text, text


def check_again(rig, killed):
    """One that was killed is followed by itself in a new container, once its
    status has run out."""
    run = until("it is up", lambda: run_of(rig))
    stop(killed)
    runner = start(rig, "one")
    try:
        until("it has the id", lambda: run_of(rig) not in (None, run))
        assert runner.poll() is None
    finally:
        stop(runner)


def stop(runner):
    if runner and runner.poll() is None:
        runner.kill()
        runner.wait()


def check(rig, runner):
    daemon = until("gangerd is there",
                   lambda: [c for c in children(runner.pid)
                            if c[2] == "gangerd"])[0][0]
    with open("/proc/%d/status" % daemon) as f:
        pids = [l.split() for l in f if l.startswith("NSpid")][0]
    assert pids[-1] == "1", pids
    run_job(rig, '{"type":"selftest","input":{"op":"echo","value":1}}')
    run_job(rig, '{"type":"selftest","input":{"op":"orphans","count":3,'
                 '"setsid":true,"seconds":60}}')
    check_orphan(daemon)
    until("no zombie is left",
          lambda: not [c for c in children(daemon) if c[1] == "Z"])
    run_job(rig, '{"type":"selftest","input":{"op":"echo","value":2}}')
    os.kill(daemon, signal.SIGTERM)
    assert runner.wait(timeout=30) == 0, runner.returncode


def main():
    if os.getuid() != 0 or not shutil.which("nsenter"):
        print("only root can make a namespace of processes")
        sys.exit(77)
    if subprocess.run(["unshare", "-p", "-f", "true"],
                      stderr=subprocess.DEVNULL).returncode != 0:
        print("no namespace of processes to be had here")
        sys.exit(77)
    rig = Rig()
    runner = None
    try:
        runner = start(rig, "one")
        check_twin(rig)
        check(rig, runner)
        runner = start(rig, "one")
        check_again(rig, runner)
    finally:
        stop(runner)
        rig.close()


main()
