"""The menu, and what else the frame of every page shows."""

from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.urls import reverse
from django.utils.functional import SimpleLazyObject
from django.utils.translation import gettext_lazy as _

from ppims.models import User

IDLE_SECONDS = 14 * 60  # the server's 15 minutes may have begun up to a minute earlier
WARNED_SECONDS = 2 * 60


@dataclass(frozen=True)
class Item:
    """One place of the menu: open to who has any of the permissions; none named, to everyone.

    `home_of` are pages that belong to it, and lie elsewhere.
    """

    url_name: str
    label: object
    icon: str
    permissions: tuple[str, ...] = ()
    home_of: tuple[str, ...] = ()

    def may_open(self, user: User) -> bool:
        return not self.permissions or any(map(user.has_perm, self.permissions))


MENU = (
    Item("overview", _("Overview"), "layout-dashboard", ("limits.view_ledgerentry",)),
    Item("customers", _("Customers"), "users", ("customers.view_customer",), home_of=("onboard",)),
    Item("transactions", _("Transactions"), "arrow-left-right", ("limits.view_ledgerentry",)),
    Item("calls", _("Calls"), "ban", ("ppims.view_refusedcall",)),
    Item("limits", _("Limits"), "scale", ("limits.view_limitrule",)),
    Item("approvals", _("Approvals"), "check-check", ("customers.view_unblocking",)),
    Item("admin:index", _("Admin"), "shield", ("ppims.change_user", "ppims.view_auditentry")),
    Item("api-1:openapi-view", _("API docs"), "book-open"),
)


def list_items(user: User) -> list[Item]:
    """List what this person may open, in the menu's order."""
    return [item for item in MENU if item.may_open(user)]


def make_frame(request: HttpRequest) -> dict[str, Any]:
    """Hand every template the frame's data, which is read only where it is drawn."""
    return {"frame": SimpleLazyObject(lambda: _read_frame(request))}


def _read_frame(request: HttpRequest) -> dict[str, Any]:
    shown: dict[str, Any] = {"is_demo": not settings.PRODUCTION}
    user = getattr(request, "user", None)  # none where a page failed before it was known
    if not isinstance(user, User):
        return shown
    here = request.path
    places = [(item, reverse(item.url_name)) for item in list_items(user)]
    menu = [{"item": item, "url": url, "is_here": _is_here(here, item)} for item, url in places]
    roles = ", ".join(user.groups.order_by("name").values_list("name", flat=True))
    return {
        **shown,
        "idle_seconds": IDLE_SECONDS,
        "warned_seconds": WARNED_SECONDS,
        "user": user,
        "roles": roles,
        "menu": menu,
        "search": reverse("search") if user.has_perm("customers.view_customer") else "",
    }


def _is_here(here: str, item: Item) -> bool:
    return any(_is_in(here, reverse(name)) for name in (item.url_name, *item.home_of))


def _is_in(here: str, url: str) -> bool:
    """Return whether a page is a place of the menu, or lies below it."""
    return here == url or (url != "/" and here.startswith(f"{url.rstrip('/')}/"))
