"""The chart of throughput against customers, as SVG that reads well on light and dark."""

from math import log10
from xml.sax.saxutils import escape

from tests.bench.results import Results
from tests.bench.rounds import OPERATIONS, Plan, Setup, lakhs

WIDTH, HEIGHT = 760, 420
LEFT, RIGHT, TOP, BOTTOM = 80, 250, 50, 60
COLOURS = "#2f6fde #0a8f6c #c2410c #9333ea #b45309 #64748b #be185d".split()
STEPS = (1, 2, 5, 10)
LINES_AT_MOST = 6
STYLE = """
  text { font: 13px system-ui, sans-serif; fill: #1f2933 }
  .title { font-size: 15px; font-weight: 600 }
  .grid { stroke: #8895a7; stroke-opacity: .35 }
  polyline { fill: none; stroke-width: 2 }
  @media (prefers-color-scheme: dark) { text { fill: #e4e7eb } }
"""


def draw(results: Results, plan: Plan) -> str:
    """Draw each operation's median rate at most clients and workers, by number of customers."""
    setups = [s for s in plan.setups if s.is_plain and not s.installation.url]
    clients, workers = plan.clients[-1], plan.workers[-1]
    rates: dict[str, list[tuple[int, float]]] = {}
    for operation in OPERATIONS:
        found = (
            (
                s.installation.customers,
                results.of(s.name, operation, workers, clients),
            )
            for s in setups
        )
        rates[operation] = [(customers, rate.median) for customers, rate in found if rate]
    top = max((rate for line in rates.values() for _, rate in line), default=1.0)
    frame = Frame(setups, top)
    what = f"{clients} clients, {workers} workers"
    body = [*frame.grid(), *frame.lines(rates)]
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img"',
            'aria-labelledby="title desc">',
            '<title id="title">Answers a second against customers</title>',
            f'<desc id="desc">{escape(_described(rates, what))}</desc>',
            f"<style>{STYLE}</style>",
            f'<text class="title" x="{LEFT}" y="26">Answers a second, {escape(what)}</text>',
            *body,
            "</svg>\n",
        ]
    )


class Frame:
    """Where a number of customers and a rate are on the paper."""

    def __init__(self, setups: list[Setup], top: float) -> None:
        self.sizes = [setup.installation.customers for setup in setups]
        self.step = _step(top)
        self.top = self.step * (int(top / self.step) + 1)

    def x(self, customers: int) -> float:
        first, last = log10(self.sizes[0]), log10(self.sizes[-1])
        part = (log10(customers) - first) / (last - first) if last > first else 0.5
        return LEFT + 20 + part * (WIDTH - LEFT - RIGHT - 40)

    def y(self, rate: float) -> float:
        return HEIGHT - BOTTOM - rate / self.top * (HEIGHT - TOP - BOTTOM)

    def grid(self) -> list[str]:
        """Draw the axes: rates from zero on, customers by their logarithm."""
        made = []
        for number in range(round(self.top / self.step) + 1):
            y = self.y(number * self.step)
            made.append(
                f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>'
            )
            made.append(_text(LEFT - 8, y + 4, lakhs(round(number * self.step)), anchor="end"))
        made += [
            _text(self.x(n), HEIGHT - BOTTOM + 20, lakhs(n), anchor="middle") for n in self.sizes
        ]
        middle = (LEFT + WIDTH - RIGHT) / 2
        return [*made, _text(middle, HEIGHT - 16, "customers", anchor="middle")]

    def lines(self, rates: dict[str, list[tuple[int, float]]]) -> list[str]:
        """Draw a line for each operation, and its name where it ends, none over another."""
        made, free = [], float(TOP)
        coloured = dict(zip(rates, COLOURS, strict=True))
        drawn = sorted((line[-1][1], name) for name, line in rates.items() if line)
        for _, name in reversed(drawn):
            points = [(self.x(customers), self.y(rate)) for customers, rate in rates[name]]
            path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
            colour = coloured[name]
            made.append(f'<polyline points="{path}" stroke="{colour}"/>')
            made += [
                f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.5" fill="{colour}"/>' for x, y in points
            ]
            free = max(free, points[-1][1])
            key = f'<rect x="{WIDTH - RIGHT + 26}" y="{free - 5:.1f}" width="10" height="10"'
            made.append(f'{key} fill="{colour}"/>')
            made.append(_text(WIDTH - RIGHT + 42, free + 4, name))
            free += 18
        return made


def _step(top: float) -> float:
    power = 10.0 ** int(log10(max(top, 1)) - 1)
    return next(
        (
            step * scale
            for scale in (power, 10 * power)
            for step in STEPS
            if top / (step * scale) <= LINES_AT_MOST
        ),
        100.0 * power,
    )


def _text(x: float, y: float, words: str, *, anchor: str = "start") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(words)}</text>'


def _described(rates: dict[str, list[tuple[int, float]]], what: str) -> str:
    lines = (
        f"{name}: " + ", ".join(f"{rate:,.0f} at {lakhs(customers)}" for customers, rate in line)
        for name, line in rates.items()
    )
    return f"At {what}, answers a second by customers. " + "; ".join(lines)
