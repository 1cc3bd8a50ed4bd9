"""The menu, and what else the frame of every page shows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.urls import reverse
from django.utils.functional import SimpleLazyObject
from django.utils.translation import gettext_lazy as _

from ppims.core import clock
from ppims.models import User
from ppims.reports import overview_counts
from ppims.reports.waiting import Waiting, read_waiting

IDLE_SECONDS = 14 * 60  # the server's 15 minutes may have begun up to a minute earlier
WARNED_SECONDS = 2 * 60


@dataclass(frozen=True)
class Item:
    """One place of the menu, or a tab of one: open to who has any of the permissions; none named,
    to everyone. A place with tabs is where the first of them is that one may open.

    `home_of` are pages that belong to it, and lie elsewhere. `counts` says of a tab that what waits
    there is counted, by its address's name.
    """

    url_name: str
    label: object
    icon: str = ""
    permissions: tuple[str, ...] = ()
    home_of: tuple[str, ...] = ()
    tabs: tuple["Item", ...] = ()
    counts: bool = False
    is_of_stand_in: bool = False  # there in a demo on SQLite alone

    def may_open(self, user: User) -> bool:
        if self.is_of_stand_in and not settings.PPIMS_STAND_IN:
            return False
        return not self.permissions or any(map(user.has_perm, self.permissions))


WORK_TABS = (
    Item("flagged", _("Flagged"), permissions=("limits.view_ledgerentry",), counts=True),
    Item("reviews", _("Reviews"), permissions=("customers.view_duplicatereview",), counts=True),
    Item("approvals", _("Approvals"), permissions=("customers.view_unblocking",), counts=True),
    Item(
        "refused-reports",
        _("Refused reports"),
        permissions=("limits.view_refusedreport",),
        counts=True,
    ),
    Item("notices", _("Notices"), permissions=("limits.view_notice",), counts=True),
)
SETTINGS_TABS = (
    Item("limits", _("Limits"), permissions=("limits.view_limitrule",)),
    Item("processors", _("Processors"), permissions=("ppims.view_processor",)),
    Item("staff", _("Staff"), permissions=("ppims.view_user",)),
    Item("keys", _("Keys"), permissions=("ppims.propose_keyrotation",)),
    Item("audit", _("Audit"), permissions=("ppims.view_auditentry",)),
    Item("admin:index", _("Admin"), permissions=("ppims.view_user",)),
)
OVERVIEW_TABS = (
    Item("overview", _("Today"), permissions=("limits.view_ledgerentry",)),
    Item("reports", _("Reports"), permissions=("limits.read_reports",)),
    Item("reconciliations", _("Reconcile"), permissions=("limits.read_reports",)),
)
MENU = (
    Item(
        "overview",
        _("Overview"),
        "layout-dashboard",
        ("limits.view_ledgerentry",),
        home_of=("reports", "reconciliations"),
        tabs=OVERVIEW_TABS,
    ),
    Item("customers", _("Customers"), "users", ("customers.view_customer",), home_of=("onboard",)),
    Item("transactions", _("Transactions"), "arrow-left-right", ("limits.view_ledgerentry",)),
    Item("work", _("Work"), "check-check", tabs=WORK_TABS),
    Item("settings", _("Settings"), "scale", tabs=SETTINGS_TABS),
    Item("demo", _("Demo"), "flask-conical", is_of_stand_in=True),
)


def list_items(user: User, items: Sequence[Item] = MENU) -> list[Item]:
    """List what this person may open, in the menu's order."""
    return [item for item in items if item.may_open(user)]


def find_first_tab(user: User, place: str) -> Item:
    """Find the first tab of a place that this person may open: everyone may open one."""
    (item,) = [item for item in MENU if item.url_name == place]
    return list_items(user, item.tabs)[0]


def make_frame(request: HttpRequest) -> dict[str, Any]:
    """Hand every template the frame's data, which is read only where it is drawn."""
    return {"frame": SimpleLazyObject(lambda: _read_frame(request))}


def _read_frame(request: HttpRequest) -> dict[str, Any]:
    shown: dict[str, Any] = {"is_demo": not settings.PRODUCTION}
    if clock.read_offset():
        shown["turned_clock"] = clock.now()
    user = getattr(request, "user", None)  # none where a page failed before it was known
    if not isinstance(user, User):
        return shown
    if any(reverse(tab.url_name) == request.path for tab in WORK_TABS):
        overview_counts.refresh()  # elsewhere the counts are as old as the last look at such a page
    waiting = read_waiting()
    roles = ", ".join(user.groups.order_by("name").values_list("name", flat=True))
    return {
        **shown,
        "idle_seconds": IDLE_SECONDS,
        "warned_seconds": WARNED_SECONDS,
        "user": user,
        "roles": roles,
        "has_second_factor": settings.PPIMS_SECOND_FACTOR,
        "menu": [_show(item, request.path, user, waiting) for item in list_items(user)],
        "tabs": _list_tabs(request.path, user, waiting),
        "search": reverse("search") if user.has_perm("customers.view_customer") else "",
    }


def _show(item: Item, here: str, user: User, waiting: Mapping[str, Waiting]) -> dict[str, Any]:
    """Give what a place or a tab is drawn from: `count` is what waits there, in all its tabs."""
    counted = [each for each in (item, *list_items(user, item.tabs)) if each.counts]
    return {
        "item": item,
        "url": reverse(item.url_name),
        "is_here": _is_here(here, item),
        "count": sum(waiting[each.url_name].count for each in counted),
    }


def _list_tabs(here: str, user: User, waiting: Mapping[str, Waiting]) -> list[dict[str, Any]]:
    """List the tabs of a page that is one itself; what lies below it has a way back alone."""
    for place in MENU:
        tabs = [_show(tab, here, user, waiting) for tab in list_items(user, place.tabs)]
        if any(tab["url"] == here for tab in tabs):
            return tabs if len(tabs) > 1 else []
    return []


def _is_here(here: str, item: Item) -> bool:
    return any(_is_in(here, reverse(name)) for name in (item.url_name, *item.home_of))


def _is_in(here: str, url: str) -> bool:
    """Return whether a page is a place of the menu, or lies below it."""
    return here == url or (url != "/" and here.startswith(f"{url.rstrip('/')}/"))
