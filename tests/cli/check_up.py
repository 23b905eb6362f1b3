"""ganger up with a stand-in for gangerd: the order of starts and stops, what
is refused, and that nothing is left behind whatever dies."""
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from cli_rig import GANGER, Redis, until  # noqa: E402

HERE = os.path.dirname(os.path.abspath(__file__))


class Up:
    all = []

    def __init__(self, dir, *args, conf=None):
        self.dir, self.ready = dir, os.path.join(dir, "ready")
        fake = os.path.join(dir, "gangerd")
        with open(fake, "w") as f:
            f.write("#!/bin/sh\nexec '%s' '%s/fake_gangerd.py' \"$@\"\n" % (
                sys.executable, HERE))
        os.chmod(fake, 0o700)
        if conf is not None:
            with open(os.path.join(dir, "user.ini"), "w") as f:
                f.write(conf)
            args += ("--config", os.path.join(dir, "user.ini"))
        self.errfile = open(os.path.join(dir, "err"), "w+")
        env = dict(os.environ, GANGER_GANGERD=fake, REDIS_URL="redis://none",
                   GANGER_REDIS_SERVER=shutil.which(
                       os.environ.get("REDIS_SERVER") or "redis-server"))
        self.p = subprocess.Popen(
            [GANGER, "up", "--json", "--dir", os.path.join(dir, "up"),
             "--ready-file", self.ready, *args], env=env,
            stdout=subprocess.PIPE, stderr=self.errfile)
        Up.all.append(self.p)

    def err(self):
        self.errfile.flush()
        with open(self.errfile.name) as f:
            return f.read()

    def said(self):
        """What it printed when it was ready."""
        line = self.p.stdout.readline()
        assert line, self.err()
        self.info = json.loads(line)
        until("the ready file is there", lambda: os.path.exists(self.ready))
        return self.info

    def end(self, rc):
        got = self.p.wait(timeout=30)
        self.p.stdout.close()
        self.errfile.close()
        assert got == rc, (got, self.err_text())

    def err_text(self):
        with open(os.path.join(self.dir, "err")) as f:
            return f.read()


def alive(pid):
    try:
        with open("/proc/%d/stat" % pid) as f:
            return f.read().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def gone(info):
    return not alive(info["gangerd"]) and not alive(info["redis_server"])


def t_starts_serves_and_stops_in_order(dir):
    up = Up(dir)
    info = up.said()
    with open(up.ready) as f:
        assert f.read().split() == [info["http"], info["redis"]]
    r = Redis(info["redis"])
    assert r("CONFIG", "GET", "appendonly")[1] == b"yes"
    assert r("CONFIG", "GET", "port")[1] == b"0"
    r.close()
    assert os.stat(info["config"]).st_mode & 0o777 == 0o600
    up.p.send_signal(signal.SIGINT)
    up.end(0)
    err = up.err_text()
    assert "leaving, redis there" in err and "hello from" in err, err
    assert "None" in err.split("hello from")[1].splitlines()[0], err
    assert gone(info) and not os.path.exists(up.ready)
    assert not os.path.exists(info["redis"])


def t_data_survives_a_restart(dir):
    for want in (1, 2):
        up = Up(dir)
        r = Redis(up.said()["redis"])
        assert r("INCR", "n") == want
        r.close()
        up.p.terminate()
        up.end(0)


def t_a_second_one_is_refused(dir):
    up = Up(dir)
    info = up.said()
    p = subprocess.run([GANGER, "up", "--dir", os.path.join(dir, "up")],
                       capture_output=True, timeout=20,
                       env=dict(os.environ, GANGER_GANGERD="/bin/true"))
    assert p.returncode == 1 and b"running already" in p.stderr, p
    assert alive(info["gangerd"])
    up.p.terminate()
    up.end(0)


def t_the_death_of_either_ends_both(dir):
    for who, name in (("gangerd", "gangerd"), ("redis_server", "redis")):
        up = Up(dir)
        info = up.said()
        os.kill(info[who], signal.SIGKILL)
        up.end(1)
        err = up.err_text()
        assert "ended: signal 9" in err and name in err, err
        assert gone(info)


def t_a_kill_of_ours_leaves_nothing(dir):
    up = Up(dir)
    info = up.said()
    up.p.kill()
    up.end(-9)
    until("the children are gone", lambda: gone(info))
    up = Up(dir)
    info = up.said()
    up.p.terminate()
    up.end(0)


def t_a_daemon_that_refuses_is_named(dir):
    up = Up(dir, conf="[supervisor]\nexit = 78\n")
    up.end(1)
    assert "exit status 78 (bad configuration)" in up.err_text()


def t_users_keys_win_but_for_redis(dir):
    up = Up(dir, conf="; mine\n[supervisor]\nrun_dir = /elsewhere\nx=1\n"
            "[redis]\nurl = redis://other\nprefix = my\n"
            "[handler selftest]\nbatch_size = 7\n"
            "[pool a]\nslots = 3 ; three\n[http]\nopen_read = yes\n")
    info = up.said()
    with open(info["config"]) as f:
        text = f.read()
    up.p.terminate()
    up.end(0)
    for want in ("run_dir = /elsewhere", "prefix = my", "batch_size = 7",
                 "[pool a]\nslots = 3 ; three\n", "open_read = yes", "x=1",
                 "state_dir = " + os.path.realpath(dir) + "/up/state"):
        assert text.count(want) == 1, (want, text)
    assert "redis://other" not in text and text.count("run_dir") == 1
    assert text.count("[redis]") == 1 and text.count("url = unix:") == 1


def t_listen_is_taken_or_refused(dir):
    up = Up(dir, "--listen", "127.0.0.1:0")
    info = up.said()
    port = info["http"].rsplit(":", 1)[1].strip("/")
    assert port != "0"
    other = os.path.join(dir, "other")
    p = subprocess.run([GANGER, "up", "--dir", other, "--listen",
                        "127.0.0.1:" + port], capture_output=True, timeout=20,
                       env=dict(os.environ, GANGER_GANGERD="/bin/true"))
    assert p.returncode == 1 and b"can't listen" in p.stderr, p
    up.p.terminate()
    up.end(0)


def t_wrong_use_is_refused(dir):
    for args in (["--dir", os.path.join(dir, "x" * 100)],
                 ["--listen", "nonsense"], ["--redis", "unix:/x"],
                 ["--config", os.path.join(dir, "none")]):
        if "--dir" not in args:
            args += ["--dir", os.path.join(dir, "d")]
        p = subprocess.run([GANGER, "up", *args], capture_output=True,
                           timeout=20,
                           env=dict(os.environ, GANGER_GANGERD="/bin/true"))
        assert p.returncode == 2 and p.stderr, (args, p)


def main():
    if not (os.environ.get("REDIS_SERVER") or shutil.which("redis-server")):
        print("no redis-server")
        sys.exit(77)
    for name, test in list(globals().items()):
        if name.startswith("t_"):
            dir = tempfile.mkdtemp(prefix="gup-")
            try:
                test(dir)
            except Exception:
                if os.path.exists(os.path.join(dir, "err")):
                    with open(os.path.join(dir, "err")) as f:
                        print(f.read())
                raise
            finally:
                for p in Up.all:   # only after a failure is one left
                    if p.poll() is None:
                        p.kill()
                        p.wait()
                shutil.rmtree(dir)
            print("ok", name)


main()
