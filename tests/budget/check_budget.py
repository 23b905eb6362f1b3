#!/usr/bin/env python3
"""What a job costs in commands, system calls, instructions and allocations
stays within the table `budgets`. Counted, so it does not depend on the
machine's speed; a figure whose tool is not installed is named and left out.
"""

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile

SRC = os.environ["GANGER_SRCDIR"]
BUILD = os.environ["GANGER_BUILDDIR"]
sys.path.insert(0, os.path.join(SRC, "bench"))

from kit import ganger, proc  # noqa: E402

SMALL, LARGE = 200, 2200
BATCH = {"one-by-one": 1, "batch-32": 32}
# Other builds have costs of their own.
INSTRUMENTED = (b"__asan_init", b"__tsan_init", b"__ubsan_handle",
                b"__gcov_init")


class Run(ganger.Ganger):
    """One gangerd, perhaps under a tool, from its start to its end."""

    def __init__(self, batch, tool=()):
        super().__init__(BUILD, "budget", 0, batch=batch)
        self.tool = tool

    def argv(self):
        return [w.format(dir=self.dir) for w in self.tool] + super().argv()

    def measure(self, jobs, figures):
        self.open()
        try:
            self.fill(jobs)
            self.redis("CONFIG", "RESETSTAT")
            self.start()
            self.wait(jobs, patience=120)
            commands = self.commands()
            self.finish()
            return figures(self, commands)
        finally:
            self.close()

    def finish(self):
        """Ends gangerd in good order: the tools report at its end."""
        tool, = self.processes
        pids = proc.children(tool.pid) if self.tool[:1] == ("strace",) else []
        os.kill(pids[0] if pids else tool.pid, signal.SIGINT)
        tool.wait(60)

    def commands(self):
        """EVALSHA only frames the others, and HGET is our own asking."""
        text = self.redis("INFO", "commandstats").decode()
        return sum(int(n) for name, n in re.findall(
            r"cmdstat_(\S+?):calls=(\d+)", text)
            if not name.startswith(("evalsha", "hget")))


def redis_figures(run, commands):
    return {"redis_commands": commands}


def strace_figures(run, commands):
    with open(run.dir + "/strace") as f:
        total = re.findall(r"^100\.00\s+\S+\s+(?:\d+\s+)?(\d+)\s+\d*\s*total",
                           f.read(), re.M)
    return {"syscalls": int(total[-1])}


def callgrind_figures(run, commands):
    names, allocations, target = {}, 0, ""
    with open(run.dir + "/callgrind") as f:
        text = f.read()
    for line in text.splitlines():
        if line.startswith(("fn=", "cfn=")):
            ident, name = re.match(r"c?fn=\((\d+)\)(?: (.*))?", line).groups()
            if name:
                names[ident] = name
            target = names.get(ident, "")
        elif line.startswith("calls="):
            if re.fullmatch(r"(malloc|calloc|realloc)('\d+)?", target):
                allocations += int(line[6:].split()[0])
    instructions = re.search(r"^(?:summary|totals): (\d+)", text, re.M)
    return {"instructions": int(instructions.group(1)),
            "allocations": allocations}


# the words before gangerd, and what to read afterwards
TOOLS = [
    ((), redis_figures),
    (("strace", "-f", "-c", "-o", "{dir}/strace"), strace_figures),
    (("valgrind", "-q", "--tool=callgrind",
      "--callgrind-out-file={dir}/callgrind"), callgrind_figures),
]


def works(tool):
    """It is there, and may do what it does: not every place lets strace."""
    if shutil.which(tool[0]) is None:
        return False
    with tempfile.TemporaryDirectory(prefix="budget-") as folder:
        words = [w.format(dir=folder) for w in tool]
        return subprocess.run([*words, "true"], capture_output=True,
                              timeout=60).returncode == 0


def table():
    with open(os.path.join(SRC, "tests", "budget", "budgets")) as f:
        rows = [line.split() for line in f if line.strip() and
                not line.startswith("#")]
    return {(run, figure): float(budget) for run, figure, budget, _ in rows}


def per_job(batch, tool, figures):
    small, large = (Run(batch, tool).measure(n, figures)
                    for n in (SMALL, LARGE))
    return {f: (large[f] - small[f]) / (LARGE - SMALL) for f in large}


def judge(run, got, budgets):
    bad = 0
    for figure, value in got.items():
        budget = budgets.pop((run, figure))
        ok = 0 < value <= budget
        bad += not ok
        print(f"{run}: {figure} {value:.2f} a job, budget {budget:g}"
              f"{'' if ok else '  TOO MUCH'}")
    return bad


def main():
    with open(BUILD + "/gangerd", "rb") as f:
        program = f.read()
    if any(mark in program for mark in INSTRUMENTED):
        print("an instrumented build: not counted")
        return 77
    if shutil.which("redis-server") is None:
        print("no redis-server")
        return 77
    budgets, bad = table(), 0
    for tool, figures in TOOLS:
        if tool and not works(tool):
            print(f"{tool[0]} does not run here: its figures are left out")
            continue
        for run, batch in BATCH.items():
            bad += judge(run, per_job(batch, tool, figures), budgets)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
