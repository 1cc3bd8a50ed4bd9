"""What the signed audit says, replayed: what was changed by hand shows, now and for the time that
it lasted; and what honest people do at the same time raises no alarm.
"""

from datetime import UTC, datetime, timedelta

import pytest

from customers.models import Account, Customer
from limits.models import LedgerEntry, LimitRule, MonthlyUsage
from limits.verify import verify
from ppims.core import clock
from ppims.models import ReplayKey
from tests.factories import (
    make_check,
    make_customer,
    make_posting,
    make_rule,
    set_blocked,
    set_tier,
)
from tests.ledger import histories
from tests.ledger.tampering import run

pytestmark = pytest.mark.django_db
START = datetime(2026, 3, 2, 6, 30, tzinfo=UTC)
HOUR = timedelta(hours=1)


def list_findings():
    return [str(finding) for finding in verify()]


@pytest.fixture
def customer(ent):
    with clock.freeze(START):
        return make_customer(ent, kyc_flag="N", account_number="ACC-1")


def freeze_at_start(**later):
    return clock.freeze(START + timedelta(**later))


def change_by_hand(model, pk, **changes):
    model.objects.filter(pk=pk).update(**changes)


def test_all_that_staff_and_processors_do_verifies():
    written = histories.write(20261127, customers=4, steps=6)
    histories.add_all_kinds(written)
    histories.merge_some(written)
    histories.change_staff_and_processors(written[0].processors[0], written[0].at)
    for history in written:
        for _ in range(4):
            history.step()
    with clock.freeze(max(history.at for history in written)):
        assert list_findings() == []
    flags = LedgerEntry.objects.values_list("flags", flat=True)
    assert any("BLOCKED" in flag for flag in flags)


# What somebody with the database in hand would do, and what is said of it.


def test_a_tier_given_by_hand_shows_and_so_does_one_taken_back(ent, customer):
    with freeze_at_start(hours=1):
        change_by_hand(Customer, customer, tier="F")
        assert make_check(ent, customer, 900_000_00)[0].is_allowed
        changed = f"customer {customer}: is not as the audit says it came to be"
        allowed = f"check 1 of customer {customer}: its tier is F, expected N"
        assert list_findings() == [changed, allowed]
        change_by_hand(Customer, customer, tier="N")
        assert list_findings() == [allowed]


def test_unblocking_by_hand_shows_and_so_does_blocking(ent, customer):
    with freeze_at_start(hours=1):
        set_blocked(customer, blocked=True)
    with freeze_at_start(hours=2):
        change_by_hand(Customer, customer, status="ACTIVE", blocked_reason="")
        assert make_check(ent, customer, 100)[0].is_allowed
        make_posting(ent, customer, 100)
        change_by_hand(Customer, customer, status="BLOCKED", blocked_reason="a test")
        said = "its reason is WITHIN_LIMITS, expected one that the customer's state gives"
        flags = "its flags is ['UNCHECKED'], expected ['UNCHECKED', 'BLOCKED']"
        assert list_findings() == [
            f"check 1 of customer {customer}: {said}",
            f"ledger entry 1 of customer {customer}: {flags}",
        ]


def test_a_flag_blocked_is_recomputed(ent, customer):
    with freeze_at_start(hours=1):
        change_by_hand(Customer, customer, status="BLOCKED", blocked_reason="to harm her")
        make_posting(ent, customer, 100)
        change_by_hand(Customer, customer, status="ACTIVE", blocked_reason="")
        flags = "its flags is ['UNCHECKED', 'BLOCKED'], expected ['UNCHECKED']"
        assert list_findings() == [f"ledger entry 1 of customer {customer}: {flags}"]


def test_a_frozen_account_made_active_by_hand_shows_by_what_it_was_used_for(ent, customer):
    account = Account.objects.get(customer=customer)
    with freeze_at_start(hours=1):
        histories.tell(ent, customer, account_number="ACC-1", account_status="F")
    with freeze_at_start(hours=2):
        assert (
            make_check(ent, customer, 100, account_number="ACC-1")[0].reason == "ACCOUNT_NOT_ACTIVE"
        )
        assert list_findings() == []
        change_by_hand(Account, account.pk, status="A")
        assert make_check(ent, customer, 100, account_number="ACC-1")[0].is_allowed
        change_by_hand(Account, account.pk, status="F")
        said = "its reason is WITHIN_LIMITS, expected one that its account's status gives"
        assert list_findings() == [f"check 2 of customer {customer}: {said}"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"amount": 10**9}, "the amount of its limit rule {rule} is 1000000, expected 1000000000"),
        ({"state": "WITHDRAWN"}, "it has no limit, though a rule was in force then"),
        ({"tier": "P"}, "it has no limit, though a rule was in force then"),
        ({"in_force_from": START + 5 * HOUR}, "it has no limit, though a rule was in force then"),
    ],
    ids=["amount", "withdrawn", "moved", "redated"],
)
def test_a_rule_changed_by_hand_shows_and_so_does_one_put_back(ent, customer, change, said):
    rule = LimitRule.objects.get(tier="N", direction="D", window="MONTH")
    before = {name: getattr(rule, name) for name in change}
    with freeze_at_start(hours=1):
        change_by_hand(LimitRule, rule.pk, **change)
        make_check(ent, customer, 900_000)
        assert f"limit rule {rule.pk}: is not as the audit says it came to be" in list_findings()
        change_by_hand(LimitRule, rule.pk, **before)
        (finding,) = list_findings()
        assert finding == f"check 1 of customer {customer}: {said.format(rule=rule.pk)}"


def test_a_rule_inserted_as_approved_by_nobody_shows_unlike_those_of_the_first_start():
    assert list_findings() == []
    first = LimitRule.objects.filter(maker=None, checker=None, state="APPROVED").first()
    first.pk, first.amount = 9_999, 10**12
    first.save(force_insert=True)
    assert list_findings() == ["limit rule 9999: is there, though the audit knows nothing of it"]


def test_a_date_of_the_tier_moved_by_hand_shows_by_the_loads_it_let_pass(ent, customer):
    year_ago = START - timedelta(days=365)
    make_rule(tier="N", direction="C", window="CREDIT_STOP", amount=12, in_force_from=year_ago)
    with freeze_at_start(days=400):
        assert make_check(ent, customer, 100, direction="C")[0].reason == "KYC_EXPIRED"
        assert list_findings() == []
        change_by_hand(Customer, customer, tier_since=START + timedelta(days=200))
        assert make_check(ent, customer, 100, direction="C")[0].is_allowed
        change_by_hand(Customer, customer, tier_since=START)
        said = "its reason is WITHIN_LIMITS, expected one that the months at its tier give"
        assert list_findings() == [f"check 2 of customer {customer}: {said}"]


def test_what_a_ref_id_said_is_signed_with_its_answer(ent, customer):
    with freeze_at_start(hours=1):
        make_check(ent, customer, 100)
        make_posting(ent, customer, 100)
    for operation, name in (("CL", "check 1"), ("UL", "ledger entry 1"), ("AC", "receipt")):
        key = ReplayKey.objects.filter(operation=operation)
        before = bytes(key.get().digests)
        key.update(digests=before[::-1] + b"\1")
        (finding,) = list_findings()
        assert finding.startswith(name)
        key.update(digests=before)
    assert list_findings() == []


def test_a_cached_month_that_is_dropped_is_summed_anew_and_no_finding(ent, customer):
    with freeze_at_start(hours=1):
        make_posting(ent, customer, 100)
        assert MonthlyUsage.objects.all().delete()[0] == 1
        assert list_findings() == []
        assert make_check(ent, customer, 1)[0].used_paise == 100


def test_a_number_that_finds_somebody_else_shows(ent, customer):
    other = make_customer(ent)
    run("UPDATE customers_identifier SET customer_id = %s WHERE customer_id = %s", other, customer)
    assert sorted(finding.partition(":")[0] for finding in list_findings()) == sorted(
        f"identifier MOB of customer {each}" for each in (customer, other)
    )


# What honest people do at the same time. A change takes its instant before its COMMIT: until that
# others read what was.


@pytest.mark.parametrize(("seconds", "is_found"), [(0, False), (60, False), (61, True)])
def test_what_was_passes_within_a_minute_of_its_change(ent, customer, seconds, is_found):
    with freeze_at_start(hours=1):
        set_tier(customer, "P")
        set_blocked(customer, blocked=True)
        now = Customer.objects.values("tier", "status", "blocked_reason").get(pk=customer)
        before = {"tier": "N", "status": "ACTIVE", "blocked_reason": ""}
    with freeze_at_start(hours=1, seconds=seconds):
        change_by_hand(Customer, customer, **before)  # as one reads who began before that COMMIT
        make_check(ent, customer, 100)
        change_by_hand(Customer, customer, **now)
        assert bool(list_findings()) == is_found


@pytest.mark.parametrize(("seconds", "is_found"), [(60, False), (61, True)])
def test_a_rule_that_was_passes_within_a_minute_of_the_next_ones_start(
    ent, customer, seconds, is_found
):
    old = LimitRule.objects.get(tier="N", direction="D", window="MONTH")
    with freeze_at_start(hours=1, seconds=seconds):
        make_check(ent, customer, 100)
    started = START + HOUR
    make_rule(tier="N", direction="D", window="MONTH", amount=5, in_force_from=started)
    said = f"check 1 of customer {customer}: its limit rule {old.pk} was not in force for it then"
    assert list_findings() == ([said] if is_found else [])
