"""Staff adjustments: two people, a reason, an entry; nothing a reversal may need is taken."""

import json

import pytest
from django.contrib.auth.models import Group
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import IntegrityError, transaction

from limits.models import Adjustment, LedgerEntry, MonthlyUsage
from limits.services import adjustments
from limits.services.adjustments import Correction
from limits.verify import verify
from ppims.core import calendar, clock
from ppims.core.errors import Conflict, Malformed, UnknownCustomer
from ppims.models import AuditEntry, FourEyes, User
from tests.factories import ensure_roles, make_check, make_customer, make_posting
from tests.ledger.histories import adjust, make_maker_and_checker

pytestmark = pytest.mark.django_db
APPROVED_STATE, REJECTED_STATE, WITHDRAWN_STATE = (
    FourEyes.State.APPROVED,
    FourEyes.State.REJECTED,
    FourEyes.State.WITHDRAWN,
)


@pytest.fixture
def customer(ent):
    return make_customer(ent)


@pytest.fixture
def month():
    return calendar.number_ist_month(clock.now())


def propose(customer, month, paise, direction="D", reason="counted twice"):
    correction = Correction(customer, month, direction, paise, reason)
    return adjustments.propose(correction=correction, user=make_maker_and_checker()[0])


def read_used(customer):
    rows = MonthlyUsage.objects.filter(customer=customer)
    return {(row.month, way): paise for row in rows for way, paise in _approve_twice(row) if paise}


def _approve_twice(row):
    return [("D", row.debit_paise), ("C", row.credit_paise)]


def test_nothing_changes_until_another_person_approves(ent, customer, month):
    make_posting(ent, customer, 70_000)
    proposal = propose(customer, month, -20_000)
    assert read_used(customer) == {(month, "D"): 70_000}
    maker, checker = make_maker_and_checker()
    with pytest.raises(Conflict):
        adjustments.decide(proposal_id=proposal.pk, state=APPROVED_STATE, user=maker)
    adjustments.decide(proposal_id=proposal.pk, state=APPROVED_STATE, user=checker)
    assert read_used(customer) == {(month, "D"): 50_000}
    entry = LedgerEntry.objects.get(kind="A")
    assert (entry.adjustment_id, entry.amount_paise, entry.flags) == (proposal.pk, -20_000, "")
    assert (entry.processor_id, entry.ref_id, entry.used_after_paise) == (None, "", 50_000)
    with pytest.raises(Conflict):
        adjustments.decide(proposal_id=proposal.pk, state=APPROVED_STATE, user=checker)
    assert LedgerEntry.objects.filter(kind="A").count() == 1
    assert [str(finding) for finding in verify()] == []


@pytest.mark.parametrize(("state", "who"), [(REJECTED_STATE, 1), (WITHDRAWN_STATE, 0)])
def test_a_rejected_or_withdrawn_proposal_books_nothing(customer, month, state, who):
    proposal = propose(customer, month, 5_000)
    decided = {"proposal_id": proposal.pk, "state": state, "user": make_maker_and_checker()[who]}
    if state == REJECTED_STATE:
        with pytest.raises(Malformed):
            adjustments.decide(**decided)
    adjustments.decide(**decided, note="no")
    assert not LedgerEntry.objects.exists()
    with pytest.raises(Conflict):
        adjustments.decide(
            proposal_id=proposal.pk, state=APPROVED_STATE, user=make_maker_and_checker()[1]
        )


def test_the_database_holds_that_the_maker_is_not_the_checker(customer, month):
    proposal = propose(customer, month, 5_000)
    rows = Adjustment.objects.filter(pk=proposal.pk)
    for wrong in ({"checker": proposal.maker}, {"maker": None}, {"amount_paise": 0}):
        with pytest.raises(IntegrityError), transaction.atomic():
            rows.update(state=APPROVED_STATE, decided_at=clock.now(), **wrong)


def test_an_adjustment_counts_in_the_next_check_and_is_flagged_over_the_limit(ent, customer, month):
    adjust(customer, month, 999_999)
    answer, _ = make_check(ent, customer, 2)
    assert (answer.is_allowed, answer.used_paise) == (False, 999_999)
    assert make_check(ent, customer, 1)[0].is_allowed
    adjust(customer, month, 1)  # with the paisa on hold
    assert LedgerEntry.objects.filter(kind="A").latest("pk").flags == "OVER_LIMIT"
    adjust(customer, month, -1)
    assert LedgerEntry.objects.filter(kind="A").latest("pk").flags == ""
    assert [str(finding) for finding in verify()] == []


def test_an_earlier_month_and_loads_are_adjusted_alone(ent, customer, month):
    earlier = month - 1 if month % 100 > 1 else month - 89
    adjust(customer, earlier, 500, "C")
    adjust(customer, month, 70, "D")
    assert read_used(customer) == {(earlier, "C"): 500, (month, "D"): 70}


@pytest.mark.parametrize(("paise", "is_refused"), [(-30_000, False), (-30_001, True)])
def test_what_a_processor_may_still_reverse_is_not_taken_away(
    ent, customer, month, paise, is_refused
):
    make_posting(ent, customer, 100_000, tran_id="T1")
    make_posting(ent, customer, 20_000, kind="R", tran_id="T1")
    make_posting(ent, customer, 30_000)  # without a Tran_Id nobody can reverse it
    proposal = propose(customer, month, paise)
    checker = make_maker_and_checker()[1]
    if is_refused:
        with pytest.raises(Conflict) as refusal:
            adjustments.decide(proposal_id=proposal.pk, state=APPROVED_STATE, user=checker)
        assert [name for name, _ in refusal.value.errors] == ["amount_paise"]
        assert Adjustment.objects.get(pk=proposal.pk).state == FourEyes.State.PROPOSED
    else:
        adjustments.decide(proposal_id=proposal.pk, state=APPROVED_STATE, user=checker)
    make_posting(ent, customer, 80_000, kind="R", tran_id="T1")
    assert read_used(customer).get((month, "D"), 0) == (30_000 if is_refused else 0)


@pytest.mark.parametrize("direction", ["D", "C"])
def test_of_a_transfer_each_half_may_still_be_reversed(ent, customer, month, direction):
    for way in "DC":
        make_posting(ent, customer, 100_000, tran_id="T1", direction=way)
        make_posting(ent, customer, 30_000, direction=way)
    make_posting(ent, customer, 100_000, kind="R", tran_id="T1", direction=direction)
    other = {"D": "C", "C": "D"}[direction]
    adjust(customer, month, -30_000, direction)
    with pytest.raises(Conflict):
        adjust(customer, month, -30_001, other)
    make_posting(ent, customer, 100_000, kind="R", tran_id="T1", direction=other)
    assert read_used(customer) == {(month, other): 30_000}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("month", 209912),
        ("month", 202613),
        ("month", 202600),
        ("month", 189912),
        ("direction", "X"),
        ("amount_paise", 0),
        ("amount_paise", 10**14),
        ("amount_paise", -(10**14)),
        ("reason", "  "),
    ],
)
def test_a_wrong_field_is_named(customer, month, field, value):
    fields = {"month": month, "direction": "D", "amount_paise": 1, "reason": "x", field: value}
    with pytest.raises(Malformed) as refusal:
        adjustments.propose(
            correction=Correction(customer, **fields), user=make_maker_and_checker()[0]
        )
    assert [name for name, _ in refusal.value.errors] == [field]
    assert not Adjustment.objects.exists()


def test_an_unknown_customer_is_no_customer(month):
    with pytest.raises(UnknownCustomer):
        propose(10**14, month, 5)


def test_who_proposed_and_approved_is_audited_with_the_reason(customer, month):
    adjust(customer, month, 500)
    said = (
        AuditEntry.objects.filter(subject=customer).order_by("number").values_list("action", "user")
    )
    maker, checker = make_maker_and_checker()
    assert list(said)[-2:] == [
        ("adjustment proposed", maker.pk),
        ("adjustment approved", checker.pk),
    ]
    assert '"counted twice"' in AuditEntry.objects.latest("pk").detail


# The command.


@pytest.fixture
def staff(db):
    ensure_roles()
    for role in ("maker", "checker", "viewer"):
        User.objects.create(username=role).groups.set([Group.objects.get(name=role)])


@pytest.fixture
def typed(monkeypatch):
    """Have the commands typed by a user of the operating system whom tests know."""
    monkeypatch.setattr("limits.management.commands.adjust.name_operator", lambda: "root")


@pytest.mark.usefixtures("staff", "typed")
def test_the_command_proposes_and_lists(customer, month, capsys):
    year = f"{month // 100}-{month % 100:02d}"
    proposing = ["adjust", "propose", str(customer), year, "D", "-0.05", "--reason", "a slip"]
    call_command(*proposing, "--by", "maker")
    proposal = Adjustment.objects.latest("pk")
    said = capsys.readouterr().out
    assert f"in the browser, under Approvals: /work/approvals/adjustment/{proposal.pk}" in said
    call_command("adjust", "list")
    listed = capsys.readouterr().out
    assert f"Adjustment {proposal.pk} of customer {customer}: Spend" in listed
    assert "proposed by maker (typed by root): a slip" in listed
    assert (proposal.state, proposal.maker.username) == ("PROPOSED", "maker")
    entry = AuditEntry.objects.latest("pk")
    assert (entry.action, entry.user) == ("adjustment proposed", proposal.maker)
    assert json.loads(entry.detail)["operator"] == "root"
    for who in ("checker", "viewer", "nobody"):
        with pytest.raises(CommandError, match="nobody who may"):
            call_command(*proposing, "--by", who)
    for wrong in ("2026/11", "x"):
        with pytest.raises(CommandError, match="YYYY-MM"):
            call_command(*proposing[:3], wrong, *proposing[4:], "--by", "maker")


@pytest.mark.usefixtures("staff")
@pytest.mark.parametrize("verb", ["approve", "reject", "withdraw"])
def test_the_command_decides_nothing_whoever_it_is_told_did(customer, month, verb):
    proposal = propose(customer, month, 5)
    with pytest.raises(CommandError, match="invalid choice"):
        call_command("adjust", verb, str(proposal.pk), "--by", "checker", "--reason", "x")
    proposal.refresh_from_db()
    assert proposal.state == "PROPOSED"
