"""Figures of several rounds: medians, ranges, and ratios within a round."""

import statistics

SLOW = ("celery", "rq", "sidekiq", "bullmq")    # measured in one round
PEERS = (*SLOW, "beanstalkd")


def median(values):
    return statistics.median(values)


def column(rounds, case, figure):
    """The figure of that case in all rounds that have it."""
    return [r[case][figure] for r in rounds if case in r]


def ratio(rounds, one, other, figure):
    """Median of the ratios within the same round, or None."""
    both = [r[one][figure] / r[other][figure] for r in rounds
            if one in r and other in r]
    return median(both) if both else None


def best_peer(rounds, figure, suffix=""):
    names = {case for r in rounds for case in r
             if case.startswith(PEERS) and case.endswith(suffix) and
             (suffix or "append-only" not in case)}
    return max(names, default=None,
               key=lambda case: median(column(rounds, case, figure)))


def table(rounds):
    """Markdown: one line a case, each figure as median (lowest-highest)."""
    cases = list(dict.fromkeys(case for r in rounds for case in r))
    figures = list(dict.fromkeys(f for r in rounds for v in r.values()
                                 for f in v))
    lines = ["| | " + " | ".join(f.replace("_", " ") for f in figures) + " |",
             "|---" * (len(figures) + 1) + "|"]
    for case in cases:
        cells = []
        for f in figures:
            have = [r[case][f] for r in rounds if case in r and f in r[case]]
            cells.append(cell(have))
        lines.append(f"| {case} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def number(v):
    if abs(v) >= 100:
        return f"{v:,.0f}"
    return f"{v:.1f}" if abs(v) >= 10 else f"{v:.2f}"


def cell(values):
    if not values:
        return "-"
    if len(values) == 1 or min(values) == max(values):
        return number(median(values))
    return (f"{number(median(values))} ({number(min(values))}"
            f"-{number(max(values))})")


def throughput_ratios(rounds):
    lines = []
    for suffix in ("", ", append-only file"):
        best = best_peer(rounds, "jobs_per_s", suffix)
        celery = "celery prefork, late ack" + suffix
        floor = "floor (BLMOVE in C)" + suffix
        for ours in ("ganger batch 32", "ganger one by one"):
            for other in ("ceiling", "ceiling, records and events as ours"):
                lines.append((ours + suffix, other + suffix))
            lines += [(ours + suffix, o) for o in (best, floor, celery) if o]
    return [(a, b, ratio(rounds, a, b, "jobs_per_s")) for a, b in lines]


def other_ratios(rounds, figure, ours):
    cases = dict.fromkeys(case for r in rounds for case in r)
    return [(case, ours, ratio(rounds, case, ours, figure))
            for case in cases if case != ours]


def ratios(section, rounds, figure):
    """(one, other, ratio) of what is worth comparing."""
    if section == "throughput":
        found = throughput_ratios(rounds)
    elif section == "latency":
        found = other_ratios(rounds, figure, "ganger")
    elif section in ("memory", "cold"):
        found = other_ratios(rounds, figure, "ganger one by one")
    elif section == "length":
        found = [(f"{s}, {n} jobs", f"{s}, 1,000 jobs", ratio(
            rounds, f"{s}, {n} jobs", f"{s}, 1,000 jobs", figure))
            for s in ("one by one", "batch 32")
            for n in ("100,000", "1,000,000")]
    elif section == "slots":
        found = other_ratios(rounds, figure, "2 slots")
    else:
        found = []
    return [f for f in found if f[2] is not None]


def section_text(name, title, figure, rounds):
    text = [f"## {title}", "", table(rounds), ""]
    for one, other, r in ratios(name, rounds, figure):
        text.append(f"{one} / {other}: {r:.2f}")
    return "\n".join(text) + "\n"
