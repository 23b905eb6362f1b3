#!/usr/bin/env python3
"""Takeovers in a normal build: workers that are stopped, killed or cut off at
moments that the crash laboratory found, and what then becomes of their jobs.
Each test names the promise that it would see broken."""

import fcntl
import json
import os
import signal
import subprocess
import sys
import time
import unittest

import lab


# Only a reap names the leases without naming a worker.
REAP = b"{%s}:leased:\r\n" % lab.Q.encode()


class Takeover(unittest.TestCase):
    def bench(self, **given):
        bench = lab.Lab(**given)
        self.addCleanup(bench.close)
        return bench

    def judge(self, bench, fences=0):
        bench.check_empty()
        bench.stop_daemons()
        bench.check_processes()
        self.assertEqual(bench.oracle.broken, [])
        self.assertLessEqual(len(bench.oracle.fenced), fences,
                             bench.oracle.fenced)

    def begin(self, bench, *args, **given):
        """Submits a job and waits until it runs."""
        ident = bench.push(*args, **given)[0]
        return ident, lab.until("the job's start",
                                lambda: bench.begun(ident))

    def stale(self, bench):
        return int(bench.redis("HGET", lab.KEYS["stats"], "stale") or 0)

    def record(self, bench, ident):
        return json.loads(bench.redis("GET",
                                      "{%s}:job:%s" % (lab.Q, ident)))

    def test_stopped_supervisor_loses_its_jobs(self):
        """Stopped for longer than the lease: the child ends the first copy
        before the other worker begins the second (an overlap otherwise), and
        what the first worker says after SIGCONT is refused."""
        bench = self.bench()
        first, second = bench.daemon("w1"), bench.daemon("w2")
        first.start()
        ident, (pid, parent) = self.begin(bench, "command", ms=1500)
        second.start()
        below = lab.tree(first.pid)
        os.kill(first.pid, signal.SIGSTOP)
        bench.oracle.killed("stop", below)
        lab.until("the other worker's run",
                  lambda: (bench.begun(ident) or (pid,))[0] != pid, 10)
        for gone in (pid, parent):
            self.assertNotIn(gone, bench.processes())
        os.kill(first.pid, signal.SIGCONT)
        lab.until("a refusal", lambda: self.stale(bench) > 0, 10)
        bench.drain(15)
        self.assertEqual(self.record(bench, ident)["worker"], second.id)
        self.judge(bench, 1)

    def test_late_result_is_refused(self):
        """The job ends while its supervisor is stopped; by the time that its
        result is read another worker has committed one."""
        bench = self.bench()
        first, second = bench.daemon("w1"), bench.daemon("w2")
        first.start()
        ident, (pid, _) = self.begin(bench, "command", ms=150)
        second.start()
        below = lab.tree(first.pid)
        os.kill(first.pid, signal.SIGSTOP)
        bench.oracle.killed("stop", below)
        bench.drain(15)
        self.assertEqual(self.record(bench, ident)["worker"], second.id)
        os.kill(first.pid, signal.SIGCONT)
        lab.until("a refusal", lambda: self.stale(bench) > 0, 10)
        self.assertEqual(self.record(bench, ident)["worker"], second.id)
        self.judge(bench)

    def test_claims_don_t_starve_renewals(self):
        """A claim prolongs the lease too; the child of a long job must hear
        of it, or it ends the job by itself while its lease is good."""
        bench = self.bench()
        bench.daemon("w1", slots=2).start()
        ident, _ = self.begin(bench, "command", ms=2500)
        end = time.monotonic() + 10
        while ident in bench.oracle.open and time.monotonic() < end:
            bench.push("plugin", ms=10)
            lab.until("a reply", bench.collect, 10)
        bench.drain(10)
        self.judge(bench)
        self.assertEqual(bench.oracle.reruns, 0)

    def test_lost_reap_of_its_own_leases_is_repeated(self):
        """A worker that starts again asks for what its former self held; if
        that is lost with the connection, nobody else would ask."""
        bench = self.bench(relayed=True)
        d = bench.daemon("w1")
        d.start()
        self.begin(bench, "command", ms=300)
        bench.kill_daemon(d)
        bench.relay.trap = REAP
        d.start()
        bench.drain(15)
        self.assertIsNone(bench.relay.trap)
        self.judge(bench)

    def test_what_a_former_run_left_is_ended_first(self):
        """A new run takes its id's leases at once, so nothing of the former
        one may live, also where no cgroup holds it."""
        bench = self.bench()
        d = bench.daemon("w1")
        d.start()
        bench.push("plugin")
        bench.drain(10)
        slot = d.slots()[0]
        with open("/proc/%d/environ" % slot, "rb") as f:
            mark = [e.decode().split("=", 1) for e in f.read().split(b"\0")
                    if e.startswith(b"GANGER_MARK=")]
        bench.kill_daemon(d)
        left = subprocess.Popen(["sleep", "60"], env=dict(os.environ,
                                                          **dict(mark)))
        self.addCleanup(left.kill)
        d.start()
        bench.push("plugin")
        bench.drain(10)
        self.assertEqual(left.poll(), -signal.SIGKILL)
        self.judge(bench)

    def test_status_outlives_the_next_beat(self):
        """Beats come every second: a status that lives for a lease of one
        second lets another daemon have the id in between."""
        bench = self.bench()
        d = bench.daemon("w1", ttl="1s")
        d.start()
        left = lab.until("the status", lambda: max(0, bench.redis(
            "PTTL", "ai:worker:" + d.id)))
        self.assertGreater(left, 2000)
        self.judge(bench)

    def test_pidfile_lock_may_outlive_its_holder(self):
        """A supervisor that is killed while it forks leaves the lock with the
        fork for a moment: its successor waits, and does not refuse (73)."""
        bench = self.bench()
        d = bench.daemon("w1")
        dead = subprocess.Popen(["true"])
        dead.wait()
        os.mkdir(os.path.dirname(d.pidfile), 0o700)
        with open(d.pidfile, "w") as f:
            f.write("%d\n" % dead.pid)
            f.flush()
            fcntl.flock(f, fcntl.LOCK_EX)
            d.start()
            lab.until("its wait for the lock", lambda: self.waits(d))
        bench.push("plugin")
        bench.drain(10)
        self.judge(bench)

    def waits(self, d):
        """It runs, has opened the pidfile, and goes on."""
        d.check_alive()
        folder = "/proc/%d/fd" % d.pid
        try:
            paths = [os.readlink(os.path.join(folder, fd))
                     for fd in os.listdir(folder)]
        except OSError:
            return False
        self.seen = getattr(self, "seen", 0) + (d.pidfile in paths)
        return self.seen > 5


if __name__ == "__main__":
    if not (os.environ.get("REDIS_SERVER", "redis-server")):
        print("no redis-server")
        sys.exit(77)
    unittest.main()
