#!/usr/bin/env python3
"""The soak: many jobs on two workers while something is killed every 100 to
300 ms and Redis is restarted every few seconds. Ends with the oracle's report.

usage: soak.py [--jobs N] [--seed N] [--slots N] [--limit SECONDS] [--stops]
--stops: nothing but supervisors that are stopped for longer than their lease,
one after the other, and the shortest of jobs.
"""

import argparse
import random
import signal
import sys
import time

import lab

BACKLOG = 400           # jobs that wait or run at a time
LEASE = 1.0


class Chaos:
    """Who is hit when. Nothing here waits: what must come later is due."""

    def __init__(self, bench, rng):
        self.bench = bench
        self.rng = rng
        self.due = []                   # (when, what to do)
        self.next = time.monotonic() + 1
        self.next_redis = time.monotonic() + 3
        self.busy = set()               # daemons that are down or stopped

    def later(self, seconds, func):
        self.due.append((time.monotonic() + seconds, func))

    def turn(self):
        now = time.monotonic()
        for item in [i for i in self.due if i[0] <= now]:
            self.due.remove(item)
            item[1]()
        if now >= self.next_redis:
            self.next_redis = now + self.rng.uniform(2, 6)
            self.redis()
        if now >= self.next:
            self.next = now + self.rng.uniform(0.1, 0.3)
            # a victim that is not there leaves its turn to another
            while not self.rng.choices((self.child, self.job, self.supervisor,
                                        self.stop), (6, 6, 3, 1))[0]():
                if len(self.busy) == len(self.bench.daemons):
                    break

    def stops(self):
        """Instead of turn: one long stop after the other."""
        now = time.monotonic()
        for item in [i for i in self.due if i[0] <= now]:
            self.due.remove(item)
            item[1]()
        if now >= self.next and not self.busy:
            self.next = now + 0.2
            self.stop((2 * LEASE,))

    def finish(self):
        """Everybody is up again."""
        while self.due:
            self.due.sort(key=lambda i: i[0])
            self.due.pop(0)[1]()

    def pick(self):
        up = [d for d in self.bench.daemons if d not in self.busy]
        return self.rng.choice(up) if up else None

    def child(self):
        d = self.pick()
        slots = d.slots() if d else ()
        return slots and self.bench.kill_process(
            d, self.rng.choice(slots), "child")

    def job(self):
        d = self.pick()
        below = [p for s in d.slots() for p in lab.children(s)] if d else ()
        return below and self.bench.kill_process(
            d, self.rng.choice(below), "job")

    def supervisor(self):
        d = self.pick()
        if d is None:
            return False
        self.bench.kill_daemon(d)
        self.busy.add(d)

        def back():
            d.start()
            self.busy.discard(d)
        # at once, or so late that the other one takes its leases
        self.later(self.rng.choice((0, 0.05, 0.3, 2.5 * LEASE)), back)
        return True

    def stop(self, lengths=(0.1, 0.5, 2.5 * LEASE)):
        d = self.pick()
        if d is None:
            return False
        below = lab.tree(d.pid)
        lab.kill(d.pid, signal.SIGSTOP)
        self.bench.oracle.killed("stop", below)
        self.busy.add(d)

        def back():
            # what it had is given up by now, or was taken over
            self.bench.oracle.killed("stop", below)
            self.bench.oracle.nkills["stop"] -= 1
            lab.kill(d.pid, signal.SIGCONT)
            self.busy.discard(d)
        self.later(self.rng.choice(lengths), back)
        return True

    def redis(self):
        self.bench.kill_redis(self.rng.choice((signal.SIGKILL,
                                               signal.SIGTERM)))
        self.bench.restart_redis()


# share, handler, jobs in one go as a part of n, what they do
MIX = ((60, "plugin", 1, ({"ms": 0},)),
       (10, "plugin", 1, ({"ms": 1}, {"ms": 5})),
       (22, "command", 8, ({"ms": 0}, {"ms": 2}, {"ms": 10}, {"ms": 50})),
       (5, "command", 16, ({"ms": 1, "fail": 1}, {"ms": 1, "crash": 1})),
       (3, "plugin", 32, ({"ms": 1, "crash": 1}, {"ms": 400})))


SHORT = ((90, "plugin", 1, ({"ms": 0},)),
         (10, "plugin", 1, ({"ms": 1}, {"ms": 3})))


def submit(bench, rng, n, mix):
    """At most n jobs, most of them short plugin jobs."""
    _, handler, part, given = rng.choices(mix, [row[0] for row in mix])[0]
    bench.push(handler, max(1, n // part), rng.choice(lab.LANES),
               **rng.choice(given))


def run(bench, rng, total, limit, stops):
    chaos = Chaos(bench, rng)
    turn, mix = (chaos.stops, SHORT) if stops else (chaos.turn, MIX)
    oracle = bench.oracle
    end = time.monotonic() + limit
    shown = time.monotonic()
    while oracle.done < total:
        if time.monotonic() > end:
            raise lab.Failure("%d of %d jobs done in time; %s" % (
                oracle.done, total, bench.state()))
        turn()
        for d in bench.daemons:
            if d not in chaos.busy:
                d.check_alive()
        while len(oracle.open) < BACKLOG and oracle.jobs < total:
            submit(bench, rng, min(32, total - oracle.jobs), mix)
        if bench.collect() == 0:
            time.sleep(0.005)
        oracle.forget_kills(time.monotonic_ns() - 120 * 10**9)
        if time.monotonic() - shown > 60:
            shown = time.monotonic()
            print("%d of %d jobs done, %d broken promises" % (
                oracle.done, total, len(oracle.broken)), flush=True)
    chaos.finish()


def share(values, part):
    values = sorted(values)
    return values[min(len(values) - 1, int(part * len(values)))] * 1e3


def report(bench, seconds, fences):
    o = bench.oracle
    print("jobs %d  done %d  runs %d  reruns %d  fenced %d  %.0f s  "
          "%.0f jobs/s" % (o.jobs, o.done, o.runs, o.reruns, fences, seconds,
                           o.done / seconds))
    print("kills: " + "  ".join("%s %d" % (k, n)
                                for k, n in sorted(o.nkills.items())))
    print("last kill to next run, ms:")
    for what, values in sorted(o.recovery.items()):
        print("  %-10s n %6d  p50 %8.1f  p99 %8.1f  max %8.1f" % (
            what, len(values), share(values, 0.5), share(values, 0.99),
            max(values) * 1e3))
    if o.open:
        o.complain("%d jobs have no end", len(o.open))
    for text in o.broken[:20]:
        print("BROKEN: " + text[:2000])
    print("soak: %d lost, %d double commits, %d overlaps, %d broken promises "
          "in all" % (len(o.open),
                      sum("second time" in t for t in o.broken),
                      sum("overlaps" in t for t in o.broken),
                      len(o.broken)))


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--jobs", type=int, default=20000)
    p.add_argument("--seed", type=int, default=None)
    p.add_argument("--slots", type=int, default=2)
    p.add_argument("--limit", type=float, default=None)
    p.add_argument("--stops", action="store_true")
    args = p.parse_args()
    seed = args.seed if args.seed is not None else random.randrange(1 << 32)
    limit = args.limit or 120 + args.jobs / 50
    print("soak: %d jobs, seed %d" % (args.jobs, seed), flush=True)
    rng = random.Random(seed)
    bench = lab.Lab(result_ttl="5s")
    began = time.monotonic()
    try:
        for name in ("w1", "w2"):
            bench.daemon(name, args.slots, "%gs" % LEASE).start()
        run(bench, rng, args.jobs, limit, args.stops)
        bench.drain()
        seconds = time.monotonic() - began
        bench.check_empty()
    except lab.Failure as e:
        seconds = time.monotonic() - began
        bench.oracle.complain("%s", e)
    finally:
        fences = bench.fences()
        bench.close()
    strange = bench.oracle.unexplained()
    if len(strange) > fences * lab.GIVEN_UP:
        bench.oracle.complain("%d runs that nothing had ended: %s",
                              len(strange), strange[:8])
    report(bench, seconds, fences)
    return 1 if bench.oracle.broken else 0


if __name__ == "__main__":
    sys.exit(main())
