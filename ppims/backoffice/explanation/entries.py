"""An entry in words: what was reported or made by two people, where it counts, and each flag."""

from collections.abc import Iterator, Mapping

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from customers import survivors
from customers.models import CustomerImport, Merge
from limits.explain.results import Explained, NamedCheck, WhyNot
from limits.known import Entry
from limits.models import Adjustment, Direction, LedgerEntry
from limits.posting import ADJUST_KIND, MOVE_KIND, OPENING_KIND, POST_KIND, RELEASE_KIND
from limits.services.openings import find_approved_import
from ppims.backoffice.explanation.checks import (
    list_ids,
    make_model,
    write_tier,
    write_told,
    write_unsure,
)
from ppims.backoffice.explanation.sections import Section
from ppims.backoffice.transaction_detail import Fact, describe_flags, write_transaction_address
from ppims.core.formats import inr, write_ist_second, write_month
from ppims.reports.records import Source

WHY_NOT_TEXTS = {
    WhyNot.UNKNOWN: gettext_lazy("No check of this processor had that Ref_Id then."),
    WhyNot.ANOTHERS: gettext_lazy("The check of that Ref_Id is another customer’s."),
    WhyNot.OTHER_DIRECTION: gettext_lazy("The check of that Ref_Id is for the other type."),
    WhyNot.SETTLED: gettext_lazy("That check had been answered by an earlier posting."),
}


def describe_asked(explained: Explained, processors: Mapping[int, str]) -> Section:
    """Say what was reported, or what two people have made."""
    row = explained.row
    assert isinstance(row, Entry)
    sender = processors.get(row.processor_id or 0, "")
    facts = [
        Fact(_("Reported by"), sender),
        Fact(_("At"), write_ist_second(row.at)),
        Fact(_("Type"), str(Direction(row.direction).label)),
        Fact(_("Amount"), inr(row.amount_paise)),
        Fact(_("Balance told"), inr(row.balance_paise, "")),
        Fact(_("KYC then"), write_tier(explained)),
        *_list_facts_of_two(row),
        Fact("Ref_Id", row.ref_id if sender else "", is_code=True),
        Fact("Tran_Id", row.tran_id, is_code=True),
        Fact("Enquiry_Ref_Id", row.enquiry_ref_id, is_code=True),
        *_list_ids(row),
    ]
    notes = [] if explained.state.is_sure else [write_unsure()]
    title = _("What was reported") if sender else _("What two people made")
    return Section(title, facts=[fact for fact in facts if fact.value], notes=notes)


def _list_ids(row: Entry) -> list[Fact]:
    """List whose it is; of a merge also who the other one is, whom its entries name."""
    if row.kind != MOVE_KIND:
        return list_ids(row.customer_id, row.unique_id_sent)
    other = Fact(_("The other one’s Unique_Id"), str(row.unique_id_sent), is_code=True)
    return [*list_ids(row.customer_id, row.customer_id), other]


def _list_facts_of_two(row: Entry) -> Iterator[Fact]:
    proposal = _find_proposal(row)
    yield Fact(_("By"), row.ref_id if row.kind in (MOVE_KIND, OPENING_KIND) else "", is_code=True)
    if proposal is None:
        return
    yield Fact(_("Proposed by"), proposal.maker.get_username() if proposal.maker else "")
    yield Fact(_("Approved by"), proposal.checker.get_username() if proposal.checker else "")
    yield Fact(_("Reason"), proposal.reason)
    if isinstance(proposal, CustomerImport):
        yield Fact(_("Brought by"), str(proposal.file.processor))


def _find_proposal(row: Entry) -> Adjustment | Merge | CustomerImport | None:
    if row.kind == OPENING_KIND:
        return find_approved_import(row.ref_id)
    kin = survivors.list_kin(row.customer_id)
    if row.kind == ADJUST_KIND and row.adjustment_id is not None:
        return Adjustment.objects.filter(customer_id__in=kin, pk=row.adjustment_id).first()
    if row.kind != MOVE_KIND:
        return None
    merges = Merge.objects.filter(customer_id__in=kin)
    return next((each for each in merges if f"{each.kind}-{each.pk}" == row.ref_id), None)


def describe_decision(explained: Explained) -> Section:
    """Say where it counts and what it answers, and justify each flag."""
    row = explained.row
    assert isinstance(row, Entry)
    sentences = [*KIND_WRITERS.get(row.kind, _write_posting)(explained, row)]
    flags = [*_list_flags(explained, row)]
    told = [write_told(row)] if row.processor_id is not None else []
    notes = [] if flags or row.kind != POST_KIND else [_("Nothing about it was unusual: no flag.")]
    facts = [*flags, *_list_links(explained, row), *told]
    return Section(_("Where it counts, and why"), sentences, facts, notes=notes)


def _list_flags(explained: Explained, row: Entry) -> Iterator[Fact]:
    """Justify each flag; and say which ones do not come about anew, or would."""
    recorded = [flag for flag, is_recorded, _anew in explained.flags if is_recorded]
    why = dict(zip(recorded, describe_flags(_make_model(explained, row)), strict=True))
    for flag, is_recorded, is_anew in explained.flags:
        said = why.get(flag, "")
        if not is_anew:
            said = _("%(why)s Worked out anew, it is not so.") % {"why": said}
        if not is_recorded:
            said = _("It is not flagged so; worked out anew, it would be.")
        label = _("Flagged: %(flag)s") % {"flag": LedgerEntry.Flag(flag).label}
        yield Fact(label, said)


def _make_model(explained: Explained, row: Entry) -> LedgerEntry:
    """Make a model of the row with the check that it answers, for whoever writes of its flags."""
    entry = LedgerEntry.from_db("default", [*row._fields], row)
    check = explained.named.check if explained.named else None
    is_own = check is not None and row.limit_check_id == check.id
    entry.limit_check = make_model(check) if check and is_own else None
    return entry


def _list_links(explained: Explained, row: Entry) -> Iterator[Fact]:
    named, back = explained.named, explained.given_back
    if named and named.check and row.limit_check_id == named.check.id:
        said = f"{write_ist_second(named.check.at)}, {inr(named.check.amount_paise)}"
        yield Fact(_("Its check"), said, address=_explain(Source.CHECK, named.check.id))
    if named and named.settled_by:
        said = write_ist_second(named.settled_by.at)
        yield Fact(_("Answered before"), said, address=_explain(Source.ENTRY, named.settled_by.id))
    if named and named.released_by:
        said = write_ist_second(named.released_by.at)
        yield Fact(_("Released before"), said, address=_explain(Source.ENTRY, named.released_by.id))
    if back:
        said = f"{write_ist_second(back.posting.at)}, {inr(back.posting.amount_paise)}"
        yield Fact(_("Gives back of"), said, address=_explain(Source.ENTRY, back.posting.id))


def _explain(source: Source, row_id: int) -> str:
    return write_transaction_address(source, row_id)


# Where it counts.


def _write_posting(explained: Explained, row: Entry) -> Iterator[str]:
    month = write_month(row.month)
    yield _("%(amount)s was posted, and counts in %(month)s.") % {
        "amount": inr(row.amount_paise),
        "month": month,
    }
    named = explained.named
    if named is None:
        yield _("It named no check, so it counts in the month in which it arrived.")
    elif named.why_not:
        yield str(WHY_NOT_TEXTS[named.why_not])
        yield _("So it counts in the month in which it arrived.")
    else:
        yield from _write_of_check(named, row)


def _write_of_check(named: NamedCheck, row: Entry) -> Iterator[str]:
    check = named.check
    assert check
    if not check.is_allowed:
        yield _("Its check had been declined, so it counts in the month in which it arrived.")
        return
    if named.is_held:
        yield _("It answers its check, whose hold was open until %(until)s, and was closed.") % {
            "until": write_ist_second(check.hold_until)
        }
    elif named.released_by:
        yield _("Its check’s hold had been released.")
    else:
        yield _("Its check’s hold had ended at %(until)s.") % {
            "until": write_ist_second(check.hold_until)
        }
    if row.arrival_month == check.month:
        yield _("It came in the month of its check, and counts in it.")
    elif row.month == check.month:
        yield _("It came within 30 days of its check, so it counts in the month of the check.")
    else:
        yield _("It came more than 30 days after its check: it counts in the month of arrival.")


def _write_release(explained: Explained, row: Entry) -> Iterator[str]:
    yield _("The transaction failed: nothing was posted, and what is used didn’t change.")
    named = explained.named
    if named is None:
        yield _("It named no check.")
    elif named.why_not:
        yield str(WHY_NOT_TEXTS[named.why_not])
    elif named.is_held:
        yield _("All that its check held was given back.")
    else:
        yield _("Its check held nothing any more.")


def _write_giving_back(explained: Explained, row: Entry) -> Iterator[str]:
    back, amount = explained.given_back, abs(row.amount_paise)
    if back is None:
        return
    said = {
        "amount": inr(amount),
        "posted": inr(back.posting.amount_paise),
        "month": write_month(row.month),
        "before": inr(back.before),
        "left": inr(back.posting.amount_paise - back.before - amount),
    }
    yield _("%(amount)s of the %(posted)s posted was given back, to its month, %(month)s.") % said
    yield _("%(before)s of it had been given back before; %(left)s is left of it.") % said


def _write_correction(explained: Explained, row: Entry) -> Iterator[str]:
    said = {"amount": inr(abs(row.amount_paise)), "month": write_month(row.month)}
    if row.amount_paise < 0:
        yield _("Two staff members took %(amount)s away from what is used in %(month)s.") % said
    else:
        yield _("Two staff members added %(amount)s to what is used in %(month)s.") % said
    yield from _write_giving_back(explained, row)


def _write_opening(_explained: Explained, row: Entry) -> Iterator[str]:
    said = {"amount": inr(row.amount_paise), "month": write_month(row.month)}
    yield _("%(amount)s had been used in %(month)s before an import brought the customer.") % said


def _write_move(_explained: Explained, row: Entry) -> Iterator[str]:
    said = {"amount": inr(abs(row.amount_paise)), "month": write_month(row.month)}
    said["other"] = str(row.unique_id_sent)
    is_merge = row.ref_id.startswith("MERGE")
    if row.amount_paise < 0:
        yield _("%(amount)s that was used in %(month)s went over to %(other)s.") % said
    else:
        yield _("%(amount)s that was used in %(month)s came over from %(other)s.") % said
    if is_merge:
        yield _("A merge moves all that the merged one had used in the month.")
    else:
        yield _("An un-merge moves back what the rows of the merged one came to in the month.")


KIND_WRITERS = {
    POST_KIND: _write_posting,
    RELEASE_KIND: _write_release,
    LedgerEntry.Kind.REVERSE.value: _write_giving_back,
    ADJUST_KIND: _write_correction,
    MOVE_KIND: _write_move,
    OPENING_KIND: _write_opening,
}
