"""Corrections that name a posting: they take away of it, and count among its reversals."""

import pytest
from django.db import IntegrityError, connection, transaction

from limits import booking
from limits.models import Adjustment, LedgerEntry, MonthlyUsage, PostingFinding
from limits.services import adjustments, findings
from limits.services.adjustments import Correction
from limits.verify import verify
from ppims.core import calendar, clock
from ppims.core.errors import Conflict, Malformed
from ppims.db import append_only
from ppims.models import AuditEntry, FourEyes
from ppims.services import audit
from tests.factories import make_customer, make_posting
from tests.ledger.histories import adjust, make_maker_and_checker

pytestmark = pytest.mark.django_db
APPROVED_STATE, REJECTED_STATE = FourEyes.State.APPROVED, FourEyes.State.REJECTED


@pytest.fixture
def customer(ent):
    return make_customer(ent)


@pytest.fixture
def posted(ent, customer):
    return make_posting(ent, customer, 100_000, tran_id="T1")[0]


def correct(posting, paise, **more):
    return adjust(posting.customer_id, posting.month, paise, posting.direction, posting.pk, **more)


def propose(posting, paise, **changes):
    fields = {"month": posting.month, "direction": posting.direction, "amount_paise": paise}
    fields |= {"posting_id": posting.pk, **changes}
    correction = Correction(posting.customer_id, reason="counted twice", **fields)
    return adjustments.propose(correction=correction, user=make_maker_and_checker()[0])


def approve(proposal):
    checker = make_maker_and_checker()[1]
    return adjustments.decide(proposal_id=proposal.pk, state=APPROVED_STATE, user=checker)


def undo(ent, posting, paise):
    return make_posting(ent, posting.customer_id, paise, kind="R", tran_id=posting.tran_id)[0]


def read_used(customer):
    month = calendar.number_ist_month(clock.now())
    return MonthlyUsage.objects.get(customer=customer, month=month).debit_paise


def list_findings():
    return [str(finding) for finding in verify()]


@pytest.mark.parametrize("paise", [70_000, 70_001])
def test_a_reversal_may_give_back_so_much_less(ent, customer, posted, paise):
    correct(posted, -30_000)
    entry = LedgerEntry.objects.get(kind="A")
    named = (entry.reverses_id, entry.tran_id, entry.month, entry.direction)
    assert named == (posted.pk, "T1", posted.month, "D")
    if paise > 70_000:
        with pytest.raises(Conflict) as refusal:
            undo(ent, posted, paise)
        assert [name for name, _ in refusal.value.errors] == ["amount"]
        assert read_used(customer) == 70_000
    else:
        undo(ent, posted, paise)
        assert read_used(customer) == 0
    assert list_findings() == []


@pytest.mark.parametrize("paise", [-60_000, -60_001])
def test_it_takes_away_at_most_what_is_left(ent, customer, posted, paise):
    undo(ent, posted, 30_000)
    correct(posted, -10_000)
    if paise < -60_000:
        with pytest.raises(Malformed) as refusal:
            propose(posted, paise)
        assert [name for name, _ in refusal.value.errors] == ["amount_paise"]
        assert read_used(customer) == 60_000
    else:
        approve(propose(posted, paise))
        assert read_used(customer) == 0
    assert list_findings() == []


def test_what_was_left_when_it_was_proposed_may_be_gone_when_it_is_approved(ent, customer, posted):
    proposal = propose(posted, -60_000)
    make_posting(ent, customer, 100_000)
    undo(ent, posted, 40_000)
    assert adjustments.find_unbookable([proposal], clock.now()) == set()
    undo(ent, posted, 1)
    assert adjustments.find_unbookable([proposal], clock.now()) == {proposal.pk}
    with pytest.raises(Conflict):
        approve(proposal)
    assert read_used(customer) == 200_000 - 40_001


def test_one_that_names_none_leaves_what_is_still_to_be_reversed(ent, customer, posted):
    correct(posted, -30_000)
    with pytest.raises(Conflict):
        adjust(customer, posted.month, -1)
    make_posting(ent, customer, 500)
    adjust(customer, posted.month, -500)
    undo(ent, posted, 70_000)
    assert read_used(customer) == 0


def test_of_a_posting_without_a_tran_id_only_what_no_other_may_reverse_is_taken(ent, customer):
    alone = make_posting(ent, customer, 500)[0]
    other = make_posting(ent, customer, 900, tran_id="T2")[0]
    adjust(customer, alone.month, -200)  # names none, and took of what nobody can reverse
    with pytest.raises(Conflict):
        correct(alone, -301)
    correct(alone, -300)
    undo(ent, other, 900)
    assert read_used(customer) == 0
    assert list_findings() == []


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"amount_paise": 1}, "amount_paise"),
        ({"month": 202001}, "posting_id"),
        ({"direction": "C"}, "posting_id"),
        ({"posting_id": 2**62}, "posting_id"),
    ],
)
def test_a_wrong_field_is_named(posted, changes, field):
    with pytest.raises(Malformed) as refusal:
        propose(posted, -1, **changes)
    assert [name for name, _ in refusal.value.errors] == [field]
    assert not Adjustment.objects.exists()


def test_another_customers_posting_is_none_and_neither_is_a_reversal(ent, customer, posted):
    undone = undo(ent, posted, 5)
    stranger = make_posting(ent, make_customer(ent), 700)[0]
    for other in (undone, stranger):
        with pytest.raises(Malformed):
            propose(posted, -1, posting_id=other.pk)


def test_the_database_holds_that_it_takes_away_and_what_names_a_posting(posted):
    proposal = propose(posted, -5)
    rows = Adjustment.objects.filter(pk=proposal.pk)
    with pytest.raises(IntegrityError), transaction.atomic():
        rows.update(amount_paise=5)
    again = LedgerEntry.objects.get(pk=posted.pk)
    again.pk, again.number, again.tran_id, again.reverses_id = 2**40, 2, "", posted.pk
    with pytest.raises(IntegrityError), transaction.atomic():
        again.save(force_insert=True)


def test_the_entries_still_only_grow(posted):
    assert append_only.list_missing() == []
    with pytest.raises(IntegrityError), transaction.atomic():
        LedgerEntry.objects.filter(pk=posted.pk).update(amount_paise=1)


def test_the_audit_says_which_posting_it_names(posted):
    correct(posted, -5)
    told = AuditEntry.objects.filter(subject=posted.customer_id, action__startswith="adjustment")
    details = [audit.read_detail(entry) for entry in told.order_by("pk")]
    assert [detail["posting"] for detail in details] == [posted.pk, posted.pk]


# Verification.


def tamper(sql, *values):
    with connection.cursor() as cursor:
        cursor.execute(sql, values)


@pytest.mark.parametrize("value", [None, 7])
def test_a_changed_name_of_a_posting_is_found(ent, customer, posted, value):
    other = make_posting(ent, customer, 100_000)[0]
    correct(posted, -5)
    tamper("UPDATE limits_adjustment SET posting_id = %s", value and other.pk)
    found = list_findings()
    assert any("its adjustment" in each for each in found), found
    assert any(each.startswith("adjustment") for each in found), found


def test_a_posting_named_behind_the_services_back_is_found(customer, posted):
    make_posting(posted.processor, customer, 700)
    adjust(customer, posted.month, -5)
    tamper("UPDATE limits_adjustment SET posting_id = %s", posted.pk)
    assert len(list_findings()) == 2


def test_a_reversal_beyond_what_a_correction_left_is_found(ent, customer, posted, monkeypatch):
    """As if the services had let it through: it is signed as it should be."""
    make_posting(ent, customer, 100_000)
    correct(posted, -30_000)

    def let_all_through(request, report, _at, standing):
        key = report.unique_id, request.processor_id, report.tran_id, report.direction
        return booking.Named(undone=standing.posted[key])

    monkeypatch.setitem(booking.REQUIRED_OF_KIND, "R", let_all_through)
    undo(ent, posted, 70_001)
    assert any("what is reversed of its posting" in each for each in list_findings())


# What was a mistake has been put right.


def close(entry, note="counted twice"):
    maker = make_maker_and_checker()[0]
    return findings.note(entry, finding="PUT_RIGHT", note=note, user=maker)


def test_nothing_is_put_right_that_nobody_has_corrected(ent, customer, posted):
    assert posted.flags
    with pytest.raises(Conflict) as refusal:
        close(posted)
    assert [name for name, _ in refusal.value.errors] == ["finding"]
    assert not PostingFinding.objects.exists()


def reverse_it(ent, posting):
    undo(ent, posting, 1)


def correct_it(_ent, posting):
    correct(posting, -1)


def propose_for_it(_ent, posting):
    propose(posting, -1)


def propose_for_its_month(_ent, posting):
    propose(posting, 250, posting_id=None)


@pytest.mark.parametrize(
    "put_right", [reverse_it, correct_it, propose_for_it, propose_for_its_month]
)
def test_it_is_put_right_by_a_reversal_or_a_correction(ent, posted, put_right):
    put_right(ent, posted)
    assert close(posted).finding == "PUT_RIGHT"


def test_a_rejected_correction_or_one_of_before_or_of_another_way_puts_nothing_right(
    ent, customer, posted
):
    propose(posted, 5, posting_id=None, direction="C")
    proposal = propose(posted, -5)
    checker = make_maker_and_checker()[1]
    adjustments.decide(proposal_id=proposal.pk, state=REJECTED_STATE, user=checker, note="no")
    adjust(customer, posted.month, 5)
    later = make_posting(ent, customer, 9_000)[0]
    for entry in (later, make_posting(ent, customer, 5, direction="C")[0]):
        with pytest.raises(Conflict):
            close(entry)


def test_a_correction_may_close_what_it_puts_right_and_both_are_audited_once(posted):
    maker = make_maker_and_checker()[0]
    correction = Correction(posted.customer_id, posted.month, "D", -5, "counted twice", posted.pk)
    adjustments.propose(correction=correction, user=maker, closes=posted)
    kept = PostingFinding.objects.get()
    assert (kept.finding, kept.note, kept.user) == ("PUT_RIGHT", "counted twice", maker)
    actions = AuditEntry.objects.filter(user=maker).order_by("pk").values_list("action", flat=True)
    assert list(actions) == ["adjustment proposed", "flagged posting closed"]
    assert list_findings() == []


def test_what_cannot_be_closed_is_not_corrected_either(posted):
    propose(posted, -5)
    close(posted)
    maker = make_maker_and_checker()[0]
    correction = Correction(posted.customer_id, posted.month, "D", -7, "again", posted.pk)
    with pytest.raises(Conflict):
        adjustments.propose(correction=correction, user=maker, closes=posted)
    assert Adjustment.objects.count() == 1
