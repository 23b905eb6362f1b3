"""What is measured. Each section is a list of cases (a name and a function
that measures once); bench/run does all cases of a section, then all again, so
that what else the machine does falls on all alike."""

import os
import signal
import sys
import threading
import time

from . import ganger, peers, proc
from .systems import ROOT

WARM = 20       # one in so many jobs runs before the clock starts


def throughput(system, aof, scale=1.0):
    """Jobs a second, from the first twentieth done to the last."""
    jobs = max(200, int(system.jobs * scale))
    warm = max(100, jobs // WARM)
    system.open(aof)
    try:
        system.fill(jobs + warm)
        system.start()
        system.wait(warm, step=0.002)
        first, begin = system.done(), time.monotonic()
        cpu, redis = proc.cpu_ns(system.pids()), redis_ns(system)
        system.wait(jobs + warm, step=0.002)
        count, end = jobs + warm - first, time.monotonic()
        return {"jobs_per_s": count / (end - begin),
                "worker_us_per_job":
                    (proc.cpu_ns(system.pids()) - cpu) / count / 1e3,
                "redis_us_per_job":
                    (redis_ns(system) - redis) / count / 1e3}
    finally:
        system.close()


def redis_ns(system):
    return proc.cpu_ns([system.server.process.pid])


def quantile(values, q):
    values = sorted(values)
    return values[min(len(values) - 1, int(len(values) * q))]


def spread(values, unit=1e3):
    return {"p50_us": quantile(values, .5) / unit,
            "p99_us": quantile(values, .99) / unit}


def latency(system, count=400, rate=50):
    """From the producer's call to the start of the handler."""
    system.open()
    try:
        system.fill(200)
        system.start()
        system.wait(200)
        time.sleep(1)           # idle, as it would be
        system.pace(count, rate)
        system.wait(200 + count)
        return spread(system.latencies())
    finally:
        system.close()


def load(system, warm=20000, seconds=2):
    """The same at half of what the system can do."""
    system.open()
    try:
        system.fill(warm + 2000)
        system.start()
        system.wait(2000, step=0.002)
        first, begin = system.done(), time.monotonic()
        system.wait(warm + 2000, step=0.002)
        rate = (warm + 2000 - first) / (time.monotonic() - begin) / 2
        count = int(rate * seconds)
        system.pace(count, rate)
        system.wait(warm + 2000 + count)
        return {**spread(system.latencies()), "jobs_per_s": rate}
    finally:
        system.close()


def reply(system, count=400, rate=50):
    """From the producer's call to the reply's arrival there."""
    system.open()
    try:
        system.start()
        system.fill(200)
        system.wait(200)
        times = system.pace(count, rate, "bench:replies").split()
        return spread([int(t) for t in times])
    finally:
        system.close()


def reload(system, hups, count=1000, rate=250):
    """Enqueue to start while the configuration is read again and again: the
    longest is the pause."""
    system.open()
    try:
        system.start()
        system.fill(200)
        system.wait(200)
        stop = threading.Event()

        def hup():
            while hups and not stop.wait(0.2):
                system.processes[0].send_signal(signal.SIGHUP)

        thread = threading.Thread(target=hup)
        thread.start()
        try:
            system.pace(count, rate)
        finally:
            stop.set()
            thread.join()
        system.wait(200 + count)
        times = system.latencies()
        return {**spread(times), "longest_us": max(times) / 1e3}
    finally:
        system.close()


def cost(build, batch):
    """Counts per job, as make check does them (tests/budget)."""
    os.environ["GANGER_BUILDDIR"] = build
    os.environ["GANGER_SRCDIR"] = ROOT
    sys.path.insert(0, os.path.join(ROOT, "tests", "budget"))
    import check_budget
    figures = {}
    for tool, read in check_budget.TOOLS:
        if not tool or check_budget.works(tool):
            figures.update(check_budget.per_job(batch, tool, read))
    return figures


def latency_hops(build, count=400, rate=50):
    return spread(ganger.hops(build, count, rate))


def memory(system):
    """Proportional set size of the whole system, Redis left out."""
    system.open()
    try:
        system.fill(200)
        system.start()
        system.wait(200)
        time.sleep(2)
        pids = system.pids()
        return {"pss_mib": proc.pss_kib(pids) / 1024,
                "processes": len(pids)}
    finally:
        system.close()


def cold(system):
    """From the start of the command to the first result."""
    system.open()
    try:
        system.fill(1)
        begin = time.monotonic()
        system.start()
        system.wait(1, step=0.0005)
        return {"ms": (time.monotonic() - begin) * 1e3}
    finally:
        system.close()


def size(system, size, total=30_000_000):
    """Throughput with payloads of `size` bytes, in jobs and bytes."""
    jobs = max(100, min(30000, total // size))
    system.open()
    try:
        system.fill(jobs, size)
        system.start()
        system.wait(1, step=0.001)
        first, begin = system.done(), time.monotonic()
        system.wait(jobs, step=0.001)
        rate = (jobs - first) / (time.monotonic() - begin)
        return {"jobs_per_s": rate, "mb_per_s": rate * size / 1e6}
    finally:
        system.close()


def length(system, length, total=20000):
    """CPU time per job at a queue of that length, workers and Redis. The
    jobs appear all at once: a list that is filled aside is renamed."""
    system.open()
    try:
        system.start()
        rounds = max(1, total // length)
        lists = [f"aside:{i}" for i in range(rounds)]
        for name in lists:
            system.fill(length, key=name)
        system.fill(200)
        system.wait(200)
        start = done = system.done()
        cpu, redis = proc.cpu_ns(system.pids()), redis_ns(system)
        for name in lists:
            system.redis("RENAME", name, system.key)
            done += min(length, total)
            system.wait(done, step=0.002)
        count = system.done() - start
        cpu = proc.cpu_ns(system.pids()) - cpu
        redis = redis_ns(system) - redis
        return {"worker_us_per_job": cpu / count / 1e3,
                "redis_us_per_job": redis / count / 1e3,
                "us_per_job": (cpu + redis) / count / 1e3}
    finally:
        system.close()


def slots(system, jobs=40000):
    """Throughput, and the supervisor's own CPU time per job."""
    system.open()
    try:
        system.fill(jobs + 2000)
        system.start()
        system.wait(2000, step=0.002)
        pid = [system.processes[0].pid]
        first, begin, cpu = system.done(), time.monotonic(), proc.cpu_ns(pid)
        system.wait(jobs + 2000, step=0.002)
        count = jobs + 2000 - first
        return {"jobs_per_s": count / (time.monotonic() - begin),
                "supervisor_us_per_job":
                    (proc.cpu_ns(pid) - cpu) / count / 1e3}
    finally:
        system.close()


def of_kind(section, found):
    return [s for s in found if section in s.sections]


def throughput_cases(build, found, scale):
    cases = []
    for aof in (False, True):
        mark = ", append-only file" if aof else ""
        for case in ganger.CEILINGS:
            cases.append((case[0] + mark, lambda c=case, a=aof:
                          ganger.ceiling(build, c, a)))
        for s in of_kind("throughput", found):
            cases.append((s.name + mark, lambda s=s, a=aof:
                          throughput(s, a, scale)))
    return cases


def latency_cases(build, found, scale):
    return [("2 ZeroMQ hops", lambda: latency_hops(build))] + [
        (s.name, lambda s=s: latency(s)) for s in of_kind("latency", found)]


def memory_cases(build, found, scale):
    return [(s.name, lambda s=s: memory(s)) for s in of_kind("memory", found)]


def cold_cases(build, found, scale):
    return [(s.name, lambda s=s: cold(s)) for s in of_kind("cold", found)]


def size_cases(build, found, scale):
    return [(f"{s.name}, {n:,} bytes", lambda s=s, n=n: size(s, n))
            for n in (200, 1000, 10000, 100000, 1000000)
            for s in ganger.variants(build) if s.name != "ganger"]


def length_cases(build, found, scale):
    one = ganger.Ganger(build, "one by one", 0)
    batch = ganger.Ganger(build, "batch 32", 0, batch=32)
    return [(f"{s.name}, {n:,} jobs", lambda s=s, n=n: length(
        s, n, 2000 if n < 100 else 20000))
            for n in (10, 1000, 100000, 1000000) for s in (one, batch)]


def load_cases(build, found, scale):
    return [(s.name, lambda s=s: load(s)) for s in of_kind("load", found)]


def reply_cases(build, found, scale):
    return [(s.name, lambda s=s: reply(s)) for s in of_kind("reply", found)]


def reload_cases(build, found, scale):
    return [(f"{s.name}, {name}", lambda s=s, h=hups: reload(s, h))
            for s in of_kind("reload", found)
            for name, hups in (("undisturbed", False), ("5 HUP/s", True))]


def cost_cases(build, found, scale):
    return [(name, lambda b=batch: cost(build, b))
            for name, batch in (("one by one", 1), ("batch 32", 32))]


def slot_cases(build, found, scale):
    return [(f"{n} slots", lambda s=ganger.Ganger(
        build, f"{n} slots", 0, slots=n): slots(s))
            for n in (1, 2, 4, 8, 16, 64)]


# name: cases, the figure that is compared, title, rounds unless told
TABLE = {
    "throughput": (throughput_cases, "jobs_per_s",
                   "Throughput, jobs a second", 3),
    "latency": (latency_cases, "p50_us",
                "Enqueue to start of the handler at 50 a second, us", 2),
    "load": (load_cases, "p50_us",
             "Enqueue to start of the handler at half load, us", 2),
    "reply": (reply_cases, "p50_us",
              "Enqueue to reply at 50 a second, us", 2),
    "memory": (memory_cases, "pss_mib", "Idle, two workers: PSS, MiB", 1),
    "cold": (cold_cases, "ms", "Command to first result, ms", 3),
    "slots": (slot_cases, "supervisor_us_per_job",
              "Supervisor's CPU per job by slots, us", 2),
    "length": (length_cases, "us_per_job",
               "CPU per job by the length of the queue, us", 1),
    "size": (size_cases, "jobs_per_s", "Payload sizes, jobs a second", 1),
    "reload": (reload_cases, "longest_us",
               "Enqueue to start while the configuration is reloaded, us", 1),
    "cost": (cost_cases, "syscalls", "Counts per job", 1),
}


def systems_here(build):
    found, missing = peers.installed(build)
    return [*ganger.variants(build), ganger.Floor(build), *found], missing
