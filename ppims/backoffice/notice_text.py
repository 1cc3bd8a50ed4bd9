"""Notices in words: what was found, what it is about, and what to do."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date
from urllib.parse import urlencode

from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from customers.search import read_names
from limits.models import Notice
from ppims.backoffice.filters import OWN_FRAME
from ppims.backoffice.transaction_rows import write_customer_address
from ppims.core.formats import ist_date, write_count
from ppims.models import Processor
from ppims.reports.outcomes import Outcome

Kind = Notice.Kind


@dataclass(frozen=True)
class About:
    """What a notice is about: its name, and the address of its page; "" for neither. `list_address`
    is of the transactions that it may be about.
    """

    name: str = field(default="", repr=False)
    address: str = ""
    list_address: str = ""


def describe_notice(notice: Notice, today: date) -> str:
    """Say in a line what was found: "Loading stops on 15 Dec 2026, in 17 days"."""
    if notice.kind == Kind.LOADING_STOP:
        return _describe_stop(notice, today)
    if notice.kind == Kind.UNANSWERED:
        said = ngettext(
            "%(count)s allowed check of %(day)s was never answered",
            "%(count)s allowed checks of %(day)s were never answered",
            notice.count,
        )
        return said % {"count": write_count(notice.count), "day": ist_date(notice.day)}
    if notice.kind == Kind.PASSWORD:
        days = max((today - notice.day).days, 0)
        said = ngettext(
            "The password was made on %(day)s, %(n)s day ago",
            "The password was made on %(day)s, %(n)s days ago",
            days,
        )
        return said % {"day": ist_date(notice.day), "n": write_count(days)}
    return _describe_failure(notice) if notice.has_failed else _describe_missed(notice)


def _describe_stop(notice: Notice, today: date) -> str:
    words, days = {"day": ist_date(notice.day)}, (notice.day - today).days
    if days <= 0:
        return _("Loading stopped on %(day)s") % words
    left = ngettext("in %(n)d day", "in %(n)d days", days) % {"n": days}
    return _("Loading stops on %(day)s, %(left)s") % {**words, "left": left}


def _describe_missed(notice: Notice) -> str:
    said = {
        Kind.SEAL: _("No seal has been made since %(day)s"),
        Kind.VERIFICATION: _("Nothing has been verified since %(day)s"),
        Kind.BACKUP: _("No backup has been made since %(day)s"),
    }
    return said[Kind(notice.kind)] % {"day": ist_date(notice.day)}


def _describe_failure(notice: Notice) -> str:
    words = {"day": ist_date(notice.day), "count": write_count(notice.count)}
    if notice.count:
        said = ngettext(
            "The verification of %(day)s has %(count)s finding",
            "The verification of %(day)s has %(count)s findings",
            notice.count,
        )
        return said % words
    failed = {
        Kind.SEAL: _("The seal of %(day)s could not be made"),
        Kind.VERIFICATION: _("The verification of %(day)s could not be done"),
        Kind.BACKUP: _("The backup of %(day)s could not be made"),
    }
    return failed[Kind(notice.kind)] % words


def list_steps(notice: Notice) -> Sequence[str]:
    """List what to do, in its order."""
    if notice.kind == Kind.LOADING_STOP:
        return [
            _("Ask the customer to come for a higher KYC before that day."),
            _("Once it is raised, this notice closes itself. If not, loads are declined."),
        ]
    if notice.kind == Kind.UNANSWERED:
        return [
            _("Ask the processor what became of them: their holds have ended, and count no more."),
            _("What has happened it still has to report: that is booked, and flagged as late."),
        ]
    if notice.kind == Kind.PASSWORD:
        return [
            _("Propose a new password on the processor’s page; another admin approves it."),
            _("Hand over its sheet. The old password may work for a week beside the new one."),
            _("Once the new one is made, this notice closes itself."),
        ]
    return _list_steps_of_upkeep(notice)


def _list_steps_of_upkeep(notice: Notice) -> Sequence[str]:
    if notice.kind == Kind.SEAL:
        return [
            _("Make a seal under Settings, Audit, and keep its file elsewhere."),
            _("Have whoever runs the server look at the timer that does it daily."),
        ]
    if notice.kind == Kind.BACKUP:
        return [
            _("Have whoever runs the server make one now: manage backup FILE."),
            _("Have them look at the timer that does it daily, and at the free space."),
        ]
    if notice.count:
        return [
            _("Keep a copy of the database as it is, and tell whoever answers for it."),
            _("Settings, Audit names what was found. Find out who could have changed it."),
        ]
    return [_("Verify now, under Settings, Audit. It takes a while, and the page says how far.")]


def read_about(notices: Iterable[Notice]) -> dict[int, About]:
    """Say what each is about, by its key; by two queries at most."""
    notices = list(notices)
    names = read_names({each.unique_id for each in notices if each.unique_id})
    ids = {each.processor_id for each in notices if each.processor_id}
    processors = dict(Processor.objects.filter(pk__in=ids).values_list("pk", "system_id"))
    return {
        each.pk: _make_about(each, names.get(each.unique_id or 0, ""), processors)
        for each in notices
    }


def _make_about(notice: Notice, name: str, processors: dict[int, str]) -> About:
    if notice.unique_id:
        return About(name, write_customer_address(notice.unique_id))
    if notice.processor_id:
        name = processors[notice.processor_id]
        address = reverse("processor", args=[notice.processor_id])
        if notice.kind == Kind.PASSWORD:
            return About(name, address)
        return About(name, address, _write_list_address(notice, name))
    return About()


def _write_list_address(notice: Notice, processor: str) -> str:
    """Write the address of the day's checks of a processor that came to nothing."""
    days = dict.fromkeys(("since", "until"), f"{notice.day}")
    asked = {"when": OWN_FRAME, **days, "processor": processor, "outcome": Outcome.RELEASED.value}
    return f"{reverse('transactions')}?{urlencode(asked)}"
