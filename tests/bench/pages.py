"""What the pages of the back office cost: how long each takes as it is served, how large it is, and
how many statements it makes. docs/performance.md says how to read it.
"""

import http.client
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any

from tests.bench.installation import Installation
from tests.bench.server import serve

WORKER_COUNT = 1
PATIENCE_SECONDS = 60
MOST_MS, MOST_KILOBYTES = 300, 60  # what is more stands out in the table
CSRF_TOKEN = "b" * 32


@dataclass(frozen=True)
class Page:
    """A page, as tests.bench.page_list found it; `sent` is what htmx posts there."""

    name: str
    role: str
    cookie: str
    address: str
    sent: str
    statements: int


@dataclass(frozen=True)
class PageCost:
    name: str
    role: str
    median_ms: float
    worst_ms: float
    kilobytes: float
    statements: int


def measure_pages(
    installation: Installation, times: int, choices: int, say: Callable[[str], None]
) -> list[PageCost]:
    """Ask for each page so many times, one after the other, after once that doesn't count. Of each
    filter so many choices are tried; 0: all.
    """
    pages = [Page(**page) for page in installation.run_inside("list_pages", str(choices))]
    say(f"{installation.database}: {len(pages)} pages, {times} times each")
    with serve(installation, workers=WORKER_COUNT) as server:
        server.wait_until_it_answers("/readyz")
        where = server.url.removeprefix("http://")
        with closing(http.client.HTTPConnection(where, timeout=PATIENCE_SECONDS)) as connection:
            return [_measure_page(connection, page, times) for page in pages]


def _measure_page(connection: http.client.HTTPConnection, page: Page, times: int) -> PageCost:
    size, spent_ms = _ask(connection, page), []
    for _ in range(times):
        began = time.perf_counter()
        size = _ask(connection, page)
        spent_ms.append(1000 * (time.perf_counter() - began))
    return PageCost(
        name=page.name,
        role=page.role,
        median_ms=round(median(spent_ms), 1),
        worst_ms=round(max(spent_ms), 1),
        kilobytes=round(size / 1024, 1),
        statements=page.statements,
    )


def _ask(connection: http.client.HTTPConnection, page: Page) -> int:
    """Ask for a page: how many bytes came. Raises RuntimeError where it isn't given."""
    headers = {"Cookie": f"{page.cookie}; csrftoken={CSRF_TOKEN}"}
    if page.sent:
        headers |= {"HX-Request": "true", "X-CSRFToken": CSRF_TOKEN}
        headers["Content-Type"] = "application/x-www-form-urlencoded"
    connection.request("POST" if page.sent else "GET", page.address, page.sent or None, headers)
    answer = connection.getresponse()
    body = answer.read()
    if answer.status != http.HTTPStatus.OK:
        raise RuntimeError(f"{page.name}: answered {answer.status}")
    return len(body)


def write_table(found: list[PageCost]) -> str:
    """Write the figures as Markdown."""
    lines = ["| page | median ms | worst ms | KB | statements |", "|---|---|---|---|---|"]
    for cost in found:
        times = (_write(ms, most=MOST_MS) for ms in (cost.median_ms, cost.worst_ms))
        size = _write(cost.kilobytes, most=MOST_KILOBYTES)
        lines.append(f"| {' | '.join((cost.name, *times, size, str(cost.statements)))} |")
    return "\n".join(lines)


def _write(value: float, *, most: float) -> str:
    return f"{value:.0f}" if value < most else f"**{value:.0f}**"


def make_plain(found: list[PageCost]) -> list[dict[str, Any]]:
    """Make plain values for JSON. No session or address is among them."""
    return [asdict(cost) for cost in found]
