#!/usr/bin/env python3
"""The crash matrix: stops a process at each fail point, kills a victim there
(the slot's child, the job's own process, the supervisor, Redis), lets go, and
judges what came of the job. The victim "lease" is nobody: the process stands
there until its lease is over and another worker has done its job. Steps of a
reload (reloads.py) have the victim "other" too, the Redis that it leads to.
Needs a build with --enable-failpoints.

usage: matrix.py [--runs N] [--jobs N] [--step NAME] [--victim NAME]
"""

import argparse
import collections
import os
import re
import sys
import time

import lab
import reloads

VICTIMS = ("child", "job", "supervisor", "redis", "other", "lease")
SLOW = 4            # a run over a lease takes as long as others together
PART = 100          # runs under one Redis: a longer cell is cut into parts
# Where a job's own process lives, so that it can be the victim.
WITH_JOB = {"child.started", "run.started", "run.noted", "renew.sent",
            "renew.answered"} | reloads.WITH_JOB
# What a job must do so that it comes to the step; default: run 20 ms.
GIVEN = {"renew.sent": {"ms": 500}, "renew.answered": {"ms": 500},
         "run.noted": {"ms": 400},
         "requeue.built": {"crash": 1}, "requeue.sent": {"crash": 1},
         "requeue.answered": {"crash": 1}, "promote.answered": {"fail": 2}}
# On a busy machine a job can be done without them: no idle child, or no note
# before its end.
MAY_MISS = {"guess.sent", "run.noted"}
TRIES = 5
BEFORE = {}         # step -> what brings the bench to it


def steps():
    path = os.path.join(lab.SRC, "base", "failpoint_tbl.h")
    return re.findall(r'X\([A-Z_]+, "([a-z.]+)"', lab.read_text(path))


def brings(*names):
    def note(func):
        BEFORE.update((name, func) for name in names)
        return func
    return note


def paused(bench, d):
    """Waits until a process stands at the armed point; its pid."""
    def look():
        d.check_alive()
        return re.match(r"\S+ (\d+)\n", lab.read_text(bench.pause))
    return int(lab.until("a process at " + bench.step, look, 10)[1])


def arm(bench, d, step):
    bench.step = step
    d.arm("%s:1:pause=%s" % (step, bench.pause))


def let_go(bench):
    os.unlink(bench.pause)


def submit(bench, step, run):
    given = GIVEN.get(step, {"ms": 20})
    handler = "plugin" if run % 2 and step not in WITH_JOB else "command"
    return bench.push(handler, **given)


@brings("reap.sent", "reap.answered")
def leave_leases(bench, d, step, run):
    """A supervisor that died over a job; the next one reaps at its start."""
    ident = bench.push("command", ms=200)[0]
    lab.until("the job's start", lambda: bench.begun(ident))
    bench.kill_daemon(d)
    arm(bench, d, step)
    d.start()


@brings("recover.sent", "recover.answered")
def lose_answer(bench, d, step, run):
    """A claim whose answer is lost on the way."""
    while True:
        arm(bench, d, "claim.built")
        submit(bench, step, run)
        paused(bench, d)
        bench.relay.deafen()
        arm(bench, d, step)
        let_go(bench)
        try:
            lab.until("the claim", lambda: bench.state()[d.id] > 0, 1)
            bench.oracle.killed("answer", None)
        except lab.Failure:             # it was a claim of another queue
            pass
        bench.relay.cut()
        if comes(bench, d):
            return


def comes(bench, d):
    """Whether it stands at the step; False: the job was done without it,
    because the answer had passed already, or nothing was to be recovered."""
    def over():
        if lab.read_text(bench.pause):
            return True
        return bench.collect() == 0 and not bench.oracle.open
    lab.until("the step or the job's end", over, 20)
    if lab.read_text(bench.pause):
        return True
    d.disarm()
    return False


@brings(*reloads.STEPS)
def change_file(bench, d, step, run):
    """A HUP with jobs at work."""
    reloads.begin_jobs(bench)
    arm(bench, d, step)
    reloads.change(bench, d, step, run)


def victim_pid(bench, d, victim):
    slots = d.slots()
    if victim == "child":
        return slots[0] if slots else None
    below = [pid for child in slots for pid in lab.children(child)]
    return below[0] if below else None


def outlast(bench, d):
    """A second worker does the job meanwhile."""
    bench.oracle.killed("lease", lab.tree(d.pid))
    other = bench.daemons[1]
    other.start()
    try:
        bench.drain(20)
    finally:
        let_go(bench)
    bench.oracle.killed("lease", lab.tree(d.pid))
    other.process.terminate()
    other.process.wait(20)
    other.process = None


def strike(bench, d, victim):
    """Kills the victim while the paused process stands; False: none there."""
    if victim == "lease":
        outlast(bench, d)
    elif victim in ("redis", "other"):
        server = bench.servers[victim == "other"]
        bench.kill_redis(server=server)
        let_go(bench)
        bench.restart_redis(server)
    elif victim == "supervisor":
        bench.kill_daemon(d)
        let_go(bench)
        d.start()
    else:
        pid = victim_pid(bench, d, victim)
        hit = pid is not None and bench.kill_process(d, pid, victim)
        let_go(bench)
        return hit
    return True


def one_run(bench, d, step, victim, run):
    if step in BEFORE:
        BEFORE[step](bench, d, step, run)
    else:
        for _ in range(TRIES if step in MAY_MISS else 1):
            arm(bench, d, step)
            submit(bench, step, run)
            if step not in MAY_MISS or comes(bench, d):
                break
    paused(bench, d)
    hit = strike(bench, d, victim)
    if step in reloads.STEPS:
        reloads.look_after(bench, d, step)
    bench.drain(20)
    return hit


def ready(bench, d, victim, run):
    """A job passes, so the slot is up again. Lost connections make gangerd
    more patient; a new one starts afresh."""
    d.disarm()
    if victim in ("redis", "other") and run > 0:
        d.process.terminate()
        d.process.wait(20)
        d.start()
    bench.push("plugin")
    bench.drain(20)


def cell(step, victim, runs):
    """All runs of one step and victim; what the oracle says."""
    bench = lab.Lab(relayed=step.startswith("recover."))
    bench.pause = os.path.join(bench.dir, "pause")
    d = bench.daemon("w1", slots=reloads.slots(step))
    bench.daemon("w2")
    if step in reloads.MOVES:
        bench.second_server()
    d.start()
    hits = 0
    try:
        for run in range(runs):
            ready(bench, d, victim, run)
            hits += one_run(bench, d, step, victim, run)
        bench.check_empty()
    except lab.Failure as e:
        bench.oracle.complain("run %d: %s", run + 1, e)
    finally:
        log = d.log()[-4000:]
        d.disarm()
        if os.path.exists(bench.pause):
            let_go(bench)
        fences = bench.fences()
        bench.close()
    oracle = bench.oracle
    if len(oracle.fenced) > fences:
        oracle.complain("runs that nothing had ended: %s", oracle.fenced)
    if oracle.broken:
        oracle.complain("the log's end: %s", log)
    return (step, victim, runs, hits, oracle.reruns, fences, oracle.broken)


def show(result):
    step, victim, runs, hits, reruns, fences, broken = result
    print("%-18s %-10s runs %4d  killed %4d  reruns %4d  fenced %2d  %s" % (
        step, victim, runs, hits, reruns, fences,
        "BROKEN" if broken else "ok"), flush=True)
    for text in broken[:5]:
        print("    " + text[:4000], flush=True)


def cells(args):
    for step in steps():
        for victim in VICTIMS:
            if victim == "job" and step not in WITH_JOB:
                continue                # no process of the job's own there
            if victim == "other" and step not in reloads.MOVES:
                continue
            runs = args.runs
            # both would lose their answers; and where a child stands, its
            # supervisor renews the lease
            if victim == "lease" and step.startswith(("recover.", "child.")):
                continue
            if victim == "lease" or step in reloads.STEPS:
                runs = max(1, runs // SLOW)
            if args.step in (None, step) and args.victim in (None, victim):
                yield step, victim, runs


def parts(cells):
    """Cells of at most PART runs each."""
    for step, victim, runs in cells:
        for begin in range(0, runs, PART):
            yield step, victim, min(PART, runs - begin)


def in_parallel(work, jobs):
    """Parts in processes of their own; gives each cell, the sum of its parts,
    when the last of them is over."""
    import concurrent.futures as futures
    wanted = {cell[:2]: cell[2] for cell in work}
    sums = {}
    with futures.ProcessPoolExecutor(jobs) as pool:
        for f in futures.as_completed(
                [pool.submit(cell, *part) for part in parts(work)]):
            pair, figures = f.result()[:2], f.result()[2:]
            if pair in sums:
                figures = [a + b for a, b in zip(sums[pair], figures)]
            sums[pair] = figures
            if figures[0] == wanted[pair]:
                yield (*pair, *figures)


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--runs", type=int, default=20)
    p.add_argument("--jobs", type=int, default=4)
    p.add_argument("--step", choices=steps())
    p.add_argument("--victim", choices=VICTIMS)
    args = p.parse_args()
    began = time.monotonic()
    total = collections.Counter()
    for result in in_parallel(list(cells(args)), args.jobs):
        show(result)
        total["cells"] += 1
        total["runs"] += result[2]
        total["killed"] += result[3]
        total["reruns"] += result[4]
        total["broken"] += len(result[6])
    print("matrix: %d cells, %d runs, %d kills, %d reruns, %d broken "
          "promises, %.0f s" % (total["cells"], total["runs"],
                                total["killed"], total["reruns"],
                                total["broken"], time.monotonic() - began))
    return 1 if total["broken"] or not total["cells"] else 0


if __name__ == "__main__":
    sys.exit(main())
