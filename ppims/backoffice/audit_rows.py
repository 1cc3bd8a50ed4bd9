"""Entries of the audit as pages write them: in words, with names in the place of keys; and all that
is kept of one, masked.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from django.utils.translation import gettext as _

from customers.choices import InstrumentStatus, Tier
from customers.search import read_names
from ppims.backoffice import labels
from ppims.backoffice.audit_text import describe_deed, name_fields
from ppims.backoffice.transaction_detail import Fact, Facts
from ppims.backoffice.transaction_rows import name_actor, write_customer_address
from ppims.core import calendar
from ppims.core.formats import mask, write_ist_second
from ppims.models import AuditEntry, Processor, User
from ppims.services.audit import read_detail

Detail = Mapping[str, Any]
INSTANT_TEXT = re.compile(r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(?:\.\d+)?[+-]\d\d:\d\d")
LONG_NUMBER = re.compile(r"\d{4,}(?=\d{4})")
OWN_FACTS = {"reason", "decision_note", "operator", "changes"}  # each has a line of its own


@dataclass(frozen=True)
class AuditLine:
    """One entry: what was done, about whom, and who did it."""

    entry: AuditEntry
    customer: str = field(repr=False)
    who: str

    @property
    def said(self) -> str:
        return describe_deed(self.entry.action, self.entry.detail)

    @property
    def day(self) -> date:
        return calendar.find_ist_day(self.entry.at)

    @property
    def customer_address(self) -> str:
        return write_customer_address(self.entry.subject) if self.entry.subject else ""


def make_audit_lines(entries: Sequence[AuditEntry]) -> list[AuditLine]:
    """Write entries as lines with names in them, by three queries at most."""
    customers = read_names({entry.subject for entry in entries if entry.subject})
    processors = dict(Processor.objects.values_list("pk", "system_id"))
    people = {entry.user_id for entry in entries if entry.user_id}
    users = dict(User.objects.filter(pk__in=people).values_list("pk", "username")) if people else {}
    return [
        AuditLine(
            entry,
            customers.get(entry.subject, ""),
            name_actor(
                users.get(entry.user_id or 0, ""), processors.get(entry.processor_id or 0, "")
            )
            or _name_system(read_detail(entry)),
        )
        for entry in entries
    ]


def list_audit_facts(entry: AuditEntry) -> Facts:
    """List all that an entry tells: reasons, what was changed, then raw codes and values, masked.
    Personal values are not among them, only which they are.
    """
    detail = read_detail(entry)
    facts = [
        Fact(_("Reason"), str(detail.get("reason", ""))),
        Fact(_("Reason of the decision"), str(detail.get("decision_note", ""))),
        *_list_changes(detail),
        Fact(_("At"), write_ist_second(entry.at)),
        Fact("Action", entry.action, is_code=True),
        Fact("Unique_Id", str(entry.subject or ""), is_code=True),
        *_list_codes(detail),
        Fact(_("Number in its chain"), str(entry.number), is_code=True),
    ]
    return [fact for fact in facts if fact.value]


def _name_system(detail: Detail) -> str:
    """Name who did what neither staff nor a processor did: somebody at the machine, or PPIMS."""
    operator = detail.get("operator")
    return _("%(operator)s, at the machine") % {"operator": operator} if operator else "PPIMS"


def _list_changes(detail: Detail) -> Facts:
    """List what was changed, field by field; where it may be shown, from what to what."""
    changes = detail.get("changes", ())
    shown = changes.keys() & CHANGE_WRITERS.keys() if isinstance(changes, dict) else set()
    try:
        facts = [
            Fact(_("Changed"), f"{labels.name_field(name)}: {said}")
            for name in sorted(shown)
            for said in CHANGE_WRITERS[name](changes[name])
        ]
    except (TypeError, ValueError):  # of another version, perhaps
        shown, facts = set(), []
    others = [name for name in changes if name not in shown] if shown else changes
    return [Fact(_("Changed"), ", ".join(name_fields({"changes": others}))), *facts]


def _say_mobile(change: Any) -> list[str]:
    return [" → ".join(mask(number, shown=4) or "–" for number in change)]


def _say_tier(change: Any) -> list[str]:
    return [" → ".join(str(Tier(code).label) for code in change)]


def _say_statuses(change: Any) -> list[str]:
    """Say "••••6655, active → frozen", of each account or card."""
    return [
        f"{masked}, {' → '.join(str(InstrumentStatus(code).label).lower() for code in codes)}"
        for masked, *codes in change
    ]


CHANGE_WRITERS = {
    "mobile_number": _say_mobile,
    "kyc_flag": _say_tier,
    "accounts": _say_statuses,
    "cards": _say_statuses,
}


def _list_codes(detail: Detail) -> Iterator[Fact]:
    for name, value in detail.items():
        if name not in OWN_FACTS and value not in ("", None, []):
            yield Fact(name, _mask_value(value), is_code=True)


def _mask_value(value: object) -> str:
    """Write a value as it is kept, long numbers masked and instants as people read them."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    read = INSTANT_TEXT.sub(lambda it: write_ist_second(datetime.fromisoformat(it[0])), text)
    return LONG_NUMBER.sub("••••", read)
