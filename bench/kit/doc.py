"""Puts a run's figures into a page: what stands between the lines
<!-- bench NAME --> and <!-- end --> is replaced by the part NAME, if the run
has it."""

import re

from .report import best_peer, cell, column, median, number, ratio, \
    table, throughput_ratios

AOF = ", append-only file"
BATCH, ONE = "ganger batch 32", "ganger one by one"
CEILING, CELERY = "ceiling", "celery prefork, late ack"


def names(rounds):
    return list(dict.fromkeys(case for r in rounds for case in r))


def have(rounds, case, figure):
    return [r[case][figure] for r in rounds
            if case in r and figure in r[case]]


def cost_cell(rounds, case):
    worker, redis = (have(rounds, case, f + "_us_per_job")
                     for f in ("worker", "redis"))
    if not redis:
        return "-"
    if not worker:
        return f"Redis {median(redis):.2f}"
    return (f"{median(worker):.3g} + {median(redis):.3g} = "
            f"{median(worker) + median(redis):.3g}")


def throughput(sections):
    rounds = sections["throughput"]
    lines = ["| | jobs/s | with the append-only file | CPU per job, workers "
             "+ Redis, us | with the append-only file |", "|---" * 5 + "|"]
    for case in names(rounds):
        if not case.endswith(AOF):
            lines.append(f"| {case} | " + " | ".join(
                [cell(have(rounds, c, "jobs_per_s"))
                 for c in (case, case + AOF)] +
                [cost_cell(rounds, c) for c in (case, case + AOF)]) + " |")
    lines += ["", "| ratio of jobs/s, median within a round | |", "|---|---|"]
    lines += [f"| {a} / {b} | {r:.2f} |"
              for a, b, r in throughput_ratios(rounds) if r is not None]
    return "\n".join(lines)


def start(sections):
    parts = [("latency", "p50_us", "enqueue to start at 50/s, p50 us"),
             ("latency", "p99_us", "p99 us"),
             ("memory", "pss_mib", "idle, two workers, PSS MiB"),
             ("cold", "ms", "command to first result, ms")]
    cases = dict.fromkeys(c.replace("ganger one by one", "ganger")
                          for part, _, _ in parts
                          for c in names(sections.get(part, [])))
    lines = ["| | " + " | ".join(p[2] for p in parts) + " |",
             "|---" * 5 + "|"]
    for case in cases:
        cells = []
        for part, figure, _ in parts:
            rounds = sections.get(part, [])
            found = have(rounds, case, figure)
            if not found and case == "ganger":
                found = have(rounds, ONE, figure)
            cells.append(cell(found))
        lines.append(f"| {case} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def plain(name):
    return lambda sections: table(sections[name])


def value(sections, part, case, figure):
    found = column(sections.get(part, []), case, figure)
    return median(found) if found else None


def goal_rows(s):
    """(goal, [(figure, bound, "at least" or "at most")])"""
    t = s.get("throughput", [])

    def share(one, other):
        return ratio(t, one, other, "jobs_per_s")

    best = best_peer(t, "jobs_per_s")
    hops = value(s, "latency", "2 ZeroMQ hops", "p50_us")
    floor = value(s, "latency", "floor (BLMOVE in C)", "p50_us")
    ours = value(s, "latency", "ganger", "p50_us")
    p99 = value(s, "latency", "ganger", "p99_us")
    pss = value(s, "memory", ONE, "pss_mib")
    celery = value(s, "memory", CELERY, "pss_mib")
    slots = [value(s, "slots", f"{n} slots", "supervisor_us_per_job")
             for n in (64, 2)]
    long, short = ([value(s, "length", f"{c}, {n} jobs", "us_per_job")
                    for c in ("one by one", "batch 32")]
                   for n in ("1,000,000", "1,000"))
    return [
        ("batch of 32, of the ceiling", share(BATCH, CEILING), 0.70, ">"),
        ("the same with the append-only file",
         share(BATCH + AOF, CEILING + AOF), 0.70, ">"),
        ("batch of 32, times the best peer",
         best and share(BATCH, best), 5, ">"),
        ("one by one, of the ceiling", share(ONE, CEILING), 0.40, ">"),
        ("one by one, times the best peer",
         best and share(ONE, best), 3.5, ">"),
        ("one by one, times Celery", share(ONE, CELERY), 50, ">"),
        ("LPUSH to start at 50/s, p50 us", ours, 350, "<"),
        ("LPUSH to start at 50/s, p99 us", p99, 700, "<"),
        ("the p50 beyond the floor + 2 hops, us",
         None if None in (ours, hops, floor) else ours - floor - hops, 0,
         "<"),
        ("PSS, supervisor + 2 idle children, MiB", pss, 8, "<"),
        ("Celery's PSS, times ours",
         None if None in (pss, celery) else celery / pss, 9, ">"),
        ("command to first result, ms", value(s, "cold", ONE, "ms"), 20,
         "<"),
        ("CPU per job, 1,000,000 waiting against 1,000, one by one",
         None if None in (long[0], short[0]) else long[0] / short[0], 1.1,
         "<"),
        ("the same, batch of 32",
         None if None in (long[1], short[1]) else long[1] / short[1], 1.1,
         "<"),
        ("supervisor's CPU per job, 64 slots against 2",
         None if None in slots else slots[0] / slots[1], 1.2, "<"),
        ("system calls per job, batch of 32",
         value(s, "cost", "batch 32", "syscalls"), 1.6, "<"),
        ("system calls per job, one by one",
         value(s, "cost", "one by one", "syscalls"), 4, "<"),
    ]


def goals(sections):
    lines = ["| goal | bound | here | |", "|---|---|---|---|"]
    for what, got, bound, way in goal_rows(sections):
        if got is None:
            lines.append(f"| {what} | {bound:g} | not measured | |")
            continue
        ok = got >= bound if way == ">" else got <= bound
        lines.append(f"| {what} | {'at least' if way == '>' else 'at most'} "
                     f"{bound:g} | {number(got)} | {'yes' if ok else '**no**'} |")
    return "\n".join(lines)


PARTS = {"throughput": throughput, "start": start, "goals": goals,
         **{n: plain(n) for n in ("load", "reply", "slots", "length", "size",
                                  "reload", "cost")}}
NEEDS = {"start": "latency", "goals": "throughput"}


def fill(text, sections):
    def part(match):
        name = match.group(1)
        if not any(sections.get(NEEDS.get(name, name), [])):
            return match.group(0)
        return (f"<!-- bench {name} -->\n{PARTS[name](sections)}\n"
                "<!-- end -->")
    return re.sub(r"<!-- bench (\w+) -->\n.*?<!-- end -->", part, text,
                  flags=re.S)
