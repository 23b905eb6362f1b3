"""A redis-server on a unix socket in a folder of its own, and ganger run
against it. Everything is gone when the rig is closed."""
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time

BUILD = os.environ.get("GANGER_BUILDDIR", ".")
GANGER = os.path.join(BUILD, "ganger")
DEADLINE = 20


def until(what, condition):
    end = time.monotonic() + DEADLINE
    while time.monotonic() < end:
        value = condition()
        if value:
            return value
        time.sleep(0.01)
    raise AssertionError("timed out waiting until " + what)


class Redis:
    """Just enough of the protocol for the tests."""

    def __init__(self, path):
        self.sock = socket.socket(socket.AF_UNIX)
        try:
            self.sock.connect(path)
        except OSError:
            self.sock.close()
            raise
        self.file = self.sock.makefile("rb")

    def close(self):
        self.file.close()
        self.sock.close()

    def reply(self):
        line = self.file.readline()
        kind, rest = line[:1], line[1:-2]
        if kind == b"-":
            raise RuntimeError(rest.decode())
        if kind == b":":
            return int(rest)
        if kind == b"$":
            n = int(rest)
            return None if n < 0 else self.file.read(n + 2)[:-2]
        if kind == b"*":
            n = int(rest)
            return None if n < 0 else [self.reply() for _ in range(n)]
        return rest

    def __call__(self, *words):
        out = [b"*%d\r\n" % len(words)]
        for w in words:
            w = w if isinstance(w, bytes) else str(w).encode()
            out.append(b"$%d\r\n%s\r\n" % (len(w), w))
        self.sock.sendall(b"".join(out))
        return self.reply()


class Rig:
    def __init__(self):
        server = os.environ.get("REDIS_SERVER") or shutil.which("redis-server")
        if not server:
            print("no redis-server")
            sys.exit(77)
        self.dir = tempfile.mkdtemp(prefix="ganger-cli-")
        self.path = os.path.join(self.dir, "s")
        self.server = subprocess.Popen(
            [server, "--port", "0", "--unixsocket", self.path, "--save", "",
             "--dir", self.dir], stdout=subprocess.DEVNULL)
        self.url = "unix:" + self.path
        self.redis = None
        try:
            self.redis = until("redis listens", self.connect)
        except BaseException:
            self.close()
            raise

    def connect(self):
        try:   # the path is there a moment before somebody listens
            return Redis(self.path)
        except OSError:
            return None

    def close(self):
        if self.redis:
            self.redis.close()
        self.server.terminate()
        self.server.wait()
        shutil.rmtree(self.dir)

    def env(self):
        env = {k: v for k, v in os.environ.items() if k != "REDIS_URL"}
        env["REDIS_URL"] = self.url
        return env

    def start(self, *args, **kw):
        return subprocess.Popen([GANGER, *args], stdin=subprocess.PIPE,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                env=self.env(), **kw)

    def run(self, *args, stdin=b"", rc=0):
        """Runs ganger; fails unless it exits with rc. Gives its stdout."""
        p = self.start(*args)
        out, err = p.communicate(stdin, timeout=DEADLINE)
        if p.returncode != rc:
            raise AssertionError("ganger %s: exit %d, not %d\n%s%s" % (
                " ".join(args), p.returncode, rc, out.decode(), err.decode()))
        self.err = err.decode()
        return out.decode()

    def lines(self, *args, **kw):
        return [json.loads(x) for x in self.run(*args, "--json", **kw)
                .splitlines()]

    def record(self, queue, id, **members):
        rec = {"id": id, "queue": queue, "state": "done", "attempt": 1,
               "started_at": 1000, "finished_at": 1500, "result": None,
               "error": None}
        rec.update(members)
        self.redis("SET", "{%s}:job:%s" % (queue, id), json.dumps(rec))


def main(tests):
    """Runs each function with a rig of its own, flushed before."""
    rig = Rig()
    try:
        for t in tests:
            rig.redis("FLUSHALL")
            t(rig)
            print("ok", t.__name__)
    finally:
        rig.close()
