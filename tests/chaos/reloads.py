"""The matrix's steps of a reload: what is at work when the file changes, the
change, and what must be true of it whoever was killed meanwhile: the file that
lies there holds, in the process that lives, and no job was lost by it."""

import json
import os
import signal

import lab

# To another Redis and back; the others change slots and a handler.
MOVES = ("reload.tried", "reload.moved", "reload.left")
STEPS = ("reload.read", "reload.leaving", "reload.swapped",
         "reload.parted") + MOVES
WITH_JOB = {"reload.read", "reload.leaving", "reload.swapped", "reload.tried",
            "reload.moved"}
SLOTS = 2


def slots(step):
    return SLOTS if step in STEPS else 1


def begin_jobs(bench):
    """A job at work in each slot, both at once."""
    def look():
        runs = [bench.begun(i) for i in ids]
        return all(runs) or (any(map(over, ids)) and "again")

    def over(ident):
        text = lab.read_text(os.path.join(bench.files, ident))
        return text and text.splitlines()[-1][0] == "e"

    while True:
        ids = bench.push("command", count=SLOTS, ms=200)
        if lab.until("the jobs' start", look) is True:
            return
        bench.drain(20)                 # a busy machine: one came too late


def change(bench, d, step, run):
    if step in MOVES:
        d.configure(redis=bench.servers[1].path)
    else:
        bench.push("plugin")            # waits for a slot
        d.configure(slots=1, note=run + 1)
    os.kill(d.pid, signal.SIGHUP)


def holds(bench, d, server):
    """Whether the living process works by the file that lies there. One that
    refused it, because Redis was away, is asked again."""
    d.check_alive()
    try:
        text = server.redis("GET", "ai:worker:" + d.id)
    except lab.RedisError:              # it reads its file
        return False
    status = json.loads(text or "{}")
    if status.get("pid") != d.pid:
        return False
    redis = status["redis"]
    if server.path in redis["url"] and not redis["leaving"] and \
            len(status["slots"]) == d.words["slots"] and \
            all(s["state"] == "idle" for s in status["slots"]):
        return True
    if not status["config"]["ok"] and \
            status["config"]["count"] != bench.asked:
        bench.asked = status["config"]["count"]
        os.kill(d.pid, signal.SIGHUP)
    return False


def look_after(bench, d, step):
    """The new file holds; then back to what was before."""
    bench.asked = None
    there = bench.servers[step in MOVES]
    other = bench.daemons[1]
    if step in MOVES:                   # what waits there stays there
        other.start()
        bench.drain(20)
        other.process.terminate()
        other.process.wait(20)
        other.process = None
    lab.until("the new file to hold", lambda: holds(bench, d, there), 20)
    bench.push("command", server=there)
    bench.drain(20)
    d.configure(slots=SLOTS, redis=bench.server.path)
    bench.asked = -1
    os.kill(d.pid, signal.SIGHUP)
    lab.until("the old file to hold", lambda: holds(bench, d, bench.server),
              20)
