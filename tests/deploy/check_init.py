"""The init script, every verb against a daemon in a folder of its own: what it
answers (exit codes of the LSB), and what has become of the daemon."""
import os
import shutil
import signal
import subprocess
import sys

SRC = os.environ.get("GANGER_SRCDIR", ".")
sys.path.insert(0, os.path.join(SRC, "tests", "cli"))
from cli_rig import BUILD, Rig, until  # noqa: E402

SCRIPT = os.path.join(SRC, "deploy", "init.d", "ganger")
# LSB 5.0, section 22.2
OK, ERROR, USAGE, PRIVILEGE, INSTALLED, CONFIGURED, RUNNING = 0, 1, 2, 4, 5, 6, 7
DEAD_WITH_PIDFILE, NOT_RUNNING = 1, 3


class Init:
    def __init__(self, rig):
        self.rig = rig
        self.conf = os.path.join(rig.dir, "ganger.ini")
        self.run = os.path.join(rig.dir, "run")
        self.pidfile = os.path.join(self.run, "gangerd.pid")
        self.defaults = os.path.join(rig.dir, "default")
        # nobody runs it too, and may not enter the folder of the tree
        self.script = shutil.copy(SCRIPT, os.path.join(rig.dir, "script"))
        os.chmod(self.script, 0o755)
        self.write_conf()
        self.write_defaults(os.path.join(BUILD, "gangerd"))

    def write_conf(self, more=""):
        with open(self.conf, "w") as f:
            f.write("[supervisor]\nrun_dir = %s\nstate_dir = %s/state\n"
                    "worker_id = init-test\nmax_concurrent_jobs = 1\n"
                    "kill_grace = 100ms\n[redis]\nurl = %s\n"
                    "[http]\nlisten =\n[log]\ntarget = %s/log\n"
                    "[handler selftest]\n%s" %
                    (self.run, self.rig.dir, self.rig.url, self.rig.dir, more))
        os.chmod(self.conf, 0o600)

    def write_defaults(self, daemon):
        with open(self.defaults, "w") as f:
            f.write("DAEMON=%s\nGANGER_CONFIG=%s\nGANGER_PIDFILE=%s\n"
                    "GANGER_CHILD=%s/ganger-child\n"
                    "GANGER_PLUGIN_DIR=%s/.libs\nGANGER_CGROUP=no\n"
                    "GANGER_NOFILE=4096\nGANGER_STOP_TIMEOUT=30\n" %
                    (daemon, self.conf, self.pidfile, BUILD, BUILD))

    def __call__(self, *words, user=None):
        """The exit code, and all that was printed."""
        env = dict(os.environ, GANGER_DEFAULTS=self.defaults)
        # a file, not a pipe: a daemon in the background would keep it open
        path = os.path.join(self.rig.dir, "out")
        with open(path, "wb") as out:
            code = subprocess.run(
                ["sh", self.script, *words], env=env, stdout=out,
                stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
                timeout=60, user=user).returncode
        with open(path) as out:
            return code, out.read()

    def expect(self, want, *words, says="", user=None):
        code, text = self(*words, user=user)
        assert code == want, "%s: exit %d, expected %d: %s" % (
            words, code, want, text)
        assert says in text, "%s: no \"%s\" in: %s" % (words, says, text)

    def pid(self):
        with open(self.pidfile) as f:
            return int(f.read())

    def log(self, text):
        with open(os.path.join(self.rig.dir, "log")) as f:
            return text in f.read()

    def kill(self):
        """Whatever went wrong, nothing of it stays."""
        try:
            os.kill(self.pid(), signal.SIGKILL)
        except (OSError, ValueError):
            pass


def alive(pid):
    try:
        with open("/proc/%d/stat" % pid) as f:
            return f.read().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def check_stopped(init):
    init.expect(NOT_RUNNING, "status", says="is not running")
    init.expect(OK, "stop", says="is not running")
    init.expect(RUNNING, "reload", says="is not running")
    init.expect(RUNNING, "force-reload")
    init.expect(OK, "try-restart")
    init.expect(NOT_RUNNING, "status")
    init.expect(OK, "configtest", says="is good")
    init.expect(USAGE, says="usage")
    init.expect(USAGE, "enlarge", says="usage")


def check_start(init):
    init.expect(OK, "start", says="started, process")
    pid = init.pid()
    assert alive(pid)
    init.expect(OK, "status", says="is running, process %d" % pid)
    init.expect(OK, "start", says="is running already, process %d" % pid)
    assert init.pid() == pid
    return pid


def check_job(init):
    out = subprocess.run(
        [os.path.join(BUILD, "ganger"), "--redis", init.rig.url, "submit",
         "--wait", "--json", "--timeout", "30",
         '{"type":"selftest","input":{"op":"echo","value":42}}'],
        stdout=subprocess.PIPE, timeout=60)
    assert out.returncode == 0 and b"42" in out.stdout, out


def check_reload(init, pid):
    init.write_conf("job_timeout = 77s\n")
    init.expect(OK, "reload")
    until("the reload is logged", lambda: init.log("job_timeout"))
    init.write_conf("colour = green\n")
    init.expect(CONFIGURED, "reload", says="colour")
    init.expect(CONFIGURED, "force-reload", says="colour")
    init.expect(CONFIGURED, "configtest", says="colour")
    # a file that could not start one stops none
    init.expect(CONFIGURED, "restart", says="colour")
    assert init.pid() == pid and alive(pid)
    init.write_conf()
    init.expect(OK, "force-reload")


def check_restart(init, pid):
    init.expect(OK, "restart")
    until("the former daemon is gone", lambda: not alive(pid))
    second = init.pid()
    assert second != pid and alive(second)
    init.expect(OK, "try-restart")
    assert init.pid() != second
    return init.pid()


def check_stop(init, pid):
    init.expect(OK, "stop", says="stopped")
    assert not alive(pid) and not os.path.exists(init.pidfile)
    init.expect(NOT_RUNNING, "status")


def check_dead(init):
    """A daemon that was killed leaves its pidfile; the next start is told
    apart from it."""
    init.expect(OK, "start")
    pid = init.pid()
    os.kill(pid, signal.SIGKILL)
    until("it is gone", lambda: not alive(pid))
    init.expect(DEAD_WITH_PIDFILE, "status", says="exists")
    # the number is another process's by now
    with open(init.pidfile, "w") as f:
        f.write("%d\n" % os.getpid())
    init.expect(DEAD_WITH_PIDFILE, "status")
    init.expect(OK, "stop", says="is not running")
    init.expect(OK, "start")
    init.expect(OK, "status")


def check_rights(init):
    """As nobody: the daemon is seen or not, but never touched."""
    if os.getuid() != 0:
        return
    os.chmod(init.rig.dir, 0o755)
    os.chmod(init.defaults, 0o644)
    # run_dir is 0700, so that nobody can't even tell
    init.expect(4, "status", says="can't be told", user=65534)
    os.chmod(init.run, 0o711)
    os.chmod(init.pidfile, 0o644)
    init.expect(OK, "status", user=65534)
    init.expect(PRIVILEGE, "stop", says="no right", user=65534)
    init.expect(OK, "status")


def check_failures(init):
    init.expect(OK, "stop")
    init.rig.server.terminate()
    init.rig.server.wait()
    init.expect(ERROR, "start", says="Redis")
    init.write_conf("colour = green\n")
    init.expect(CONFIGURED, "start", says="colour")
    os.unlink(init.conf)
    init.expect(CONFIGURED, "start", says="is not there")
    init.expect(CONFIGURED, "configtest")
    init.write_defaults("/nowhere/gangerd")
    init.expect(INSTALLED, "start", says="not installed")
    init.expect(INSTALLED, "configtest")
    init.expect(INSTALLED, "restart")


def main():
    if not shutil.which("sh"):
        sys.exit(77)
    rig = Rig()
    init = Init(rig)
    try:
        check_stopped(init)
        pid = check_start(init)
        check_job(init)
        check_reload(init, pid)
        pid = check_restart(init, pid)
        check_stop(init, pid)
        check_dead(init)
        check_rights(init)
        check_failures(init)
    finally:
        init.kill()
        rig.close()


main()
