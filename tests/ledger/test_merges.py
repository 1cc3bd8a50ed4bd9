"""Two customers who are one person: what they use counts jointly from then on, and each one's own
is given back when they are two again.
"""

from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from customers.models import Account, Merge
from limits.known import Ask
from limits.models import Hold, LedgerEntry, MonthlyUsage
from limits.services import adjustments, checks, merges
from limits.services.adjustments import Correction
from limits.stores.carry_out import carry_out
from limits.verify import verify
from ppims.core import clock
from ppims.core.errors import Conflict, Malformed, UnknownCustomer
from ppims.models import Operation
from ppims.services.idempotency import Call
from tests.factories import draw_ref, make_check, make_customer, make_posting
from tests.ledger.histories import adjust
from tests.two_people import find_two_people, merge_customers, unmerge_customer

pytestmark = pytest.mark.django_db
AT = datetime(2026, 11, 27, 12, tzinfo=UTC)
NOVEMBER, OCTOBER = 202611, 202610


@pytest.fixture(autouse=True)
def at():
    """Whatever was done, verification finds it right."""
    with clock.freeze(AT):
        yield
        with clock.freeze(AT + timedelta(minutes=16)):
            assert [str(finding) for finding in verify()] == []


@pytest.fixture
def survivor(ent):
    return make_customer_before(ent, days=90)


@pytest.fixture
def merged(cbs):
    return make_customer_before(cbs, days=60)


def make_customer_before(*processors, days):
    """So many days ago: who is older survives."""
    with clock.freeze(AT - timedelta(days=days)):
        return make_customer(*processors)


def read_used(customer, month=NOVEMBER, direction="D"):
    row = MonthlyUsage.objects.filter(customer_id=customer, month=month).first()
    cached = {"D": row.debit_paise, "C": row.credit_paise} if row else {}
    entries = LedgerEntry.objects.filter(customer_id=customer, month=month, direction=direction)
    signs = {"F": 0, "R": -1}
    summed = sum(signs.get(entry.kind, 1) * entry.amount_paise for entry in entries)
    assert cached.get(direction, summed) == summed
    return summed


def list_moves(customer):
    rows = LedgerEntry.objects.filter(customer_id=customer, kind="M").order_by("number")
    return [(row.month, row.direction, row.amount_paise) for row in rows]


def test_what_both_have_used_counts_jointly(ent, cbs, survivor, merged):
    with clock.freeze(AT - timedelta(days=31)):
        make_posting(cbs, merged, 111)
        make_posting(cbs, merged, 222, direction="C")
    make_posting(ent, survivor, 300_000)
    make_posting(cbs, merged, 400_000)
    made = merge_customers(survivor, merged)
    moves = [(OCTOBER, "C", 222), (OCTOBER, "D", 111), (NOVEMBER, "D", 400_000)]
    assert list_moves(survivor) == moves
    assert list_moves(merged) == [(month, way, -paise) for month, way, paise in moves]
    assert (read_used(survivor), read_used(merged)) == (700_000, 0)
    assert read_used(survivor, OCTOBER, "C") == 222
    entries = LedgerEntry.objects.filter(kind="M")
    assert {entry.ref_id for entry in entries} == {f"MERGE-{made.pk}"}
    assert {entry.processor_id for entry in entries} == {None}
    assert len({entry.at for entry in entries}) == 1
    assert {entry.unique_id_sent for entry in entries.filter(customer_id=merged)} == {survivor}
    for who, by in ((survivor, ent), (merged, cbs)):
        declined, _ = make_check(by, who, 300_001)
        assert (declined.is_allowed, declined.cumulative_paise) == (False, 700_000)
        assert declined.available_paise == 300_000


def test_a_customer_of_whom_nothing_is_known_yet_is_merged_all_the_same(survivor, merged):
    merge_customers(survivor, merged)
    assert (list_moves(survivor), list_moves(merged)) == ([(NOVEMBER, "D", 0)],) * 2


def test_a_check_and_its_report_by_the_merged_id_are_the_survivors(cbs, survivor, merged):
    merge_customers(survivor, merged)
    asked, _ = make_check(cbs, merged, 100)
    assert (asked.customer_id, asked.unique_id_sent, asked.old_unique_id) == (
        *(survivor, merged),
        merged,
    )
    named, _ = make_check(cbs, survivor, 100)
    assert (named.customer_id, named.old_unique_id) == (survivor, None)
    entry, _ = make_posting(cbs, merged, 100, enquiry=asked.ref_id)
    assert (entry.customer_id, entry.unique_id_sent, entry.flags) == (survivor, merged, "")
    assert Hold.objects.get().limit_check_id == named.pk


def test_a_processor_that_knows_one_of_them_may_name_either(ent, cbs, survivor, merged):
    with pytest.raises(UnknownCustomer):
        make_check(cbs, survivor, 100)
    merge_customers(survivor, merged)
    for by in (ent, cbs):
        for who in (survivor, merged):
            assert make_check(by, who, 100)[0].is_allowed
    unmerge_customer(merged)
    for by, who in ((ent, merged), (cbs, survivor)):
        with pytest.raises(UnknownCustomer):
            make_check(by, who, 100)


def test_an_account_of_either_may_be_named_with_either_id(ent, cbs, survivor, merged):
    merge_customers(survivor, merged)
    for by, owner in ((ent, survivor), (cbs, merged)):
        number = Account.objects.get(customer_id=owner).number
        for who in (survivor, merged):
            assert make_check(by, who, 100, account_number=number)[0].is_allowed
    assert make_check(ent, merged, 100, account_number="none")[0].reason == "ACCOUNT_NOT_ACTIVE"


def test_an_open_hold_goes_with_the_customer_and_comes_back(ent, cbs, survivor, merged):
    one, _ = make_check(ent, survivor, 600_000)
    other, _ = make_check(cbs, merged, 300_000)
    merge_customers(survivor, merged)
    assert set(Hold.objects.values_list("customer_id", flat=True)) == {survivor}
    third, _ = make_check(cbs, merged, 100_001)
    assert (third.is_allowed, third.held_paise) == (False, 900_000)
    fourth, _ = make_check(cbs, merged, 100_000)
    assert fourth.is_allowed
    unmerge_customer(merged)
    holds = dict(Hold.objects.values_list("limit_check_id", "customer_id"))
    assert holds == {one.pk: survivor, other.pk: merged, fourth.pk: merged}
    for asked, by, who in ((one, ent, survivor), (other, cbs, merged), (fourth, cbs, merged)):
        entry, _ = make_posting(by, who, asked.amount_paise, enquiry=asked.ref_id)
        assert (entry.flags, entry.limit_check_id, entry.customer_id) == ("", asked.pk, who)
    assert not Hold.objects.exists()
    assert (read_used(survivor), read_used(merged)) == (600_000, 400_000)


def test_a_check_from_before_is_settled_once_whoever_is_named(cbs, survivor, merged):
    asked, _ = make_check(cbs, merged, 100)
    merge_customers(survivor, merged)
    entry, _ = make_posting(cbs, survivor, 100, enquiry=asked.ref_id)
    assert (entry.limit_check_id, entry.flags) == (asked.pk, "")
    again, _ = make_posting(cbs, merged, 100, enquiry=asked.ref_id)
    assert (again.limit_check_id, again.flags) == (None, "UNCHECKED")
    with pytest.raises(Conflict):
        make_posting(cbs, merged, 100, kind="F", enquiry=asked.ref_id)
    unmerge_customer(merged)
    late, _ = make_posting(cbs, merged, 100, enquiry=asked.ref_id)
    assert late.flags == "UNCHECKED"


def test_a_check_of_whom_one_was_parted_from_is_anothers(ent, survivor):
    merged = make_customer_before(ent, days=60)
    merge_customers(survivor, merged)
    asked, _ = make_check(ent, merged, 100)
    unmerge_customer(merged)
    entry, _ = make_posting(ent, survivor, 100, enquiry=asked.ref_id)
    assert (entry.limit_check_id, entry.flags) == (None, "UNCHECKED")
    own, _ = make_posting(ent, merged, 100, enquiry=asked.ref_id)
    assert (own.limit_check_id, own.customer_id, own.flags) == (asked.pk, merged, "")


def test_an_allowed_check_is_repeated_as_at_first_and_declined_with_joint_figures(
    ent, cbs, survivor, merged
):
    make_posting(ent, survivor, 500_000)
    ref = draw_ref()
    first, _ = make_check(cbs, merged, 100_000, ref_id=ref)
    merge_customers(survivor, merged)
    again, is_replay = make_check(cbs, merged, 100_000, ref_id=ref)
    assert (again, is_replay, again.customer_id) == (first, True, merged)
    with clock.freeze(AT + timedelta(minutes=16)):
        over, is_replay = make_check(cbs, merged, 100_000, ref_id=ref)
        assert (over.is_allowed, over.reason, is_replay) == (False, "HOLD_EXPIRED", False)
        assert over.cumulative_paise == 500_000
        make_posting(cbs, survivor, 100_000, enquiry=ref)
        unmerge_customer(merged)
        closed, _ = make_check(cbs, merged, 100_000, ref_id=ref)
    assert (closed.reason, closed.cumulative_paise) == ("HOLD_CLOSED", 0)


def test_a_posting_is_reversed_whatever_became_of_its_customer(cbs, survivor, merged):
    make_posting(cbs, merged, 900, tran_id="T1")
    make_posting(cbs, merged, 50, kind="R", tran_id="T1")
    merge_customers(survivor, merged)
    for who, paise in ((merged, 100), (survivor, 200)):
        entry, _ = make_posting(cbs, who, paise, kind="R", tran_id="T1")
        assert (entry.customer_id, entry.unique_id_sent) == (survivor, who)
    with pytest.raises(Conflict):
        make_posting(cbs, survivor, 551, kind="R", tran_id="T1")
    with pytest.raises(Conflict):
        make_posting(cbs, survivor, 900, tran_id="T1")
    make_posting(cbs, merged, 70, tran_id="T2")
    unmerge_customer(merged)
    assert (read_used(survivor), read_used(merged)) == (0, 620)
    with pytest.raises(Conflict):
        make_posting(cbs, merged, 551, kind="R", tran_id="T1")
    make_posting(cbs, merged, 550, kind="R", tran_id="T1")
    make_posting(cbs, merged, 70, kind="R", tran_id="T2")
    assert (read_used(survivor), read_used(merged)) == (0, 0)


def test_of_two_postings_by_one_tran_id_the_one_of_who_is_named_is_reversed(ent, survivor):
    merged = make_customer_before(ent, days=60)
    own, _ = make_posting(ent, survivor, 300, tran_id="T1")
    others, _ = make_posting(ent, merged, 900, tran_id="T1")
    merge_customers(survivor, merged)
    for who, posting in ((merged, others), (survivor, own)):
        entry, _ = make_posting(ent, who, 100, kind="R", tran_id="T1")
        assert entry.reverses_id == posting.pk


def test_each_may_post_the_same_tran_id_once_they_are_two_again(ent, survivor):
    merged = make_customer_before(ent, days=60)
    merge_customers(survivor, merged)
    make_posting(ent, merged, 900, tran_id="T1")
    with pytest.raises(Conflict):
        make_posting(ent, survivor, 900, tran_id="T1")
    unmerge_customer(merged)
    own, _ = make_posting(ent, survivor, 300, tran_id="T1")
    merge_customers(survivor, merged)
    undone, _ = make_posting(ent, survivor, 300, kind="R", tran_id="T1")
    assert undone.reverses_id == own.pk
    undone, _ = make_posting(ent, merged, 900, kind="R", tran_id="T1")
    assert undone.reverses_id != own.pk
    assert read_used(survivor) == 0


def test_a_joint_figure_over_the_limit_is_flagged(ent, cbs, survivor, merged):
    make_posting(ent, survivor, 600_000)
    make_posting(cbs, merged, 400_001)
    merge_customers(survivor, merged)
    assert LedgerEntry.objects.get(customer_id=survivor, kind="M").flags == "OVER_LIMIT"
    unmerge_customer(merged)
    assert set(LedgerEntry.objects.filter(ref_id__startswith="UN").values_list("flags")) == {("",)}


def test_at_the_limit_it_is_not(ent, cbs, survivor, merged):
    make_posting(ent, survivor, 600_000)
    make_posting(cbs, merged, 400_000)
    merge_customers(survivor, merged)
    assert LedgerEntry.objects.get(customer_id=survivor, kind="M").flags == ""


def test_corrections_go_with_whom_they_name(ent, cbs, survivor, merged):
    make_posting(cbs, merged, 900)
    adjust(merged, NOVEMBER, -100)
    merge_customers(survivor, merged)
    adjust(merged, NOVEMBER, 30)
    adjust(survivor, NOVEMBER, 5)
    assert read_used(survivor) == 835
    unmerge_customer(merged)
    assert (read_used(survivor), read_used(merged)) == (5, 830)


def test_a_correction_leaves_what_the_whole_family_may_still_reverse(ent, cbs, survivor, merged):
    make_posting(cbs, merged, 900, tran_id="T1")
    make_posting(ent, survivor, 100)
    merge_customers(survivor, merged)
    with pytest.raises(Conflict):
        adjust(survivor, NOVEMBER, -101)
    adjust(survivor, NOVEMBER, -100)


def test_they_are_not_parted_where_too_little_would_be_left(ent, cbs, survivor, merged):
    make_posting(cbs, merged, 900)
    merge_customers(survivor, merged)
    adjust(survivor, NOVEMBER, -1)
    with pytest.raises(Conflict):
        unmerge_customer(merged)
    adjust(survivor, NOVEMBER, 1)
    proposal = Merge.objects.get(state="PROPOSED")
    merges.decide(proposal_id=proposal.pk, state="APPROVED", user=find_two_people()[1])
    assert (read_used(survivor), read_used(merged)) == (0, 900)


def test_nor_where_one_would_have_too_little_for_a_reversal(ent, cbs, survivor, merged):
    make_posting(cbs, merged, 900)
    make_posting(ent, survivor, 100, tran_id="T1")
    merge_customers(survivor, merged)
    adjust(survivor, NOVEMBER, -1)
    with pytest.raises(Conflict):
        unmerge_customer(merged)


def test_three_are_merged_one_by_one_and_parted_in_any_order(ent, cbs, survivor, merged):
    third = make_customer_before(cbs, days=50)
    make_posting(cbs, third, 1, tran_id="T")
    merge_customers(merged, third)
    make_posting(cbs, third, 10)
    make_posting(cbs, merged, 100)
    merge_customers(survivor, merged)
    make_posting(cbs, third, 1_000)
    make_posting(cbs, merged, 10_000)
    make_posting(ent, survivor, 100_000)
    assert (read_used(survivor), read_used(merged), read_used(third)) == (111_111, 0, 0)
    unmerge_customer(third)
    assert (read_used(survivor), read_used(merged), read_used(third)) == (110_100, 0, 1_011)
    make_posting(cbs, third, 1, kind="R", tran_id="T")
    merge_customers(survivor, third)
    make_posting(cbs, third, 5)
    unmerge_customer(merged)
    assert (read_used(survivor), read_used(merged)) == (101_015, 10_100)
    unmerge_customer(third)
    assert (read_used(survivor), read_used(third)) == (100_000, 1_015)


def test_a_correction_that_names_a_posting_goes_with_that_one(ent, cbs, survivor, merged):
    own, _ = make_posting(cbs, merged, 900, tran_id="T1")
    merge_customers(survivor, merged)
    other, _ = make_posting(ent, survivor, 70)
    adjust(survivor, NOVEMBER, -300, posting_id=own.pk)
    adjust(merged, NOVEMBER, -7, posting_id=other.pk)
    assert read_used(survivor) == 663
    with pytest.raises(Conflict):
        make_posting(cbs, survivor, 601, kind="R", tran_id="T1")
    unmerge_customer(merged)
    assert (read_used(survivor), read_used(merged)) == (63, 600)
    with pytest.raises(Malformed):
        adjust(survivor, NOVEMBER, -1, posting_id=own.pk)
    adjust(merged, NOVEMBER, -100, posting_id=own.pk)
    make_posting(cbs, merged, 500, kind="R", tran_id="T1")
    assert (read_used(survivor), read_used(merged)) == (63, 0)


def test_a_correction_of_a_posting_waits_in_vain_for_who_was_parted(cbs, survivor, merged):
    own, _ = make_posting(cbs, merged, 900)
    merge_customers(survivor, merged)
    correction = Correction(survivor, NOVEMBER, "D", -300, "counted twice", own.pk)
    maker, checker = find_two_people()
    proposal = adjustments.propose(correction=correction, user=maker)
    unmerge_customer(merged)
    with pytest.raises(Conflict):
        adjustments.decide(proposal_id=proposal.pk, state="APPROVED", user=checker)


def test_several_requests_by_either_id_and_anothers_are_one_group(ent, cbs, survivor, merged):
    other = make_customer_before(ent, days=10)
    merge_customers(survivor, merged)
    asked = [(ent, survivor), (cbs, merged), (ent, other), (ent, merged)]
    requests = []
    for number, (by, who) in enumerate(asked):
        call = Call(by, Operation.CHECK_LIMIT, f"G{number}", {"who": str(who)})
        requests.append(checks.make_request(call, Ask(who, "D", 400_000)))
    said = [answer[0] for answer, _ in carry_out(requests)]
    assert [row.customer_id for row in said] == [survivor, survivor, other, survivor]
    assert [row.is_allowed for row in said] == [True, True, True, False]
    assert said[-1].cumulative_paise == 800_000


def test_who_was_never_merged_costs_no_statement_more(ent, survivor, merged):
    merge_customers(survivor, merged)
    never = make_customer_before(ent, days=10)
    make_check(ent, never, 100)  # the rules are known from here on
    with CaptureQueriesContext(connection) as of_who_never_was:
        asked, _ = make_check(ent, never, 100)
        make_posting(ent, never, 100, enquiry=asked.ref_id, tran_id="T1")
    with CaptureQueriesContext(connection) as of_who_was:
        asked, _ = make_check(ent, survivor, 100)
    texts = [query["sql"] for query in of_who_never_was]
    assert not [text for text in texts if "customers_kin" in text or "created_at" in text]
    assert [query["sql"] for query in of_who_was if "customers_kin" in query["sql"]]
