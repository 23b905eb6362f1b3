#!/usr/bin/env python3
"""A model of the lease machine: one queue, its leases, and workers that claim,
run, renew, commit, give back and reap, on a virtual clock, with one random
generator. Calls and answers take any time or are lost, workers are stopped,
killed and cut off, and children keep the fence when their supervisor cannot.
It explores orders of events that processes do not reach, in microseconds each.

What it must not show, whatever the seed: two live runs of one job, two commits
of one job, a job that is nowhere, a job that never ends once all is calm, a
run that a fence ends in calm weather.

The rules are those of supervisor/lua and supervisor/lease.c; RULES names each
one that matters, so that a test can leave one out and see the model find it.
"""

import heapq
import random

TTL = 15.0
FENCE = TTL / 3         # before the end
KILL = 0.02             # from the fence to the death of the job, at most
RULES = frozenset((
    "token",            # a commit needs the lease's field
    "child",            # the child keeps the fence when nobody else does
    "from-sent",        # a lease counts from when the call was sent
    "claims-extend",    # a claim's answer moves the fence, as Redis's end
    "no-late-start",    # a job is not begun behind the fence
    "recover",          # a lost claim's jobs are asked for by its token
    "reap-own",         # each reap takes what former runs of the id hold,
    "reap-current",     # if the run that asks has the id now
    "resend",           # a commit without an answer is sent again
))


class Broken(Exception):
    """A promise that the machine did not keep."""


class Store:
    """Redis: every script is one step, on its own clock."""

    def __init__(self, jobs):
        self.waiting = list(jobs)
        self.leased = {}                # worker -> {field: job}
        self.end = {}                   # worker -> when its leases run out
        self.commits = {}
        self.status = {}                # id -> (run, until)

    def beat(self, now, who, run):
        held = self.status.get(who)
        if held and held[0] != run and held[1] > now:
            return False
        self.status[who] = (run, now + TTL)
        return True

    def claim(self, now, who, token, want):
        taken = [self.waiting.pop(0) for _ in
                 range(min(want, len(self.waiting)))]
        mine = self.leased.setdefault(who, {})
        for i, job in enumerate(taken):
            mine[(token, i)] = job
        if taken or who in self.end:
            self.end[who] = now + TTL
        return [((token, i), job) for i, job in enumerate(taken)]

    def renew(self, now, who):
        held = len(self.leased.get(who, ()))
        if held:
            self.end[who] = now + TTL
        else:
            self.end.pop(who, None)
        return held

    def commit(self, who, field, job, token_rule):
        mine = self.leased.get(who, {})
        if mine.pop(field, None) is None and token_rule:
            return False
        self.commits[job] = self.commits.get(job, 0) + 1
        if self.commits[job] > 1:
            raise Broken("job %d was committed twice" % job)
        return True

    def requeue(self, who, field):
        job = self.leased.get(who, {}).pop(field, None)
        if job is None:
            return False
        self.waiting.insert(0, job)
        return True

    def recover(self, now, who, token):
        found = [(f, j) for f, j in self.leased.get(who, {}).items()
                 if f[0] == token]
        if found:
            self.end[who] = now + TTL
        return found

    def reap(self, now, me, run, token, own, current_rule):
        """Others' leases that ran out, and what former runs of me left."""
        out = []
        held, until = self.status.get(me, (None, 0))
        if current_rule and (held != run or until <= now):
            own = False
        over = [w for w, e in self.end.items() if e <= now and w != me]
        for who in [me] * own + over:
            theirs = self.leased.get(who, {})
            for field in [f for f in theirs if f[0][0] != run]:
                job = theirs.pop(field)
                new = (token, len(out))
                self.leased.setdefault(me, {})[new] = job
                out.append((new, job))
            if who != me:
                self.end.pop(who, None)
        if out:
            self.end[me] = now + TTL
        return out

    def places(self):
        """Every job, once for each place where it is."""
        found = self.waiting + list(self.commits)
        for mine in self.leased.values():
            found += mine.values()
        return found


class Run:
    """One run of a job in a child: lives until it ends or is killed. The child
    knows the fence that its supervisor last wrote into the page."""

    def __init__(self, job, field, fence):
        self.job = job
        self.field = field
        self.fence = fence
        self.alive = True
        self.result = False


class Worker:
    """One id; its lives are runs of gangerd (self.life)."""

    def __init__(self, world, name):
        self.world = world
        self.name = name
        self.seq = 0
        self.life = 0
        self.up = self.stopped = False
        self.inbox = []                 # events that wait while it is stopped
        self.reset()

    def reset(self):
        self.runs = []
        self.until = 0.0                # no earlier do our leases end
        self.lost = []                  # tokens of claims without an answer
        self.asked = False
        self.renewing = False
        self.beaten = False             # the id is ours
        self.commits = []               # (field, job) to be written

    def token(self):
        self.seq += 1
        return ((self.name, self.life), self.seq)

    # ---- what happens by itself ----

    def start(self):
        self.life += 1
        self.up = True
        self.reset()
        self.turn()

    def turn(self):
        """Looks after everything, as watch_phase and intake do."""
        w = self.world
        life = self.life
        w.at(w.rng.uniform(0.2, 1.5), lambda: self.again(life))
        now = w.now
        if now >= self.until - FENCE:
            for run in self.runs:
                self.fence(run)
        if self.beaten and not self.asked and len(self.runs) < 2:
            self.claim()
        if self.runs and not self.renewing and (
                now >= self.until - TTL + TTL / 5):
            self.renew()
        self.beat()
        for token in self.lost[:]:
            self.lost.remove(token)
            if "recover" in w.rules:
                self.recover(token)
        for item in self.commits[:]:
            self.commits.remove(item)
            self.commit(*item)

    def again(self, life):
        if self.up and life == self.life:
            self.do(self.turn)

    def do(self, func):
        """Now, or when it is continued."""
        if self.stopped:
            self.inbox.append((self.life, func))
        else:
            func()

    # ---- calls ----

    def call(self, request, answered, lost):
        """Sends a call; answered(result, sent), or lost() after a while."""
        w = self.world
        life, sent = self.life, w.now

        def deliver(func, *args):
            if self.up and self.life == life:
                self.do(lambda: func(*args)
                        if self.up and self.life == life else None)

        def arrive():
            result = request()
            w.check_places()
            if w.troubled() and w.rng.random() < 0.15:
                w.at(w.rng.uniform(0.1, 3), lambda: deliver(lost))
            else:
                w.at(w.delay(), lambda: deliver(answered, result, sent))

        if w.troubled() and w.rng.random() < 0.1:
            w.at(w.rng.uniform(0.1, 3), lambda: deliver(lost))
        else:
            w.at(w.delay(), arrive)

    def extend(self, sent):
        w = self.world
        base = sent if "from-sent" in w.rules else w.now
        self.until = base + TTL
        for run in self.runs:
            run.fence = self.until - FENCE

    def claim(self):
        w = self.world
        token = self.token()
        self.asked = True

        def answered(jobs, sent):
            self.asked = False
            if jobs and "claims-extend" in w.rules:
                self.extend(sent)
            elif jobs:
                self.until = max(self.until, sent + TTL)
            for field, job in jobs:
                self.begin(field, job)

        def lost():
            self.asked = False
            self.lost.append(token)
        self.call(lambda: w.store.claim(w.now, self.name, token, 2),
                  answered, lost)

    def recover(self, token):
        w = self.world

        def answered(jobs, sent):
            if jobs:
                self.extend(sent)
            known = {r.field for r in self.runs} | {
                f for f, _ in self.commits}
            for field, job in jobs:
                if field not in known:
                    self.begin(field, job)
        self.call(lambda: w.store.recover(w.now, self.name, token), answered,
                  lambda: self.lost.append(token))

    def renew(self):
        w = self.world
        self.renewing = True

        def answered(held, sent):
            self.renewing = False
            if held:
                self.extend(sent)

        def lost():
            self.renewing = False
        self.call(lambda: w.store.renew(w.now, self.name), answered, lost)

    def beat(self):
        w = self.world
        run = (self.name, self.life)

        def answered(good, sent):
            if good:
                self.reap("reap-own" in w.rules or not self.beaten)
                self.beaten = True
            else:               # its process is dead, as it ran on our host
                self.call(lambda: w.store.status.pop(self.name, None),
                          lambda *_: self.beat(), lambda: None)
        self.call(lambda: w.store.beat(w.now, self.name, run), answered,
                  lambda: None)

    def reap(self, own):
        w = self.world
        token = self.token()
        run = (self.name, self.life)

        def answered(jobs, sent):
            if jobs:
                self.extend(sent)
            for field, _ in jobs:       # worker-lost: back to the front
                self.give_back(field)

        def lost():
            self.lost_reap(token)
        self.call(lambda: w.store.reap(w.now, self.name, run, token, own,
                                       "reap-current" in w.rules),
                  answered, lost)

    def lost_reap(self, token):
        w = self.world

        def answered(jobs, sent):
            for field, _ in jobs:
                self.give_back(field)
        self.call(lambda: w.store.recover(w.now, self.name, token), answered,
                  lambda: self.lost_reap(token))

    def commit(self, field, job):
        w = self.world

        def lost():
            if "resend" in w.rules:
                self.commits.append((field, job))
        self.call(lambda: w.store.commit(self.name, field, job,
                                         "token" in w.rules),
                  lambda *_: None, lost)

    def give_back(self, field):
        w = self.world
        self.call(lambda: w.store.requeue(self.name, field),
                  lambda *_: None, lambda: self.give_back(field))

    # ---- runs ----

    def begin(self, field, job):
        w = self.world
        if w.now >= self.until - FENCE and "no-late-start" in w.rules:
            self.give_back(field)
            return
        run = Run(job, field, self.until - FENCE)
        self.runs.append(run)
        w.begun(run)
        w.at(w.rng.choice((0.1, 1, 5, 20, 40)), lambda: self.over(run))
        self.guard(run)

    def guard(self, run):
        """The child's watchdog: sleeps until the fence that it knows."""
        w = self.world

        def look():
            if not run.alive or "child" not in w.rules:
                return
            if w.now >= run.fence:
                self.fence(run)
            else:
                self.guard(run)
        w.at(max(0, run.fence - w.now), look)

    def over(self, run):
        """It ended by itself; its supervisor hears of it, if it can."""
        if not run.alive:
            return
        run.alive = False
        run.result = True
        life = self.life

        def take():
            if self.up and self.life == life and run in self.runs:
                self.runs.remove(run)
                self.commit(run.field, run.job)
        self.do(take)

    def fence(self, run):
        """No renewal was acknowledged in time."""
        w = self.world
        if w.now > w.trouble + 3 * TTL:
            raise Broken("job %d was fenced in calm weather" % run.job)

        def dead():
            if not run.alive:
                return
            run.alive = False

            def settle():
                if run in self.runs:
                    self.runs.remove(run)
                    self.give_back(run.field)
            self.do(settle)
        w.at(w.rng.uniform(0, KILL), dead)

    # ---- what is done to it ----

    def die(self):
        """KILL: its children see the closed socket at once."""
        self.up = self.stopped = False
        self.inbox = []
        for run in self.runs:
            run.alive = False
        self.runs = []

    def stop(self):
        self.stopped = True

    def go_on(self):
        self.stopped = False
        inbox, self.inbox = self.inbox, []
        # what waited comes in any order: sockets, timers, signals
        self.world.rng.shuffle(inbox)
        for life, func in inbox:
            if self.up and life == self.life:
                self.do(func)


class World:
    def __init__(self, seed, rules=RULES, workers=2, jobs=6, trouble=45.0):
        self.rng = random.Random(seed)
        self.rules = rules
        self.now = 0.0
        self.queue = []
        self.count = 0
        self.trouble = trouble
        self.jobs = list(range(jobs))
        self.live = {}
        self.runs = 0
        self.store = Store(self.jobs[:])
        self.workers = [Worker(self, "w%d" % i) for i in range(workers)]

    def at(self, after, func):
        self.count += 1
        heapq.heappush(self.queue, (self.now + after, self.count, func))

    def delay(self):
        if self.troubled() and self.rng.random() < 0.1:
            return self.rng.uniform(0, 2 * TTL)
        return self.rng.uniform(0, 0.01)

    def troubled(self):
        return self.now < self.trouble

    def begun(self, run):
        self.runs += 1
        other = self.live.get(run.job)
        if other is not None and other.alive:
            raise Broken("two runs of job %d at %.3f" % (run.job, self.now))
        self.live[run.job] = run

    def mischief(self):
        """Stops or kills somebody, and takes it back later."""
        if not self.troubled():
            return
        self.at(self.rng.uniform(1, 20), self.mischief)
        w = self.rng.choice(self.workers)
        if not w.up or w.stopped:
            return
        pause = self.rng.choice((0.05, 1, TTL / 2, TTL, 2.5 * TTL))
        if self.rng.random() < 0.5:
            w.stop()
            self.at(pause, lambda: w.stopped and w.go_on())
        else:
            w.die()
            self.at(pause, w.start)

    def submit(self):
        self.jobs.append(len(self.jobs))
        self.store.waiting.append(self.jobs[-1])

    def explore(self):
        for w in self.workers:
            self.at(self.rng.uniform(0, 2), w.start)
        self.at(self.rng.uniform(0, 5), self.mischief)
        for i in range(6):              # a stream of jobs once it is calm
            self.at(self.trouble + 3 * TTL + 3 * i, self.submit)
        end = self.trouble + 40 * TTL
        while self.queue and (len(self.store.commits) < len(self.jobs) or
                              self.now < self.trouble + 5 * TTL):
            self.now, _, func = heapq.heappop(self.queue)
            if self.now > end:
                raise Broken("not done: %s" % [
                    j for j in self.jobs if j not in self.store.commits])
            func()

    def check_places(self):
        found = self.store.places()
        if len(found) != len(self.jobs) or len(set(found)) != len(found):
            raise Broken("jobs lost or in two places: %s" % sorted(found))
