"""Search: sent by POST and kept in the session under a random key, so that no address and no log
holds a name or a number.
"""

import re
import secrets
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse

from ppims.backoffice.access import is_fragment, open_page, respond
from ppims.backoffice.transaction_detail import write_transaction_address
from ppims.backoffice.transaction_rows import Line, make_lines
from ppims.reports.keyset import Position
from ppims.reports.records import SOURCE_ORDER, read_rows
from ppims.reports.search import LONGEST_QUERY_CHARACTERS, MOST_HITS, Hit, find_alike, find_hits

PAGE_TEMPLATE = "ppims/search.html"
SEARCHES_KEY, MOST_KEPT = "searches", 10
QUICK_HITS = 8  # as many as are shown while one types
WITH_DIGITS, LAST_FOUR = re.compile(r"\S*\d\S*"), re.compile(r"\d{4}")


@open_page("customers.view_customer", methods=("GET", "POST"))
def search(request: HttpRequest) -> HttpResponse:
    """Look for what was typed: lead to the one who is meant, else to all that may be; while one
    types show the hits alone. Asked by GET say what can be looked for.

    Nobody is led to whoever fits but for a wrong letter: that is said, and theirs to judge.
    """
    text = " ".join(request.POST.get("q", "")[:LONGEST_QUERY_CHARACTERS].split())
    if is_fragment(request):
        return respond(request, PAGE_TEMPLATE, _find(text), partial="quick")
    if request.method != "POST" or not text:
        return render(request, PAGE_TEMPLATE)
    found = find_hits(text)
    if len(found) == 1:
        return redirect(write_address(found[0]))
    return redirect("search-results", _keep_search(request, text))


@open_page("customers.view_customer")
def search_results(request: HttpRequest, key: str) -> HttpResponse:
    """Show what fits a search of this session; it is made anew at every look."""
    text = request.session.get(SEARCHES_KEY, {}).get(key)
    return render(request, PAGE_TEMPLATE, {"is_gone": True} if text is None else _find(text))


def write_address(hit: Hit) -> str:
    """Write where a hit leads: to the customer, or to the transaction that matched."""
    if hit.source is not None and hit.row_id is not None:
        return write_transaction_address(hit.source, hit.row_id)
    return reverse("customer", args=[hit.customer_id])


def _find(text: str) -> dict[str, Any]:
    exact = find_hits(text)
    found = _add_rows(exact or find_alike(text))
    return {
        "text": _mask_query(text),
        "found": found,
        "is_alike": not exact,
        "quick": found[:QUICK_HITS],
        "is_full": len(found) == MOST_HITS,
    }


def _add_rows(found: list[Hit]) -> list[tuple[Hit, str, Line | None]]:
    positions = {
        hit: Position(0, SOURCE_ORDER.index(hit.source), hit.row_id)
        for hit in found
        if hit.source is not None and hit.row_id is not None
    }
    lines = make_lines(read_rows(list(positions.values()))) if positions else []
    line_of = dict(zip(positions, lines, strict=True))
    return [(hit, write_address(hit), line_of.get(hit)) for hit in found]


def _mask_query(text: str) -> str:
    """Write what was looked for as a page may show it: of numbers a card's last four alone."""
    numbers = WITH_DIGITS.findall(text)
    if len(numbers) == 1 and LAST_FOUR.fullmatch(numbers[0]):
        return text
    return WITH_DIGITS.sub("••••", text)


def _keep_search(request: HttpRequest, text: str) -> str:
    """Keep a search, and of those before it the last few: the key that it is kept under."""
    key = secrets.token_urlsafe(12)
    before = list(request.session.get(SEARCHES_KEY, {}).items())[1 - MOST_KEPT :]
    request.session[SEARCHES_KEY] = dict([*before, (key, text)])
    return key
