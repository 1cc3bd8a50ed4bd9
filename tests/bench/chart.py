"""The chart of answers a second against customers, as SVG that reads well on light and dark."""

from math import log10
from xml.sax.saxutils import escape

from tests.bench.plan import OPERATIONS, Plan, Setup, write_number
from tests.bench.results import Results

PAGE_WIDTH, PAGE_HEIGHT = 760, 420
PLOT_LEFT, PLOT_RIGHT, PLOT_TOP, PLOT_BOTTOM = 80, 510, 50, 360
PLOT_MARGIN, NAME_HEIGHT = 20, 18
LINE_COLOURS = "#2f6fde #0a8f6c #c2410c #9333ea #b45309 #64748b #be185d #4d7c0f".split()
MOST_GRID_LINES = 6
STYLE_SHEET = """
  text { font: 13px system-ui, sans-serif; fill: #1f2933 }
  .title { font-size: 15px; font-weight: 600 }
  .grid { stroke: #8895a7; stroke-opacity: .35 }
  polyline { fill: none; stroke-width: 2 }
  @media (prefers-color-scheme: dark) { text { fill: #e4e7eb } }
"""
Line = list[tuple[int, float]]  # customers, and the rate there


def draw_chart(results: Results, plan: Plan) -> str:
    """Draw each operation's median rate at most clients and workers, by number of customers."""
    where = (plan.most_workers, plan.most_clients)
    lines: dict[str, Line] = {operation: [] for operation in OPERATIONS}
    for operation, line in lines.items():
        for setup in plan.sqlite_setups:
            rate = results.find(setup.name, operation, *where)
            if rate:
                line.append((setup.installation.customers, rate.median))
    top_rate = max((rate for line in lines.values() for _, rate in line), default=1.0)
    frame = Frame(plan.sqlite_setups, top_rate)
    conditions = f"{plan.most_clients} clients, {plan.most_workers} workers"
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {PAGE_WIDTH} {PAGE_HEIGHT}"',
            'role="img" aria-labelledby="title desc">',
            '<title id="title">Answers a second against customers</title>',
            f'<desc id="desc">{escape(_describe(lines, conditions))}</desc>',
            f"<style>{STYLE_SHEET}</style>",
            f'<text class="title" x="{PLOT_LEFT}" y="26">Answers a second, {conditions}</text>',
            *frame.draw_grid(),
            *frame.draw_lines(lines),
            "</svg>\n",
        ]
    )


class Frame:
    """The plot's frame: where a number of customers and a rate are on the page."""

    def __init__(self, setups: list[Setup], top_rate: float) -> None:
        self.sizes = [setup.installation.customers for setup in setups]
        self.step = _choose_step(top_rate)
        self.steps = int(top_rate / self.step) + 1

    def scale_x(self, customers: int) -> float:
        """Place a number of customers, by its logarithm."""
        first, last = log10(self.sizes[0]), log10(self.sizes[-1])
        part = (log10(customers) - first) / (last - first) if last > first else 0.5
        return PLOT_LEFT + PLOT_MARGIN + part * (PLOT_RIGHT - PLOT_LEFT - 2 * PLOT_MARGIN)

    def scale_y(self, rate: float) -> float:
        return PLOT_BOTTOM - rate / (self.step * self.steps) * (PLOT_BOTTOM - PLOT_TOP)

    def draw_grid(self) -> list[str]:
        """Draw the axes, with a line for each step of the rate."""
        drawn = []
        for rate in (number * self.step for number in range(self.steps + 1)):
            y = self.scale_y(rate)
            x = f'x1="{PLOT_LEFT}" x2="{PLOT_RIGHT}"'
            drawn.append(f'<line class="grid" {x} y1="{y:.1f}" y2="{y:.1f}"/>')
            drawn.append(_draw_text(PLOT_LEFT - 8, y + 4, write_number(rate), anchor="end"))
        for size in self.sizes:
            x_of_size, y = self.scale_x(size), PLOT_BOTTOM + 20
            drawn.append(_draw_text(x_of_size, y, write_number(size), anchor="middle"))
        middle = (PLOT_LEFT + PLOT_RIGHT) / 2
        return [*drawn, _draw_text(middle, PAGE_HEIGHT - 16, "customers", anchor="middle")]

    def draw_lines(self, lines: dict[str, Line]) -> list[str]:
        """Draw a line for each operation, with its name at its end, below the name before."""
        drawn, free_y = [], float(PLOT_TOP)
        colours = dict(zip(lines, LINE_COLOURS, strict=True))
        from_the_top = sorted(((line[-1][1], name) for name, line in lines.items() if line))[::-1]
        for _, name in from_the_top:
            points = [(self.scale_x(size), self.scale_y(rate)) for size, rate in lines[name]]
            path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
            drawn.append(f'<polyline points="{path}" stroke="{colours[name]}"/>')
            for x, y in points:
                drawn.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.5" fill="{colours[name]}"/>')
            free_y = max(free_y, points[-1][1])
            box = f'<rect x="{PLOT_RIGHT + 26}" y="{free_y - 5:.1f}" width="10" height="10"'
            drawn.append(f'{box} fill="{colours[name]}"/>')
            drawn.append(_draw_text(PLOT_RIGHT + 42, free_y + 4, name))
            free_y += NAME_HEIGHT
        return drawn


def _choose_step(top_rate: float) -> int:
    """Choose 1, 2 or 5 times a power of ten, so that the grid has few lines."""
    steps = (digit * int(10**power) for power in range(9) for digit in (1, 2, 5))
    return next(step for step in steps if top_rate / step <= MOST_GRID_LINES)


def _draw_text(x: float, y: float, text: str, *, anchor: str = "start") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'


def _describe(lines: dict[str, Line], conditions: str) -> str:
    texts = []
    for name, line in lines.items():
        rates = ", ".join(f"{rate:,.0f} at {write_number(size)}" for size, rate in line)
        texts.append(f"{name}: {rates}")
    return f"At {conditions}, answers a second by customers. {'; '.join(texts)}"
