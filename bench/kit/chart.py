"""A bar chart as SVG: one panel a section, one bar a case, the median with its
range."""

from html import escape

from .report import column, median, number

WIDTH, LEFT, BAR, GAP = 860, 330, 16, 6
OURS, OTHER, FRAME = "#1f6f5c", "#8a97a6", "#c9a227"

STYLE = ("text{font:12px sans-serif;fill:#222}"
         "text.t{font-size:15px;font-weight:600}"
         "line{stroke:#222;stroke-width:1.2}")


def colour(case):
    if case.startswith("ganger"):
        return OURS
    return FRAME if case.startswith(("ceiling", "floor", "2 Z")) else OTHER


def panel(y, title, figure, rounds):
    """The panel's elements and the y below it."""
    cases = list(dict.fromkeys(case for r in rounds for case in r))
    rows = [(case, column(rounds, case, figure)) for case in cases]
    top = max(max(values) for _, values in rows)
    scale = (WIDTH - LEFT - 90) / top if top > 0 else 0
    out = [f'<text class="t" x="10" y="{y + 16}">{escape(title)}</text>']
    y += 28
    for case, values in rows:
        mid = median(values)
        low, high = LEFT + min(values) * scale, LEFT + max(values) * scale
        centre = y + BAR / 2
        out += [
            f'<text x="{LEFT - 8}" y="{y + 12}" text-anchor="end">'
            f'{escape(case)}</text>',
            f'<rect x="{LEFT}" y="{y}" width="{mid * scale:.1f}" '
            f'height="{BAR}" fill="{colour(case)}"/>',
            f'<line x1="{low:.1f}" y1="{centre}" x2="{high:.1f}" '
            f'y2="{centre}"/>',
            f'<text x="{high + 6:.1f}" y="{y + 12}">{number(mid)}</text>']
        y += BAR + GAP
    return out, y + 18


def page(height, elements):
    return "\n".join([
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" '
        f'height="{height}" viewBox="0 0 {WIDTH} {height}">',
        f"<style>{STYLE}</style>",
        '<rect width="100%" height="100%" fill="#fff"/>',
        *elements, "</svg>", ""])


def chart(panels):
    """panels: (title, figure, rounds) each."""
    out, y = [], 10
    for title, figure, rounds in panels:
        more, y = panel(y, title, figure, rounds)
        out += more
    return page(y, out)


def curve(y, title, points, height=90):
    """A panel of one figure over the seconds of a run."""
    top = max(v for _, v in points) or 1
    end = points[-1][0] or 1
    path = " ".join(f"{10 + (WIDTH - 120) * t / end:.1f},"
                    f"{y + 24 + height * (1 - v / top):.1f}"
                    for t, v in points)
    return [f'<text class="t" x="10" y="{y + 16}">{escape(title)}</text>',
            f'<polyline fill="none" stroke="{OURS}" points="{path}"/>',
            f'<text x="{WIDTH - 100}" y="{y + 36}">{number(top)}</text>'], \
        y + height + 42


def lines(curves):
    """curves: (title, [(seconds, figure)]) each."""
    out, y = [], 10
    for title, points in curves:
        more, y = curve(y, title, points)
        out += more
    return page(y, out)
