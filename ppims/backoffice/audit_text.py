"""What was done, in words: a sentence for each action of the audit, as pages and statements say it.

An action is written by ppims/services/audit.py with a detail; a sentence takes from the detail what
it names, never a reason or anything personal. tests/unit/test_deeds.py finds one without words.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.utils.text import capfirst, get_text_list
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from customers.models import DuplicateReview, Merge
from limits.models import Direction, Notice, PostingFinding, ReportFinding, Window, write_limit
from ppims.backoffice import labels
from ppims.backoffice.access_deeds import ACCESS_DEEDS, ACCESS_NAMES, name_ring
from ppims.backoffice.export_deeds import EXPORT_DEEDS, EXPORT_NAMES
from ppims.backoffice.import_deeds import IMPORT_DEEDS, IMPORT_NAMES
from ppims.backoffice.reconciliation_deeds import RECONCILIATION_DEEDS, RECONCILIATION_NAMES
from ppims.core.formats import inr, ist_date, ist_start, write_count, write_month

Detail = Mapping[str, Any]
OF_A_FRAME = ("since", "until")
MOST_RULES_SAID = 2

DEEDS: Mapping[str, object] = {
    "customer added": _("Added the customer"),
    "customer known already": _("Asked to add the customer, who was known already"),
    "customer updated": _("Changed %(fields)s"),
    "customer blocked": _("Blocked the customer"),
    "personal data revealed": _("Looked at the customer’s personal data"),
    "note added": _("Added a note about the customer"),
    "unblocking proposed": _("Proposed to unblock the customer"),
    "unblocking approved": _("Unblocked the customer, as proposed"),
    "unblocking rejected": _("Rejected unblocking the customer"),
    "unblocking withdrawn": _("Withdrew the proposal to unblock the customer"),
    "KYC change proposed": _("Proposed the KYC change %(kyc)s"),
    "KYC change approved": _("Approved the KYC change %(kyc)s"),
    "KYC change rejected": _("Rejected the KYC change %(kyc)s"),
    "KYC change withdrawn": _("Withdrew the proposed KYC change %(kyc)s"),
    "merge proposed": _("Proposed to %(merging)s"),
    "merge approved": _("Approved to %(merging)s"),
    "merge rejected": _("Rejected to %(merging)s"),
    "merge withdrawn": _("Withdrew the proposal to %(merging)s"),
    "customer merged": _("Merged %(merged)s into %(survivor)s"),
    "customer un-merged": _("Un-merged %(merged)s from %(survivor)s"),
    "changed by a merge": _("Changed with the merge or un-merge of %(merged)s"),
    "number passed on proposed": _("Proposed that the mobile number was passed on"),
    "number passed on approved": _("Approved that the mobile number was passed on"),
    "number passed on rejected": _("Rejected that the mobile number was passed on"),
    "number passed on withdrawn": _("Withdrew that the mobile number was passed on"),
    "duplicate review decided": _("Decided review item %(review)s: %(outcome)s"),
    "flagged posting noted": _("Added a note on a flagged posting"),
    "flagged posting closed": _("Closed a flagged posting: %(posting)s"),
    "report refused": _("Reported %(amount)s for what is posted with another amount: refused"),
    "refused report noted": _("Added a note on a refused report"),
    "refused report closed": _("Closed a refused report: %(report)s"),
    "notice closed": _("Closed a notice: %(notice_kind)s"),
    "adjustment proposed": _("Proposed the correction %(correction)s"),
    "adjustment approved": _("Approved the correction %(correction)s"),
    "adjustment rejected": _("Rejected the correction %(correction)s"),
    "adjustment withdrawn": _("Withdrew the proposed correction %(correction)s"),
    "limit rule proposed": _("Proposed %(rule)s"),
    "limit rule approved": _("Approved %(rule)s"),
    "limit rule rejected": _("Rejected %(rule)s"),
    "limit rule withdrawn": _("Withdrew the proposed %(rule)s"),
    "limit change proposed": _("Proposed %(rules)s"),
    "limit change approved": _("Approved %(rules)s"),
    "limit change rejected": _("Rejected %(rules)s"),
    "limit change withdrawn": _("Withdrew the proposed %(rules)s"),
    "limit change replayed": _("Worked out what a change of limits would have done"),
    "first limit rules loaded": _("Loaded the first limit rules, %(pack)s"),
    "processor added": _("Added processor %(system_id)s, %(name)s"),
    "processor changed": _("Changed processor %(system_id)s: %(fields)s"),
    "processor given a new password": _("Gave processor %(system_id)s a new password"),
    "processor disabled": _("Disabled processor %(system_id)s"),
    "processor winding down": _("Let processor %(system_id)s wind down"),
    "processor's old password ended": _("Ended the old password of processor %(system_id)s"),
    "processor change proposed": _("Proposed to %(processor)s"),
    "processor change approved": _("Approved: %(processor)s"),
    "processor change rejected": _("Rejected: %(processor)s"),
    "processor change withdrawn": _("Withdrew the proposal to %(processor)s"),
    "processor change alone": _("Decided as the one admin there is: %(processor)s"),
    "processor change confirmed": _("Confirmed what one admin decided: %(processor)s"),
    "processor change objected": _("Objected to what one admin decided: %(processor)s"),
    "staff change proposed": _("Proposed to %(staff)s"),
    "staff change approved": _("Approved: %(staff)s"),
    "staff change rejected": _("Rejected: %(staff)s"),
    "staff change withdrawn": _("Withdrew the proposal to %(staff)s"),
    "staff change alone": _("Decided as the one admin there is: %(staff)s"),
    "staff change confirmed": _("Confirmed what one admin decided: %(staff)s"),
    "staff change objected": _("Objected to what one admin decided: %(staff)s"),
    "user added": _("Added user %(username)s as %(role)s"),
    "user changed": _("Changed user %(username)s, now %(role)s: %(fields)s"),
    "clock accepted": _("Accepted the clock, which had jumped by %(seconds)s seconds"),
    "documents encrypted anew": _("Encrypted documents anew, by another key"),
    "rows taken as they were": _("Took the rows there were as they were"),
    "sealed": _("Made seal %(seal)s"),
    "ledger verified": _("Verified the ledger: %(verified)s"),
    "backup made": _("Made a backup; typed by %(operator)s"),
    "backup failed": _("Could not make a backup; typed by %(operator)s"),
    "made-up data begun": _("Began to write made-up customers"),
    "demo's clock turned": _("Turned the demo’s clock ahead"),
    "demo's next answers set": _("Set what becomes of the next answers to %(operation)s"),
    "demo's next answers cleared": _("Let the next answers be as they are"),
    "demo's people made": _("Made people to try with, known to %(system_id)s"),
    "demo's traffic begun": _("Let made-up traffic run, %(rate)s calls a second"),
    "demo's traffic stopped": _("Stopped the made-up traffic"),
    "demo put back to its start": _("Put the demo back to its start"),
    **ACCESS_DEEDS,
    **IMPORT_DEEDS,
    **RECONCILIATION_DEEDS,
    **EXPORT_DEEDS,
}

# What an action is called where one is chosen of all, by what it is about.
ACTION_GROUPS: Mapping[object, Mapping[str, object]] = {
    _("Customers"): {
        "customer added": _("Customer added"),
        "customer known already": _("Customer known already"),
        "customer updated": _("Customer updated"),
        "customer blocked": _("Customer blocked"),
        "unblocking proposed": _("Unblocking proposed"),
        "unblocking approved": _("Unblocking approved"),
        "unblocking rejected": _("Unblocking rejected"),
        "unblocking withdrawn": _("Unblocking withdrawn"),
        "KYC change proposed": _("KYC change proposed"),
        "KYC change approved": _("KYC change approved"),
        "KYC change rejected": _("KYC change rejected"),
        "KYC change withdrawn": _("KYC change withdrawn"),
        "duplicate review decided": _("Review decided"),
        "merge proposed": _("Merge proposed"),
        "merge approved": _("Merge approved"),
        "merge rejected": _("Merge rejected"),
        "merge withdrawn": _("Merge withdrawn"),
        "customer merged": _("Customer merged"),
        "customer un-merged": _("Customer un-merged"),
        "changed by a merge": _("Changed by a merge"),
        "number passed on proposed": _("Number passed on: proposed"),
        "number passed on approved": _("Number passed on: approved"),
        "number passed on rejected": _("Number passed on: rejected"),
        "number passed on withdrawn": _("Number passed on: withdrawn"),
        "note added": _("Note added"),
        "personal data revealed": _("Personal data revealed"),
        "statement exported": _("Statement exported"),
    },
    _("Money"): {
        "flagged posting noted": _("Flagged posting: note added"),
        "flagged posting closed": _("Flagged posting: closed"),
        "report refused": _("Report refused"),
        "refused report noted": _("Refused report: note added"),
        "refused report closed": _("Refused report: closed"),
        "adjustment proposed": _("Correction proposed"),
        "adjustment approved": _("Correction approved"),
        "adjustment rejected": _("Correction rejected"),
        "adjustment withdrawn": _("Correction withdrawn"),
        **RECONCILIATION_NAMES,
    },
    _("Limits"): {
        "limit rule proposed": _("Limit proposed"),
        "limit rule approved": _("Limit approved"),
        "limit rule rejected": _("Limit rejected"),
        "limit rule withdrawn": _("Limit withdrawn"),
        "limit change proposed": _("Change of limits proposed"),
        "limit change approved": _("Change of limits approved"),
        "limit change rejected": _("Change of limits rejected"),
        "limit change withdrawn": _("Change of limits withdrawn"),
        "limit change replayed": _("Effect of limits worked out"),
        "first limit rules loaded": _("First limits loaded"),
    },
    _("Processors"): {
        "processor added": _("Processor added"),
        "processor changed": _("Processor changed"),
        "processor given a new password": _("Processor’s password made"),
        "processor disabled": _("Processor disabled"),
        "processor winding down": _("Processor winding down"),
        "processor's old password ended": _("Processor’s old password ended"),
        "processor change proposed": _("Processor change proposed"),
        "processor change approved": _("Processor change approved"),
        "processor change rejected": _("Processor change rejected"),
        "processor change withdrawn": _("Processor change withdrawn"),
        "processor change alone": _("Processor change by one admin"),
        "processor change confirmed": _("Processor change confirmed"),
        "processor change objected": _("Processor change objected to"),
    },
    _("Staff"): {
        "staff change proposed": _("Staff change proposed"),
        "staff change approved": _("Staff change approved"),
        "staff change rejected": _("Staff change rejected"),
        "staff change withdrawn": _("Staff change withdrawn"),
        "staff change alone": _("Staff change by one admin"),
        "staff change confirmed": _("Staff change confirmed"),
        "staff change objected": _("Staff change objected to"),
        "user added": _("User added"),
        "user changed": _("User changed"),
    },
    _("Access"): ACCESS_NAMES,
    _("Imports"): IMPORT_NAMES,
    _("System"): {
        "sealed": _("Seal made"),
        "ledger verified": _("Ledger verified"),
        "backup made": _("Backup made"),
        "backup failed": _("Backup failed"),
        "notice closed": _("Notice closed"),
        **EXPORT_NAMES,
        "clock accepted": _("Clock accepted"),
        "documents encrypted anew": _("Documents encrypted anew"),
        "rows taken as they were": _("Older rows taken as they were"),
        "made-up data begun": _("Made-up customers begun"),
        "demo's clock turned": _("Demo’s clock turned"),
        "demo's next answers set": _("Demo’s next answers set"),
        "demo's next answers cleared": _("Demo’s next answers cleared"),
        "demo's people made": _("Demo’s people made"),
        "demo's traffic begun": _("Demo’s traffic begun"),
        "demo's traffic stopped": _("Demo’s traffic stopped"),
        "demo put back to its start": _("Demo put back to its start"),
    },
}
ACTION_NAMES = {action: name for group in ACTION_GROUPS.values() for action, name in group.items()}

# What a change of the staff does, by its kind.
STAFF_CHANGES: Mapping[str, object] = {
    "ADD": _("add %(username)s as %(after)s"),
    "ROLE": _("change the role of %(username)s from %(before)s to %(after)s"),
    "RESET": _("reset the password of %(username)s"),
    "FACTOR": _("reset the second factor of %(username)s"),
    "DEACTIVATE": _("deactivate %(username)s"),
    "ACTIVATE": _("activate %(username)s"),
}
# What a change of a processor does, by its kind.
PROCESSOR_CHANGES: Mapping[str, object] = {
    "ADD": _("add processor %(system_id)s"),
    "REKEY": _("give processor %(system_id)s a new password"),
    "EDIT": _("change processor %(system_id)s: %(fields)s"),
    "ENABLE": _("enable processor %(system_id)s"),
}


def describe_deed(action: str, detail: str) -> str:
    """Say what an entry of the audit tells, by its action and detail; an action that has no words,
    or whose detail lacks what they name, as it is written.
    """
    try:
        return str(DEEDS[action]) % Named(json.loads(detail))
    except (KeyError, ValueError):
        return capfirst(gettext(action))


def name_fields(detail: Detail) -> list[str]:
    """Name what a change has changed: "mobile", "email"."""
    changes = detail.get("changes", ())
    if isinstance(changes, list):  # as the admin's forms tell it
        changes = [
            name
            for each in changes
            if isinstance(each, dict)
            for name in each.get("changed", {}).get("fields", ())
        ]
    return list(dict.fromkeys(map(labels.name_field, changes)))  # an address has two lines


class Named:
    """A detail, by whose names a sentence finds what it says. KeyError: it isn't there."""

    def __init__(self, detail: Detail) -> None:
        self.detail = detail

    def __getitem__(self, name: str) -> object:
        return DETAIL_WRITERS[name](self.detail) if name in DETAIL_WRITERS else self.detail[name]


def _say_fields(detail: Detail) -> str:
    return get_text_list(name_fields(detail), gettext("and")) or gettext("nothing")


def say_rule(detail: Detail) -> str:
    """Say "New Min, spend, month: ₹10,000 → ₹11,000 from 1 Dec 2026"."""
    return say_rules([detail])


def say_rules(details: Sequence[Detail]) -> str:
    """Say some rules, those that differ by their KYC alone together; many by their number."""
    tiers: dict[str, list[str]] = {}
    for detail in details:
        tiers.setdefault(_say_change(detail), []).append(labels.name_tier(detail["tier"]))
    if len(tiers) > MOST_RULES_SAID:
        return ngettext("%(n)s limit", "%(n)s limits", len(details)) % {"n": len(details)}
    return "; ".join(f"{get_text_list(own, gettext('and'))}, {said}" for said, own in tiers.items())


def _say_change(detail: Detail) -> str:
    window, start = detail["window"], detail["in_force_from"]
    amounts = [detail[name] for name in ("before", "amount") if name in detail]
    place = [
        labels.lower_first(str(Direction(detail["direction"]).label)),
        labels.lower_first(str(Window(window).label)).removeprefix("calendar "),
    ]
    return gettext("%(place)s: %(amounts)s from %(start)s") % {
        "place": ", ".join(place),
        "amounts": " → ".join(_write_limit(amount, window) for amount in amounts),
        "start": ist_start(datetime.fromisoformat(start)) if start else gettext("its approval"),
    }


def _write_limit(amount: int | None, window: str) -> str:
    return labels.lower_first(write_limit(amount, window)).removesuffix(".00")


def _say_correction(detail: Detail) -> str:
    """Say "+₹250, spend, Nov 2026"."""
    paise = detail["amount_paise"]
    way = labels.lower_first(str(Direction(detail["direction"]).label))
    sign = "+" if paise > 0 else ""
    return f"{sign}{_write_inr(paise)}, {way}, {write_month(detail['month'])}"


def _say_merging(detail: Detail) -> str:
    """Say "merge 482915307264158", or "un-merge" it."""
    said = _("merge %(merged)s") if detail["kind"] == Merge.Kind.MERGE else _("un-merge %(merged)s")
    return str(said) % {"merged": detail["merged"]}


def _say_verified(detail: Detail) -> str:
    """Say "2,439 rows, nothing found"."""
    rows, findings = write_count(detail["rows"]), detail["findings"]
    found = gettext("%(rows)s rows, nothing found")
    if findings:
        found = ngettext("%(rows)s rows, %(n)s finding", "%(rows)s rows, %(n)s findings", findings)
    return found % {"rows": rows, "n": findings}


def _say_frame(detail: Detail) -> str:
    """Say which days an export is of; `until` is the midnight that ends the last of them."""
    since, until = (detail[name] and datetime.fromisoformat(detail[name]) for name in OF_A_FRAME)
    days = {
        "since": ist_date(since) if since else "…",
        "until": ist_date(until - timedelta(seconds=1)) if until else "…",
    }
    return gettext("%(since)s to %(until)s") % days if since or until else gettext("of all time")


def _say_asked(detail: Detail) -> str:
    """Say by which filters: ", outcome declined, processor ENT"."""
    asked = detail["asked"].items()
    said = [f", {name} {value}" for name, value in asked if name not in {"when", *OF_A_FRAME}]
    return "".join(said)


def say_staff_change(kind: str, username: str, before: str = "", after: str = "") -> str:
    """Say "change the role of asha from viewer to maker"."""
    return str(STAFF_CHANGES[kind]) % {"username": username, "before": before, "after": after}


def _say_staff_change(detail: Detail) -> str:
    roles = [detail[when].get("role", "") for when in ("before", "after")]
    return say_staff_change(detail["kind"], detail["username"], *roles)


def _say_processor_change(detail: Detail) -> str:
    """Say "change processor ENT: name"."""
    before, after = detail["before"], detail["after"]
    fields = [labels.name_field(name) for name in after if before.get(name) != after[name]]
    said = {"system_id": detail["system_id"], "fields": get_text_list(fields, gettext("and"))}
    return str(PROCESSOR_CHANGES[detail["kind"]]) % said


def _write_inr(paise: int) -> str:
    return inr(paise).removesuffix(".00")


DETAIL_WRITERS: Mapping[str, Callable[[Detail], object]] = {
    "fields": _say_fields,
    "rule": say_rule,
    "processor": _say_processor_change,
    "rules": lambda detail: say_rules(detail["rules"]),
    "correction": _say_correction,
    "merging": _say_merging,
    "frame": _say_frame,
    "asked": _say_asked,
    "verified": _say_verified,
    "amount": lambda detail: _write_inr(detail["amount_paise"]),
    "kyc": lambda detail: " → ".join(labels.name_tier(code) for code in detail["kyc_flag"]),
    "month": lambda detail: write_month(detail["month"]),
    "outcome": lambda detail: DuplicateReview.Outcome(detail["outcome"]).label,
    "posting": lambda detail: PostingFinding.Finding(detail["finding"]).label,
    "report": lambda detail: ReportFinding.Finding(detail["finding"]).label,
    "staff": _say_staff_change,
    "ring": lambda detail: name_ring(detail["purpose"]),
    "notice_kind": lambda detail: labels.lower_first(str(Notice.Kind(detail["kind"]).label)),
    "role": lambda detail: ", ".join(detail["groups"]) or gettext("nobody yet"),
}
