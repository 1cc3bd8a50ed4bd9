"""What flagged postings and refused reports share: a finding closes either."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from customers.models import Customer
from customers.search import read_names
from limits.models import LedgerEntry, PostingFinding, RefusedReport, ReportFinding
from limits.services import findings
from ppims.backoffice.customer.left import describe_left
from ppims.backoffice.queue import (
    DONE_PARAMETER,
    Choice,
    Column,
    ListRow,
    Queue,
    ShownList,
    find_oldest,
    read_list,
    respond_with_item,
    respond_with_list,
)
from ppims.backoffice.transaction_rows import write_customer_address
from ppims.core.formats import inr, ist
from ppims.reports.keyset import Page, Position
from ppims.services.accounts import get_staff

Item = TypeVar("Item", LedgerEntry, RefusedReport)
Finding = PostingFinding | ReportFinding
WAITING_COLUMNS = (
    Column(_("Amount"), "num"),
    Column(_("Customer")),
    Column(_("From")),
    Column(_("When"), "when"),
)
CLOSED_COLUMNS = (
    Column(_("Amount"), "num"),
    Column(_("Customer")),
    Column(_("Who")),
    Column(_("Closed"), "when"),
)


@dataclass(frozen=True)
class Closable(Generic[Item]):
    """One kind of what a finding closes: its queue and pages, how it is told in a line, and what
    each finding leads to.
    """

    queue: Queue
    title: object
    template: str
    item_name: str
    effects: Mapping[Any, object]
    list_waiting: Callable[[str], Page[Item]]
    list_closed: Callable[[str], Page[Any]]
    find_position: Callable[[Item], Position]
    describe_line: Callable[[Item], str]


def respond_with_closables(request: HttpRequest, kind: Closable[Item]) -> HttpResponse:
    """List those that wait for a finding, or those that were closed; or lead to the oldest."""
    if oldest := find_oldest(request, kind.queue):
        return redirect(oldest)
    found: Page[Any]
    if DONE_PARAMETER in request.GET:
        found = read_list(kind.list_closed, request)
        names = _name_owners([_find_item(kept) for kept in found.rows])
        rows = [
            _write_closed(kept, kind.item_name, name)
            for kept, name in zip(found.rows, names, strict=True)
        ]
        shown = ShownList(kind.title, _("Finding"), CLOSED_COLUMNS, rows)
        return respond_with_list(request, shown, found, is_done=True)
    found = read_list(kind.list_waiting, request)
    names = _name_owners(found.rows)
    rows = [_write_waiting(*each, kind) for each in zip(found.rows, names, strict=True)]
    shown = ShownList(kind.title, _("What happened"), WAITING_COLUMNS, rows)
    return respond_with_list(request, shown, found, is_done=False)


def respond_with_closable(
    request: HttpRequest,
    kind: Closable[Item],
    item: Item,
    describe: Callable[[], dict[str, Any]],
    **more: Any,
) -> HttpResponse:
    """Show one beside what is left to its customer, and take a note, or a finding that closes it;
    `describe` says what is its kind's alone. `more` is respond_with_item's.
    """
    user = get_staff(request)
    return respond_with_item(
        request,
        kind.template,
        kind.queue,
        kind.find_position(item),
        choices=[Choice(each.value, each.label, said) for each, said in kind.effects.items()],
        decide=lambda chosen, note: findings.note(item, finding=chosen, note=note, user=user),
        describe=lambda: {**_describe(item, kind), **describe()},
        **more,
    )


def _name_owners(items: Sequence[LedgerEntry | RefusedReport]) -> list[str]:
    """Name whose each is now, as merges lead."""
    owners = findings.find_owners(items)
    names = read_names(set(owners))
    return [names.get(owner, "") for owner in owners]


def _find_item(kept: Finding) -> LedgerEntry | RefusedReport:
    return kept.entry if isinstance(kept, PostingFinding) else kept.report


def _write_waiting(item: Item, owner: str, kind: Closable[Item]) -> ListRow:
    return ListRow(
        reverse(kind.item_name, args=[item.pk]),
        kind.describe_line(item),
        (inr(item.amount_paise), owner, _name_sender(item), ist(item.at)),
    )


def _write_closed(kept: Finding, item_name: str, owner: str) -> ListRow:
    about = _find_item(kept)
    return ListRow(
        reverse(item_name, args=[about.pk]),
        str(kept),
        (inr(about.amount_paise), owner, kept.user.get_username(), ist(kept.at)),
    )


def _describe(item: Item, kind: Closable[Item]) -> dict[str, Any]:
    notes = findings.list_notes(item)
    owner = Customer.objects.get(pk=findings.find_owner(item))
    return {
        "item": item,
        "title": kind.describe_line(item),
        "sender": _name_sender(item),
        "owner": owner,
        "customer_address": write_customer_address(owner.pk),
        "left": describe_left(owner, item.direction),
        "notes": notes,
        "is_closed": any(note.finding for note in notes),
    }


def _name_sender(item: LedgerEntry | RefusedReport) -> str:
    return item.processor.system_id if item.processor else str(_("Staff"))
