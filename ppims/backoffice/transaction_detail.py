"""All that is kept of one thing that happened: masked, and with its raw codes."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from urllib.parse import urlencode

from django.conf import settings
from django.urls import reverse
from django.utils.translation import gettext as _

from customers import survivors
from customers.choices import Tier
from customers.models import KycChange
from limits.models import LedgerEntry, LimitCheck, RefusedReport, Window, write_limit
from limits.queries import sum_given_back
from limits.services import adjustments
from limits.services.findings import find_closing, find_owner
from limits.services.openings import find_approved_import
from limits.services.refused_reports import list_reports
from ppims.backoffice import labels
from ppims.backoffice.audit_text import name_fields
from ppims.backoffice.decision_text import explain_decision
from ppims.backoffice.transaction_rows import SOURCE_SLUGS
from ppims.core.formats import inr, ist, mask, write_month
from ppims.models import AuditEntry, User
from ppims.reports.records import Kind, Row, Source


@dataclass(frozen=True)
class Fact:
    """One line of a detail. A code is written as it is kept; `address` is where there is more."""

    label: str
    value: str
    is_code: bool = False
    address: str = ""


Facts = list[Fact]


def list_facts(row: Row, user: User) -> Facts:
    """List what is kept of a row: to whom may read the audit, of that too, and to whom may look at
    calls, where its own is found.
    """
    facts = [fact for fact in FACT_LISTERS[row.source](row, user) if fact.value]
    is_called = row.processor_id is not None and bool(row.ref_id)
    if settings.PPIMS_KEEPS_BODIES and is_called and user.has_perm("ppims.view_keptcall"):
        address = f"{reverse('calls')}?{urlencode({'number': row.ref_id})}"
        facts.append(Fact(_("Call"), _("Request and answer"), address=address))
    return facts


def write_transaction_address(source: Source, row_id: int) -> str:
    return reverse("transaction", args=[SOURCE_SLUGS[source], row_id])


def write_correction_address(entry: LedgerEntry, *, is_closing: bool = False) -> str:
    """Write where an entry is corrected: of a posting, what is left of it; else its month. There it
    is closed, too, as a mistake that is put right.
    """
    asked: dict[str, object] = {"month": entry.month, "direction": entry.direction}
    if entry.kind == LedgerEntry.Kind.POST:
        asked = {"posting": entry.pk}
    if is_closing:
        asked["close"] = entry.pk
    return f"{reverse('customer-correct', args=[find_owner(entry)])}?{urlencode(asked)}"


def describe_flags(entry: LedgerEntry) -> list[str]:
    """Say in words what was unusual about an entry: one sentence for each flag."""
    checked = entry.limit_check.amount_paise if entry.limit_check else None
    words = {
        "amount": inr(entry.amount_paise),
        "checked": inr(checked, ""),
        "used": inr(entry.used_after_paise, ""),
        "held": inr(entry.held_after_paise, ""),
        "limit": inr(entry.limit_paise, ""),
        "type": labels.lower_first(entry.get_direction_display()),
    }
    return [str(labels.FLAG_TEXTS[LedgerEntry.Flag(flag)]) % words for flag in entry.flag_list]


def list_facts_of_report(report: RefusedReport) -> Facts:
    sent = report.unique_id_sent
    facts = (
        Fact(_("Balance told"), inr(report.balance_paise, "")),
        Fact("Ref_Id", report.ref_id, is_code=True),
        Fact("Tran_Id", report.tran_id, is_code=True),
        Fact("Enquiry_Ref_Id", report.enquiry_ref_id, is_code=True),
        Fact("Unique_Id", str(report.customer_id), is_code=True),
        Fact(_("Unique_Id as sent"), str(sent) if sent != report.customer_id else "", is_code=True),
    )
    return [fact for fact in facts if fact.value]


# What a row of each source keeps.


def _list_check_facts(row: Row, _user: User) -> Facts:
    check = LimitCheck.objects.select_related("rule").get(pk=row.id)
    outcome = f"{labels.name_outcome(check.is_allowed, check.reason)}."
    rule = f"{check.rule.get_window_display()}, {check.rule.source}" if check.rule else ""
    kin = survivors.list_kin(check.customer_id)
    answers = LedgerEntry.objects.filter(customer_id__in=kin, limit_check=check)
    return [
        Fact(_("Why"), " ".join([outcome, *explain_decision(check)])),
        Fact(_("Rule"), rule),
        Fact(_("Not judged"), _describe_not_judged(check.unjudged)),
        Fact(_("KYC then"), str(Tier(check.tier).label)),
        Fact(_("On hold until"), ist(check.hold_until) if check.hold_until else ""),
        Fact(_("Balance told"), inr(check.balance_paise, "")),
        Fact(_("Account"), mask(check.account_number, shown=4)),
        Fact(_("Card"), f"••••{check.card_last_four}" if check.card_last_four else ""),
        *(_link_to_entry(_("Then"), entry) for entry in answers.order_by("number")),
        *_list_codes(row, reason=check.reason, sent=check.unique_id_sent, number=check.number),
    ]


def _list_entry_facts(row: Row, _user: User) -> Facts:
    entry = LedgerEntry.objects.prefetch_related("limit_check", "adjustment").get(pk=row.id)
    return [
        *(Fact(_("Flagged"), sentence) for sentence in describe_flags(entry)),
        *_list_findings(entry),
        Fact(_("Counts in"), write_month(entry.month)),
        *_describe_left(entry),
        Fact(_("Used after it"), inr(entry.used_after_paise, "")),
        Fact(_("On hold after it"), inr(entry.held_after_paise, "")),
        Fact(_("Limit"), write_limit(entry.limit_paise)),
        Fact(_("KYC then"), str(Tier(entry.tier).label)),
        *_link_to_what_belongs(entry),
        Fact("Tran_Id", entry.tran_id, is_code=True),
        Fact("Enquiry_Ref_Id", entry.enquiry_ref_id, is_code=True),
        Fact("Flags", entry.flags, is_code=True),
        *_list_codes(row, sent=entry.unique_id_sent, number=entry.number),
    ]


def _list_findings(entry: LedgerEntry) -> Facts:
    if not entry.flags:
        return []
    found = str(find_closing(entry) or _("Waits for staff"))
    return [Fact(_("Finding"), found, address=reverse("flagged-posting", args=[entry.pk]))]


def _describe_left(entry: LedgerEntry) -> Facts:
    """Say what is left of a posting of which something was given back."""
    is_posting = entry.kind == LedgerEntry.Kind.POST
    given_back = sum_given_back([entry]).get(entry.pk, 0) if is_posting else 0
    left = inr(entry.amount_paise - given_back)
    return [Fact(_("Left of it"), left)] if given_back else []


def _link_to_what_belongs(entry: LedgerEntry) -> Iterator[Fact]:
    """Link an entry to its check or reason, what it gives back of or what gave back of it, the
    corrections of it that wait, and the reports that were refused for it.
    """
    check = entry.limit_check
    if check:
        said = f"{ist(check.at)}, {inr(check.amount_paise)}"
        address = write_transaction_address(Source.CHECK, check.pk)
        yield Fact(_("Its check"), said, address=address)
    if entry.adjustment:
        yield Fact(_("Reason"), entry.adjustment.reason)
    if entry.kind == LedgerEntry.Kind.OPENING:
        yield from _describe_import(entry.ref_id)
    kin = survivors.list_kin(entry.customer_id)
    of_customer = LedgerEntry.objects.filter(customer_id__in=kin)
    if entry.reverses_id:
        label = _("Corrects") if entry.adjustment_id else _("Reverses")
        yield _link_to_entry(label, of_customer.get(pk=entry.reverses_id))
    for undoing in of_customer.filter(reverses=entry).order_by("number"):
        is_corrected = undoing.kind == LedgerEntry.Kind.ADJUST
        yield _link_to_entry(_("Corrected by") if is_corrected else _("Reversed by"), undoing)
    is_posting = entry.kind == LedgerEntry.Kind.POST
    for correction in adjustments.list_waiting_for(entry) if is_posting else ():
        address = reverse("approval", args=["adjustment", correction.pk])
        yield Fact(_("Correction waits"), inr(correction.amount_paise), address=address)
    for report in list_reports(entry):
        said = f"{ist(report.at)}, {inr(report.amount_paise)}"
        address = reverse("refused-report", args=[report.pk])
        yield Fact(_("Refused for its Tran_Id"), said, address=address)


def _describe_import(name: str) -> Iterator[Fact]:
    """Say which import brought what an entry opens with, who made it, and why."""
    brought = find_approved_import(name)
    if brought and brought.maker and brought.checker:
        people = {"maker": brought.maker.username, "checker": brought.checker.username}
        said = _("%(maker)s proposed it, %(checker)s approved it") % people
        yield Fact(_("Brought by"), f"{brought.file.processor}, {name}: {said}")
        yield Fact(_("Reason"), brought.reason)


def _list_kyc_facts(row: Row, _user: User) -> Facts:
    change = KycChange.objects.get(pk=row.id)
    tiers = [str(Tier(code).label) for code in (change.from_tier, change.to_tier)]
    return [
        Fact(_("KYC"), " → ".join(tiers)),
        Fact(_("Updated on"), ist(change.updated_on)),
        Fact("KYC_Updated_Channel", change.channel, is_code=True),
        *_list_codes(row),
    ]


def _list_audit_facts(row: Row, user: User) -> Facts:
    entry = AuditEntry.objects.get(pk=row.id)
    detail = json.loads(entry.detail)
    facts = [
        Fact(_("Changed"), ", ".join(name_fields(detail))),
        Fact("Action", entry.action, is_code=True),
        Fact("Ref_Id", str(detail.get("ref_id", "")), is_code=True),
        *_list_codes(row, number=entry.number),
    ]
    if user.has_perm("ppims.view_auditentry"):
        facts[1:1] = [
            Fact(_("Reason"), str(detail.get("reason", ""))),
            Fact(_("Reason of the decision"), str(detail.get("decision_note", ""))),
        ]
    if entry.action == Kind.REFUSED:
        address = reverse("refused-report", args=[detail["report"]])
        facts.insert(0, Fact(_("Amount"), inr(detail["amount_paise"], ""), address=address))
    return facts


def _list_codes(row: Row, *, reason: str = "", sent: int | None = None, number: int = 0) -> Facts:
    """List the raw codes that most rows have; the Unique_Id as sent where that is another one."""
    other = str(sent) if sent not in {None, row.customer_id} else ""
    return [
        Fact("Reason", reason, is_code=True),
        # What staff made names a merge or an import there.
        Fact("Ref_Id" if row.processor_id else _("By"), row.ref_id, is_code=True),
        Fact("Unique_Id", str(row.customer_id or ""), is_code=True),
        Fact(_("Unique_Id as sent"), other, is_code=True),
        Fact(_("Number in its chain"), str(number or ""), is_code=True),
    ]


def _link_to_entry(label: str, entry: LedgerEntry) -> Fact:
    said = f"{entry.get_kind_display()}, {ist(entry.at)}, {inr(entry.amount_paise)}"
    return Fact(label, said, address=write_transaction_address(Source.ENTRY, entry.pk))


def _describe_not_judged(windows: str) -> str:
    return ", ".join(str(Window(window).label) for window in windows.split(",") if window)


FACT_LISTERS: dict[Source, Callable[[Row, User], Facts]] = {
    Source.CHECK: _list_check_facts,
    Source.ENTRY: _list_entry_facts,
    Source.KYC_CHANGE: _list_kyc_facts,
    Source.AUDIT: _list_audit_facts,
}
