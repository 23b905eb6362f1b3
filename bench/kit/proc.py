"""Processes of a benchmark: what runs, what it used, and its end."""

import os
import re
import signal
import subprocess
import time


def until(condition, what, patience=60.0, step=0.005):
    end = time.monotonic() + patience
    while not (value := condition()):
        if time.monotonic() > end:
            raise RuntimeError(f"gave up waiting for {what}")
        time.sleep(step)
    return value


def start(argv, log, cwd=None, env=None):
    """A process whose output goes to the file `log`."""
    with open(log, "ab") as out:
        return subprocess.Popen(
            argv, cwd=cwd, stdin=subprocess.DEVNULL, stdout=out, stderr=out,
            env=dict(os.environ, PYTHONDONTWRITEBYTECODE="1", **(env or {})))


def children(pid):
    found = []
    try:
        for task in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{task}/children") as f:
                for child in map(int, f.read().split()):
                    found += [child, *children(child)]
    except OSError:
        pass
    return found


def trees(processes):
    """The processes and all their descendants, as pids."""
    pids = [p.pid for p in processes if p.poll() is None]
    return [d for pid in pids for d in [pid, *children(pid)]]


def end(processes):
    for pid in trees(processes):
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
    for p in processes:
        p.wait()


def cpu_ns(pids):
    """Time on a CPU so far, of all threads."""
    total = 0
    for pid in pids:
        try:
            for task in os.listdir(f"/proc/{pid}/task"):
                with open(f"/proc/{pid}/task/{task}/schedstat") as f:
                    total += int(f.read().split()[0])
        except OSError:
            pass
    return total


def reaped_ns(pids):
    """Time on a CPU of their children that have ended, in ticks of 10 ms."""
    tick, total = 10 ** 9 // os.sysconf("SC_CLK_TCK"), 0
    for pid in pids:
        try:
            with open(f"/proc/{pid}/stat") as f:
                words = f.read().rpartition(")")[2].split()
        except OSError:
            continue
        total += (int(words[13]) + int(words[14])) * tick
    return total


def pss_kib(pids):
    total = 0
    for pid in pids:
        try:
            with open(f"/proc/{pid}/smaps_rollup") as f:
                found = re.search(r"^Pss:\s+(\d+)", f.read(), re.M)
        except OSError:
            continue
        total += int(found.group(1)) if found else 0
    return total
