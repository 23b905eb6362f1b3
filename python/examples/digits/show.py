"""Plain text for a terminal: a progress bar, a table, a bar chart."""

from __future__ import annotations

import sys
from typing import Sequence

BAR = 30  # characters


class Progress:
    """One line that grows on a terminal, a line per step elsewhere."""

    def __init__(self, title: str):
        self._title = title
        self._live = sys.stdout.isatty()
        self._last = ""

    def show(self, fraction: float, text: str) -> None:
        filled = round(min(max(fraction, 0.0), 1.0) * BAR)
        bar = "#" * filled + "." * (BAR - filled)
        line = f"  {self._title} [{bar}] {fraction:4.0%} {text}".rstrip()
        if line == self._last:
            return
        self._last = line
        if self._live:
            print(f"\r{line}\x1b[K", end="", flush=True)
        else:
            print(line, flush=True)

    def end(self) -> None:
        if self._live and self._last:
            print(flush=True)


def table(rows: Sequence[Sequence[object]]) -> None:
    """Prints rows, the first of which is the heading, in columns."""
    text = [[str(cell) for cell in row] for row in rows]
    widths = [max(len(cell) for cell in column) for column in zip(*text)]
    for row in text:
        cells = (cell.ljust(width) for cell, width in zip(row, widths))
        print("  " + "  ".join(cells).rstrip())


def percentile(ordered: Sequence[float], share: float) -> float:
    """Gives the nearest-rank percentile of values in rising order."""
    rank = -int(-share * len(ordered) // 1)  # rounded up
    return ordered[min(max(rank, 1), len(ordered)) - 1]


def percentiles(name: str, values: Sequence[float]) -> list[str]:
    """Gives a row of a table of milliseconds."""
    ordered = sorted(values)
    shares = (0.5, 0.9, 0.99, 1.0)
    return [name] + [f"{percentile(ordered, share):.0f}" for share in shares]


def chart(values: Sequence[float], bars: int = 12) -> None:
    """Prints how many of the values (milliseconds) lie in which range.

    The ranges are equally wide and end at the 99th percentile; what lies
    beyond is the last bar.
    """
    ordered = sorted(values)
    low, high = ordered[0], percentile(ordered, 0.99)
    width = max((high - low) / bars, 1.0)
    counts = [0] * (bars + 1)
    for value in ordered:
        counts[min(int((value - low) / width), bars)] += 1
    while len(counts) > 1 and not counts[-1]:
        counts.pop()
    for n, count in enumerate(counts):
        start = f"{low + n * width:.0f}"
        end = f"{low + (n + 1) * width:.0f}" if n < bars else "..."
        length = -(-count * BAR // max(counts))
        print(f"  {start:>6} to {end:>6} ms |{'#' * length:<{BAR}} {count}")
