"""All that is kept of one thing that happened: masked, and with its raw codes."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from django.urls import reverse
from django.utils.translation import gettext as _

from customers.choices import Tier, mask
from customers.models import KycChange
from limits.models import LedgerEntry, LimitCheck, RefusedReport, Window, write_limit
from limits.services.findings import find_closing
from limits.services.refused_reports import list_reports
from ppims.backoffice import labels
from ppims.backoffice.audit_text import name_fields
from ppims.backoffice.decision_text import explain_decision
from ppims.backoffice.transaction_rows import SOURCE_SLUGS
from ppims.core.formats import inr, ist, write_month
from ppims.models import AuditEntry, User
from ppims.reports.transactions import Kind, Row, Source


@dataclass(frozen=True)
class Fact:
    """One line of a detail. A code is written as it is kept; `address` is where there is more."""

    label: str
    value: str
    is_code: bool = False
    address: str = ""


Facts = Iterator[Fact]


def list_facts(row: Row, user: User) -> list[Fact]:
    """Tell what is kept of a row: to whom may read the audit, of that too."""
    return [fact for fact in FACT_LISTERS[row.source](row, user) if fact.value]


def write_transaction_address(source: Source, row_id: int) -> str:
    return reverse("transaction", args=[SOURCE_SLUGS[source], row_id])


def describe_flags(entry: LedgerEntry) -> list[str]:
    """Say in words what was unusual about an entry: one sentence for each flag."""
    checked = entry.limit_check.amount_paise if entry.limit_check else None
    amounts = {
        "amount": inr(entry.amount_paise),
        "checked": inr(checked, ""),
        "used": inr(entry.used_after_paise, ""),
        "held": inr(entry.held_after_paise, ""),
        "limit": inr(entry.limit_paise, ""),
    }
    return [str(labels.FLAG_TEXTS[LedgerEntry.Flag(flag)]) % amounts for flag in entry.flag_list]


def list_facts_of_report(report: RefusedReport) -> list[Fact]:
    """Tell what is kept of a refused report."""
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
    yield Fact(_("Why"), " ".join([outcome, *explain_decision(check)]))
    yield Fact(
        _("Rule"), f"{check.rule.get_window_display()}, {check.rule.source}" if check.rule else ""
    )
    yield Fact(_("Not judged"), _describe_not_judged(check.unjudged))
    yield Fact(_("KYC then"), str(Tier(check.tier).label))
    yield Fact(_("On hold until"), ist(check.hold_until) if check.hold_until else "")
    yield Fact(_("Balance told"), inr(check.balance_paise, ""))
    yield Fact(_("Account"), mask(check.account_number, shown=4))
    yield Fact(_("Card"), f"••••{check.card_last_four}" if check.card_last_four else "")
    answers = LedgerEntry.objects.filter(customer_id=check.customer_id, limit_check=check)
    for entry in answers.order_by("number"):
        yield _link_to_entry(_("Then"), entry)
    yield from _list_codes(row, reason=check.reason, sent=check.unique_id_sent, number=check.number)


def _list_entry_facts(row: Row, _user: User) -> Facts:
    entry = LedgerEntry.objects.select_related("limit_check", "adjustment").get(pk=row.id)
    for sentence in describe_flags(entry):
        yield Fact(_("Flagged"), sentence)
    if entry.flags:
        closing = find_closing(entry)
        found = str(closing) if closing else _("Waits for staff")
        yield Fact(_("Finding"), found, address=reverse("flagged-posting", args=[entry.pk]))
    yield Fact(_("Counts in"), write_month(entry.month))
    yield Fact(_("Used after it"), inr(entry.used_after_paise, ""))
    yield Fact(_("On hold after it"), inr(entry.held_after_paise, ""))
    yield Fact(_("Limit"), write_limit(entry.limit_paise))
    yield Fact(_("KYC then"), str(Tier(entry.tier).label))
    if entry.limit_check:
        yield Fact(
            _("Its check"),
            f"{ist(entry.limit_check.at)}, {inr(entry.limit_check.amount_paise)}",
            address=write_transaction_address(Source.CHECK, entry.limit_check.pk),
        )
    if entry.adjustment:
        yield Fact(_("Reason"), entry.adjustment.reason)
    of_customer = LedgerEntry.objects.filter(customer_id=entry.customer_id)
    if entry.reverses_id:
        yield _link_to_entry(_("Reverses"), of_customer.get(pk=entry.reverses_id))
    for reversal in of_customer.filter(reverses=entry).order_by("number"):
        yield _link_to_entry(_("Reversed by"), reversal)
    for report in list_reports(entry):
        said = f"{ist(report.at)}, {inr(report.amount_paise)}"
        address = reverse("refused-report", args=[report.pk])
        yield Fact(_("Refused for its Tran_Id"), said, address=address)
    yield Fact("Tran_Id", entry.tran_id, is_code=True)
    yield Fact("Enquiry_Ref_Id", entry.enquiry_ref_id, is_code=True)
    yield Fact("Flags", entry.flags, is_code=True)
    yield from _list_codes(row, sent=entry.unique_id_sent, number=entry.number)


def _list_kyc_facts(row: Row, _user: User) -> Facts:
    change = KycChange.objects.get(pk=row.id)
    tiers = [str(Tier(code).label) for code in (change.from_tier, change.to_tier)]
    yield Fact(_("KYC"), " → ".join(tiers))
    yield Fact(_("Updated on"), ist(change.updated_on))
    yield Fact("KYC_Updated_Channel", change.channel, is_code=True)
    yield from _list_codes(row)


def _list_audit_facts(row: Row, user: User) -> Facts:
    entry = AuditEntry.objects.get(pk=row.id)
    detail = json.loads(entry.detail)
    if entry.action == Kind.REFUSED:
        address = reverse("refused-report", args=[detail["report"]])
        yield Fact(_("Amount"), inr(detail["amount_paise"], ""), address=address)
    yield Fact(_("Changed"), ", ".join(name_fields(detail)))
    if user.has_perm("ppims.view_auditentry"):
        yield Fact(_("Reason"), str(detail.get("reason", "")))
        yield Fact(_("Reason of the decision"), str(detail.get("decision_note", "")))
    yield Fact("Action", entry.action, is_code=True)
    yield Fact("Ref_Id", str(detail.get("ref_id", "")), is_code=True)
    yield from _list_codes(row, number=entry.number)


def _list_codes(row: Row, *, reason: str = "", sent: int | None = None, number: int = 0) -> Facts:
    """Give the raw codes that most rows have; the Unique_Id as sent where that is another one."""
    yield Fact("Reason", reason, is_code=True)
    yield Fact("Ref_Id", row.ref_id, is_code=True)
    yield Fact("Unique_Id", str(row.customer_id or ""), is_code=True)
    is_other = sent not in {None, row.customer_id}
    yield Fact(_("Unique_Id as sent"), str(sent) if is_other else "", is_code=True)
    yield Fact(_("Number in its chain"), str(number or ""), is_code=True)


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
