"""What a proposal would have done, worked out from the tables: each check anew, in its order, on
the sums as they would then be.
"""

import random
from datetime import UTC, datetime, timedelta
from io import StringIO

import pytest
from django.core.management import call_command

from customers.models import Customer, KycChange, Merge
from customers.survivors import find_root, list_kin
from limits.models import LedgerEntry, LimitCheck, LimitRule
from limits.services import what_if
from limits.what_if import CheckThen, EntryThen, TierChange
from ppims.core import calendar, clock
from ppims.core.keys import make_plain
from tests.factories import (
    make_check,
    make_customer,
    make_posting,
    make_rule,
    set_blocked,
    set_tier,
)
from tests.ledger import histories
from tests.property.test_what_if import PLACES, replay_by_hand

pytestmark = pytest.mark.django_db
START = datetime(2026, 6, 10, 6, 30, tzinfo=UTC)
SPEND, LOAD = ("N", "D", "MONTH"), ("N", "C", "MONTH")


@pytest.fixture
def customer(ent):
    with clock.freeze(START - timedelta(days=1)):
        return make_customer(ent, kyc_flag="N")


def work_out(proposed, *, months=1, until=START + timedelta(days=5), **more):
    return what_if.work_out(proposed, months=months, until=until, **more)


def list_changed(found):
    return [(each["check"], each["is_let_through"]) for each in found["largest"]]


class Days:
    """Asks and reports, an hour after one another from START on."""

    def __init__(self, processor, customer):
        self.at, self.own = START, (processor, customer)

    def ask(self, paise, **more):
        self.at += timedelta(hours=1)
        with clock.freeze(self.at):
            return make_check(*self.own, paise, **more)[0]

    def report(self, paise, kind="S", **more):
        self.at += timedelta(minutes=1)
        with clock.freeze(self.at):
            return make_posting(*self.own, paise, kind, **more)[0]

    def spend(self, paise, **more):
        check = self.ask(paise)
        self.report(paise, enquiry=check.ref_id, **more)
        return check


def test_what_is_newly_declined_leaves_room_for_what_comes_after(ent, customer):
    days = Days(ent, customer)
    first, second, third = days.spend(300_000), days.spend(300_000), days.spend(200_000)
    found = work_out({SPEND: 500_000})
    assert list_changed(found) == [(second.pk, False)]
    assert work_out({SPEND: 499_999})["declined"] == {
        "checks": 2,
        "customers": 1,
        "paise": 500_000,
    }
    assert {first.pk, third.pk} == {*LimitCheck.objects.values_list("pk", flat=True)} - {second.pk}
    assert found["declined"] == {"checks": 1, "customers": 1, "paise": 300_000}
    assert found["let_through"] == {"checks": 0, "customers": 0, "paise": 0}
    assert found["lines"] == [
        {
            "tier": "N",
            "processor": ent.pk,
            "is_let_through": False,
            "checks": 1,
            "customers": 1,
            "paise": 300_000,
        }
    ]


def test_a_posting_of_what_is_newly_declined_is_out_and_so_is_its_reversal(ent, customer):
    days = Days(ent, customer)
    days.spend(600_000, tran_id="T1")  # newly declined
    days.report(600_000, "R", tran_id="T1")
    days.spend(400_000)
    days.spend(100_000)  # it would be let through, if the reversal were counted
    found = work_out({SPEND: 499_999})
    assert [paise["paise"] for paise in found["largest"]] == [600_000, 100_000]


def test_a_correction_that_names_a_posting_is_out_with_it(ent, customer):
    days = Days(ent, customer)
    days.spend(600_000, tran_id="T1")  # newly declined
    posting = LedgerEntry.objects.get(tran_id="T1")
    with clock.freeze(days.at):
        histories.adjust(customer, 202606, -600_000, posting_id=posting.pk)
    days.spend(400_000)
    days.spend(100_000)  # it would be let through, if the correction were counted
    found = work_out({SPEND: 499_999})
    assert [each["paise"] for each in found["largest"]] == [600_000, 100_000]


def test_what_is_newly_let_through_counts_as_posted(ent, customer):
    days = Days(ent, customer)
    days.spend(900_000)
    declined = days.ask(200_000)
    over = days.ask(100_001)
    assert not declined.is_allowed
    found = work_out({SPEND: 1_200_000})
    assert list_changed(found) == [(declined.pk, True)]
    assert list_changed(work_out({SPEND: 1_200_001})) == [(declined.pk, True), (over.pk, True)]
    assert list_changed(work_out({SPEND: None})) == [(declined.pk, True), (over.pk, True)]


def test_what_was_posted_though_declined_counts_once(ent, customer):
    days = Days(ent, customer)
    days.spend(900_000)
    declined = days.spend(200_000)
    last = days.ask(100_000)
    found = work_out({SPEND: 1_200_000})
    assert list_changed(found) == [(declined.pk, True), (last.pk, True)]
    # And where it stays declined, it counts all the same.
    assert list_changed(work_out({SPEND: 1_099_999})) == []


def test_a_decline_for_a_state_stays(ent, customer):
    days = Days(ent, customer)
    with clock.freeze(days.at):
        set_blocked(customer, blocked=True)
    assert days.ask(100).reason == "CUSTOMER_BLOCKED"
    assert work_out({SPEND: None})["let_through"]["checks"] == 0
    assert work_out({SPEND: 1})["declined"]["checks"] == 0


def test_a_hold_counts_until_it_ends_and_not_where_it_was_newly_declined(ent, customer):
    days = Days(ent, customer)
    with clock.freeze(days.at):
        make_check(ent, customer, 300_000)
    with clock.freeze(days.at + timedelta(minutes=14, seconds=59)):
        make_check(ent, customer, 300_000)
    assert work_out({SPEND: 599_999})["declined"]["checks"] == 1
    assert work_out({SPEND: 600_000})["declined"]["checks"] == 0
    with clock.freeze(days.at + timedelta(minutes=30)):
        make_check(ent, customer, 300_000)
    assert work_out({SPEND: 599_999})["declined"]["checks"] == 1


def test_each_check_is_judged_by_its_own_tier(ent, customer):
    days = Days(ent, customer)
    days.spend(400_000)
    with clock.freeze(days.at):
        set_tier(customer, "P")
    raised = days.spend(400_000)
    assert list_changed(work_out({("P", "D", "MONTH"): 700_000})) == [(raised.pk, False)]
    assert work_out({SPEND: 400_000})["declined"]["checks"] == 0


def test_loading_stops_by_the_date_of_the_tier_at_the_check(ent):
    with clock.freeze(datetime(2026, 3, 20, 6, 30, tzinfo=UTC)):
        customer = make_customer(ent, kyc_flag="N")
    stop = calendar.add_months(datetime(2026, 3, 20, tzinfo=UTC), 3)
    checks = []
    for before in (timedelta(microseconds=1), timedelta()):
        with clock.freeze(stop - before):
            checks.append(make_check(ent, customer, 100, direction="C")[0])
    found = work_out({("N", "C", "CREDIT_STOP"): 3}, until=stop + timedelta(days=1))
    assert list_changed(found) == [(checks[1].pk, False)]


def test_sums_begin_with_the_financial_year_and_checks_with_the_first_month(ent):
    months = [datetime(2026, month, 15, 6, 30, tzinfo=UTC) for month in (3, 4, 5, 6)]
    with clock.freeze(months[0]):
        customer = make_customer(ent, kyc_flag="N")
    checks = []
    for at in months:
        with clock.freeze(at):
            checks.append(make_check(ent, customer, 300_000)[0])
            make_posting(ent, customer, 300_000, enquiry=checks[-1].ref_id)
    until = months[-1] + timedelta(days=1)
    year = ("N", "D", "FINANCIAL_YEAR")
    assert work_out({year: 900_000}, until=until)["checks"] == 1
    assert work_out({year: 900_000}, until=until)["declined"]["checks"] == 0
    assert list_changed(work_out({year: 899_999}, until=until)) == [(checks[3].pk, False)]
    # Of three months, April is replayed too: so what is declined then makes room for June.
    found = work_out({year: 599_999}, until=until, months=3)
    assert found["months"] == [202604, 202605, 202606]
    assert [each for each, _ in list_changed(found)] == [checks[2].pk, checks[3].pk]


def test_a_spend_posted_after_the_month_has_turned_counts_in_the_month_of_its_check(ent):
    turn = datetime(2026, 5, 31, 18, 30, tzinfo=UTC)  # 00:00 in India
    with clock.freeze(turn - timedelta(days=1)):
        customer = make_customer(ent, kyc_flag="N")
    with clock.freeze(turn - timedelta(microseconds=1)):
        may = make_check(ent, customer, 600_000)[0]
    with clock.freeze(turn):
        june = make_check(ent, customer, 500_000)[0]
    with clock.freeze(turn + timedelta(minutes=5)):
        make_posting(ent, customer, 600_000, enquiry=may.ref_id, tran_id="T1")
        make_posting(ent, customer, 500_000, enquiry=june.ref_id)
    with clock.freeze(turn + timedelta(minutes=6)):
        make_posting(ent, customer, 100_000, "R", tran_id="T1")
    with clock.freeze(turn + timedelta(minutes=7)):
        later = make_check(ent, customer, 400_000)[0]
    year, until = ("N", "D", "FINANCIAL_YEAR"), turn + timedelta(days=1)
    for months, checks in ((1, 2), (2, 3)):
        assert work_out({SPEND: 900_000}, until=until, months=months)["checks"] == checks
        assert list_changed(work_out({SPEND: 900_000}, until=until, months=months)) == []
        found = work_out({SPEND: 899_999}, until=until, months=months)
        assert list_changed(found) == [(later.pk, False)]
        assert list_changed(work_out({year: 1_400_000}, until=until, months=months)) == []
        found = work_out({year: 1_399_999}, until=until, months=months)
        assert list_changed(found) == [(later.pk, False)]
    # What is declined in May, with its posting and its reversal of June, leaves the year its room.
    found = work_out({SPEND: 599_999, year: 899_999}, until=until, months=2)
    assert list_changed(found) == [(may.pk, False), (later.pk, False)]
    found = work_out({("N", "D", "TRANSACTION"): 599_999, year: 900_000}, until=until, months=2)
    assert list_changed(found) == [(may.pk, False)]


def test_what_is_proposed_takes_the_place_of_what_was_in_force_at_every_instant(ent, customer):
    days = Days(ent, customer)
    low = days.ask(150_000)
    make_rule(tier="N", direction="D", window="MONTH", amount=100_000, in_force_from=days.at)
    days.at += timedelta(minutes=30)
    assert not days.ask(150_000).is_allowed
    assert list_changed(work_out({SPEND: 150_000})) == [(low.pk + 1, True)]
    assert work_out({LOAD: 1})["let_through"]["checks"] == 0


def test_a_check_just_after_an_approval_may_have_been_judged_by_the_rule_before(ent, customer):
    days = Days(ent, customer)
    check = days.ask(150_000)
    make_rule(
        tier="N",
        direction="D",
        window="MONTH",
        amount=100_000,
        in_force_from=check.at - timedelta(seconds=59),
    )
    assert list_changed(work_out({LOAD: 5})) == []


def test_rows_after_the_instant_are_not_read(ent, customer):
    days = Days(ent, customer)
    days.spend(300_000)
    before = days.at
    days.spend(300_000)
    assert work_out({SPEND: 1}, until=before)["checks"] == 1
    assert work_out({SPEND: 1})["checks"] == 2


def write_histories():
    """Write histories of every kind of entry, of some tiers, under rules that change."""
    written = histories.write(20261127, customers=6, steps=10)
    histories.add_all_kinds(written)
    histories.merge_some(written)
    at = max(history.at for history in written)
    make_rule(tier="P", direction="D", window="MONTH", amount=500_000, in_force_from=at)
    make_rule(tier="N", direction="C", window="BALANCE", amount=700_000, in_force_from=at)
    for history in written:
        history.at = at + timedelta(hours=2)
        for number in range(25):
            history.step()
            if number % 5 == 4:
                change_tier(history, "NPF"[number % 3])
    return written, max(history.at for history in written)


def change_tier(history, tier):
    history.at += timedelta(seconds=1)
    with clock.freeze(history.at):
        set_tier(history.customer, tier)


def replay_tables_by_hand(proposed, since):
    """Answer all checks since an instant by the model of dictionaries: those answered otherwise."""
    rules = LimitRule.objects.filter(state="APPROVED").order_by("in_force_from", "pk")
    fields = ("pk", "tier", "direction", "window", "amount", "in_force_from")
    approved = [tuple(make_plain(getattr(rule, name)) for name in fields) for rule in rules]
    others = {}
    for kin in {(*list_kin(each),) for each in Customer.objects.values_list("pk", flat=True)}:
        rows = [
            kind._make(make_plain(getattr(row, name)) for name in kind._fields)
            for kind, model in ((CheckThen, LimitCheck), (EntryThen, LedgerEntry))
            for row in model.objects.filter(customer_id__in=kin).order_by("number")
        ]
        rows.sort(key=lambda row: row.at)
        tiers = {member: list_tiers(member) for member in kin}
        answers, _ = replay_by_hand(
            rows, tiers, approved, proposed, make_plain(since), map_changes()
        )
        checks = {row.id: row for row in rows if isinstance(row, CheckThen)}
        others |= {
            checks[pk]: is_allowed
            for pk, is_allowed in answers.items()
            if is_allowed != bool(checks[pk].is_allowed)
        }
    return others


def list_tiers(customer):
    return [
        TierChange(make_plain(each.at), each.to_tier, make_plain(each.tier_since))
        for each in KycChange.objects.filter(customer_id=customer).order_by("pk")
    ]


def map_changes():
    """Map each entry of a merge to who means whom from then on."""
    merges = {f"{each.kind}-{each.pk}": each for each in Merge.objects.filter(state="APPROVED")}
    changes = {}
    for pk, name in LedgerEntry.objects.filter(kind="M").values_list("pk", "ref_id"):
        merge = merges[name]
        above = merge.customer_id if merge.kind == "MERGE" else merge.merged_id
        changes[pk] = merge.merged_id, above
    return changes


def test_histories_of_every_kind_come_to_what_a_model_of_dictionaries_does(monkeypatch):
    monkeypatch.setattr(what_if, "CUSTOMERS_AT_ONCE", 2)
    _, until = write_histories()
    draw, seen = random.Random(7), {True: 0, False: 0}
    told = []
    found = work_out({}, months=12, until=until, progress=lambda *done: told.append(done))
    assert found["checks"] == LimitCheck.objects.count()
    assert (found["declined"]["checks"], found["let_through"]["checks"]) == (0, 0)
    assert told[0] == (2, told[0][1])
    assert told[-1][0] == told[-1][1]
    for _ in range(12):
        places = draw.sample(PLACES, 8)
        proposed = {
            place: 3 if place[2] == "CREDIT_STOP" else draw.choice([None, 150_000, 1_400_000])
            for place in places
        }
        months = draw.choice([1, 2, 3, 12])  # so that sums begin in the middle, too
        found = work_out(proposed, months=months, until=until)
        since = what_if.make_frame(months, until).since
        others = replay_tables_by_hand(proposed, since)
        for name, is_allowed in (("declined", False), ("let_through", True)):
            rows = [row for row, allowed in others.items() if allowed == is_allowed]
            assert found[name] == sum_up(rows)
            seen[is_allowed] += len(rows)
            for line in (each for each in found["lines"] if each["is_let_through"] == is_allowed):
                of_line = line["tier"], line["processor"]
                own = [row for row in rows if (row.tier, row.processor_id) == of_line]
                assert {name: line[name] for name in sum_up(own)} == sum_up(own)
        largest = sorted(others, key=lambda row: (-row.amount_paise, row.id))[:10]
        assert [each["check"] for each in found["largest"]] == [row.id for row in largest]
    assert min(seen.values()) > 5


def sum_up(rows):
    owners = {find_root(row.unique_id_sent) for row in rows}
    paise = sum(row.amount_paise for row in rows)
    return {"checks": len(rows), "customers": len(owners), "paise": paise}


def test_the_command_prints_the_same_figures(ent, customer, tmp_path):
    days = Days(ent, customer)
    check = days.spend(900_000)
    pack = tmp_path / "pack.json"
    pack.write_text(
        '{"rules": [{"tier": "N", "direction": "D", "window": "MONTH", "amount": 899999,'
        ' "in_force_from": null, "source": "a test"}]}'
    )
    told = StringIO()
    with clock.freeze(days.at + timedelta(hours=1)):
        call_command("what_if", str(pack), "--months", "12", stdout=told)
    assert told.getvalue().splitlines() == [
        "Jul 2025 to Jun 2026: 1 checks of 1 customers decided anew.",
        "Newly declined: 1 checks of 1 customers, ₹9,000.00",
        "Newly let through: 0 checks of 0 customers, ₹0.00",
        "  Min KYC, ENT, newly declined: 1 checks of 1 customers, ₹9,000.00",
        "The largest:",
        f"  ₹9,000.00, newly declined: check {check.pk} of customer {customer}",
    ]
