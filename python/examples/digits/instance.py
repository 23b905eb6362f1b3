"""A Ganger of the demo's own: `ganger up` in a temporary folder.

It is stopped and removed when the `with` block ends, however it ends, and
stop() proves that nothing is left of it.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from typing import Callable

START_LIMIT = 60.0  # seconds until jobs can run
STOP_LIMIT = 30.0  # seconds until ganger up is gone
LEAVE_LIMIT = 2.0  # seconds that its processes may outlive it
PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36
_libc = ctypes.CDLL(None, use_errno=True)


class Trouble(Exception):
    """Something that ends the demo; its text says what."""


def _die_with_parent() -> None:
    """Runs in the new process: TERM, should the demo itself be killed."""
    _libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def _my_children() -> list[int]:
    """Gives the processes whose parent this process is, zombies too."""
    found = []
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{name}/stat") as file:
                fields = file.read().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[1]) == os.getpid():
            found.append(int(name))
    return found


def _command(pid: int) -> str:
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            return file.read().replace(b"\0", b" ").decode().strip()
    except OSError:
        return ""  # it is gone; a zombie's is empty too


class Instance:
    """Started by __enter__; `url` is its HTTP, `socket` its Redis."""

    def __init__(self, ganger: str, config: Callable[[str], str]):
        """ganger is the program, config makes a folder's configuration."""
        self._ganger = ganger
        self._config = config
        self.dir = ""
        self.url = ""
        self.socket = ""
        self._process: subprocess.Popen | None = None

    def __enter__(self) -> Instance:
        # whatever loses its parent below us becomes our child, and so can't
        # be left behind unseen
        _libc.prctl(PR_SET_CHILD_SUBREAPER, 1)
        self.dir = tempfile.mkdtemp(prefix="ganger-demo-")
        try:
            self._start()
        except BaseException as error:
            self.__exit__(type(error))
            raise
        return self

    def __exit__(self, kind: object, *exc: object) -> None:
        """Stops it if that is still to be done; an error shows its log."""
        if self._process is None:
            return
        tail = self.log_tail()
        try:
            self.stop()
        except Trouble as trouble:
            print(f"\ndemo: {trouble}", file=sys.stderr)
        else:
            if kind not in (KeyboardInterrupt, SystemExit):
                print(f"\nganger up said:\n{tail}", file=sys.stderr)

    def path(self, name: str) -> str:
        return os.path.join(self.dir, name)

    def _start(self) -> None:
        with open(self.path("demo.ini"), "w") as file:
            file.write(self._config(self.dir))
        os.chmod(self.path("demo.ini"), 0o600)
        with open(self.path("up.log"), "w") as log:
            self._process = subprocess.Popen(
                [
                    *(self._ganger, "up"),
                    *("--dir", self.path("state")),
                    *("--config", self.path("demo.ini")),
                    *("--ready-file", self.path("ready")),
                ],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C is ours to handle
                preexec_fn=_die_with_parent,
            )
        self._wait_ready()

    def _wait_ready(self) -> None:
        end = time.monotonic() + START_LIMIT
        while not self._read_ready():
            if self._process.poll() is not None:
                raise Trouble("ganger up ended at once")
            if time.monotonic() > end:
                raise Trouble(f"no worker within {START_LIMIT:.0f} s")
            time.sleep(0.02)

    def _read_ready(self) -> bool:
        """Reads the addresses that ganger up tells when jobs can run."""
        try:
            with open(self.path("ready")) as file:
                text = file.read()
        except FileNotFoundError:
            return False
        if not text.endswith("\n"):
            return False
        url, self.socket = text.split()
        self.url = url.rstrip("/")
        return True

    def log_tail(self, lines: int = 20) -> str:
        """Gives the end of what ganger up wrote."""
        try:
            with open(self.path("up.log"), errors="replace") as file:
                return "".join(file.readlines()[-lines:]).rstrip()
        except OSError:
            return ""

    def stop(self) -> None:
        """Ends it as Ctrl-C does. Trouble if anything is left or complains."""
        process, self._process = self._process, None
        before = signal.signal(signal.SIGINT, signal.SIG_IGN)
        try:
            problems = self._end(process) if process else []
            tail = self.log_tail()
            shutil.rmtree(self.dir)
        finally:
            signal.signal(signal.SIGINT, before)
        if problems:
            raise Trouble("; ".join(problems) + f"\n{tail}")

    def _end(self, process: subprocess.Popen) -> list[str]:
        problems = []
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
        try:
            if process.wait(STOP_LIMIT) != 0:
                problems.append(f"ganger up ended with {process.returncode}")
        except subprocess.TimeoutExpired:
            problems.append("ganger up did not end")
        return problems + self._clear_left_overs()

    @staticmethod
    def _clear_left_overs() -> list[str]:
        """Kills what is left below us; gives a line for each process.

        What is already on its way out when ganger up ends has a moment.
        """
        problems = []
        end = time.monotonic() + LEAVE_LIMIT
        while left := _my_children():
            for pid in left:
                if time.monotonic() >= end and _command(pid):
                    problems.append(f"left running: {pid} {_command(pid)}")
                    os.kill(pid, signal.SIGKILL)
                os.waitpid(pid, os.WNOHANG)
            time.sleep(0.01)
        return problems


def on_terminate(signum: int, frame: object) -> None:
    """TERM ends the demo as Ctrl-C does."""
    sys.exit(128 + signum)
