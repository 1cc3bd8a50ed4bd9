"""Find the pages of the back office, inside an installation: from the first on, by following the
links of each page and the choices of its filters, as people of each role. So a page that is new is
found, too. Of pages of one kind, such as those of two customers, the first is taken.
"""

import json
from collections import deque
from collections.abc import Iterator
from functools import partial
from html.parser import HTMLParser
from typing import Any
from urllib.parse import parse_qsl, urldefrag, urlencode, urljoin, urlsplit

from django.conf import settings
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import Resolver404, resolve, reverse

from customers.models import Customer
from limits.models import LedgerHead
from ppims.models import User

ROLES = ("maker", "checker", "auditor", "admin")
BACKEND = "django.contrib.auth.backends.ModelBackend"
HTML = "text/html"
Exit = tuple[str, str]  # an address, and what is chosen on the way there


class ExitReader(HTMLParser):
    """Collects where one can go from a page without sending anything: by each link, and by so many
    choices of each list, or by all.
    """

    def __init__(self, choices: int | None = None) -> None:
        super().__init__()
        self._choices = choices
        self.exits: list[Exit] = []
        self._action: str | None = None  # of the form that is read, if it goes by GET
        self._select, self._tried = "", 0
        self._last: dict[str, str] = {}  # of each list of choices there

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        said = {name: value or "" for name, value in attrs}
        if tag == "form":
            is_by_get = said.get("method", "get").lower() == "get"
            self._action, self._last = said.get("action", "") if is_by_get else None, {}
        elif tag == "a" and not said.get("href", "#").startswith("#"):
            self.exits.append((said["href"], ""))
        elif tag == "select":
            self._select, self._tried = said.get("name", ""), 0
        elif tag == "option" and self._action is not None and said.get("value"):
            self._tried += 1
            if self._choices and self._tried > self._choices:
                return
            chosen = urlencode({self._select: said["value"]})
            self.exits.append((f"{self._action}?{chosen}", chosen))
            self._last[self._select] = said["value"]

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            if len(self._last) > 1:  # hardly anything fits: a list looks far for it
                together = urlencode(self._last)
                self.exits.append((f"{self._action}?{together}", "all filters at once"))
            self._action, self._last = None, {}


def list_pages(choices: str = "0") -> None:
    """Print each page as JSON: its name, who opens it and by which session, its address, what is
    posted there, and how many statements it makes. Of each filter so many choices are tried, or
    with 0 all.
    """
    customer, search = _find_busiest_customer(), reverse("search")
    searches = dict(_list_searches(customer))
    starts = [reverse("home"), reverse("customer", args=[customer]), search]
    found = {"login": _describe("login", "", Client(), reverse("login"))}
    for role in ROLES:
        client = _log_in(role)
        results = client.post(search, {"q": searches["a last name"]}).get("Location", search)
        for name, address in _walk(client, [*starts, results], int(choices)):
            if name not in found:
                found[name] = _describe(name, role, client, address)
    for what, text in searches.items():
        name = f"search, typed: {what}"
        found[name] = _describe(name, ROLES[0], _log_in(ROLES[0]), search, text)
    print(json.dumps([found[name] for name in sorted(found)]))


def _find_busiest_customer() -> int:
    """Find who has the longest history."""
    return int(LedgerHead.objects.order_by("-entry_count").values_list("customer_id", flat=True)[0])


def _log_in(role: str) -> Client:
    user = User.objects.filter(groups__name=role, is_active=True).order_by("pk").first()
    if user is None:
        raise SystemExit(f"There is no {role} here: the demo was not loaded before the people.")
    client = Client(SERVER_NAME="127.0.0.1")
    client.force_login(user, backend=BACKEND)
    return client


def _walk(client: Client, starts: list[str], choices: int) -> Iterator[tuple[str, str]]:
    """Walk from page to page: the name and the address of each, no name twice."""
    waiting = deque((address, "") for address in starts)
    seen = set()
    while waiting:
        address, chosen = waiting.popleft()
        name = name_page(address, chosen)
        if not name or name in seen:
            continue
        seen.add(name)
        answer = client.get(address)
        if answer.status_code in {301, 302}:
            waiting.append((urljoin(address, answer["Location"]), ""))
        elif answer.status_code == 200 and answer.get("Content-Type", "").startswith(HTML):
            yield name, address
            waiting.extend(_list_exits(address, answer.content.decode(), choices))


def _list_exits(address: str, page: str, choices: int) -> Iterator[Exit]:
    reader = ExitReader(choices)
    reader.feed(page)
    for link, chosen in reader.exits:
        yield urldefrag(urljoin(address, link)).url, chosen


def name_page(address: str, chosen: str) -> str:
    """Name a page: what was chosen in a filter is told, of a link's query the parameters alone, for
    these name rows. Nothing for what is no page of the back office.
    """
    parts = urlsplit(address)
    try:
        match = resolve(parts.path)
    except Resolver404:
        return ""
    if parts.netloc or match.app_names not in ([], ["admin"]):
        return ""
    parameters = sorted({name for name, _ in parse_qsl(parts.query)})
    if match.app_names and parameters:
        return ""  # the filters of Django's admin are its own
    said = chosen or " ".join(parameters)
    return f"{match.view_name}: {said}" if said else match.view_name


def _list_searches(customer: int) -> Iterator[tuple[str, str]]:
    """List what is typed into the search: what it is, and the words, which nobody is told."""
    person = Customer.objects.get(pk=customer)
    first, *_, last = person.name.split()
    yield "first and last name", f"{first} {last}"
    yield "their beginnings", f"{first[:2]} {last[:2]}"
    yield "a last name", last
    yield "a name with a wrong letter", f"{last[:2]}x{last[3:]}"
    yield "two names with a wrong letter", f"{first[:2]}x{first[3:]} {last}"
    yield "nobody's name", "Qwxzv"
    yield "a mobile number", person.mobile[2:] if person.mobile else "9100000000"
    yield "a Unique id", str(customer)


def _describe(
    name: str, role: str, client: Client, address: str, text: str | None = None
) -> dict[str, Any]:
    ask = partial(client.get, address)
    if text is not None:
        ask = partial(client.post, address, {"q": text}, headers={"HX-Request": "true"})
    ask()  # the first time more may be read
    with CaptureQueriesContext(connection) as statements:
        ask()
    session = client.cookies.get(settings.SESSION_COOKIE_NAME)
    return {
        "name": name,
        "role": role,
        "cookie": f"{settings.SESSION_COOKIE_NAME}={session.value}" if session else "",
        "address": address,
        "sent": "" if text is None else urlencode({"q": text}),
        "statements": len(statements),
    }
