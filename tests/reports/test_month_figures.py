"""A month's figures, against all rows read one by one."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from customers.choices import Tier
from customers.models import Customer, KycChange, Merge
from limits.models import LedgerEntry, LimitCheck, LimitRule, PostingFinding
from limits.services import findings
from ppims.core import calendar, clock
from ppims.models import AuditEntry, Processor, User
from ppims.reports import keyset, month_blocks, over_limit
from ppims.reports.heads import ANY_FLAG
from ppims.reports.month_figures import Section, read_month_figures
from tests.factories import (
    make_check,
    make_customer,
    make_posting,
    make_rule,
    set_blocked,
    set_tier,
)
from tests.ledger import histories
from tests.ledger.histories import adjust
from tests.reports.figure_lists import count_listed
from tests.two_people import merge_customers, unmerge_customer

pytestmark = pytest.mark.django_db
NOVEMBER, DECEMBER = 203111, 203112
LAST_INSTANT = datetime(2031, 11, 30, 18, 29, 59, 999_999, tzinfo=UTC)
ONE_MICROSECOND = timedelta(microseconds=1)
MONTHS_OF_HISTORIES = [202601, 202602, 202603, 202604, 202606]


def read(month, section):
    found = read_month_figures(month).list_of(section)
    return {each.of: (each.count, each.paise) for each in found if each.count}


def count(month, section):
    return {of: number for of, (number, _) in read(month, section).items()}


# By brute force.


def is_of(month, at):
    return calendar.number_ist_month(at) == month


def sum_rows(rows, name):
    sums = {}
    for row in rows:
        number, paise = sums.get(name(row), (0, 0))
        sums[name(row)] = number + 1, paise + abs(row.amount_paise)
    return sums


def list_tiers(customer, at):
    """The tiers of a customer until an instant, in their order."""
    changes = KycChange.objects.filter(customer=customer, at__lte=at).order_by("at", "pk")
    return [change.to_tier for change in changes]


def was_merged(customer, at):
    """Whether the customer was merged into another just before an instant, or at it."""
    decided = Merge.objects.filter(merged_id=customer.pk, state="APPROVED", decided_at__lte=at)
    last = decided.order_by("decided_at", "pk").last()
    return last is not None and last.kind == "MERGE"


def count_people(month, end):
    counted = Counter()
    for customer in Customer.objects.all():
        tiers = list_tiers(customer, end)
        if tiers and not was_merged(customer, end):
            counted["at end", tiers[-1]] += 1
        changes = KycChange.objects.filter(customer=customer).order_by("at", "pk")
        known = ["", *(change.to_tier for change in changes)]
        for change, (before, after) in zip(changes, pairwise(known), strict=True):
            is_own = not (before and was_merged(customer, change.at))
            if is_of(month, change.at) and before != after and is_own:
                rose = before and Tier(before).rank < Tier(after).rank
                what = "onboarded" if not before else "raised" if rose else "lowered"
                counted[what, after] += 1
    for entry in AuditEntry.objects.filter(action="customer blocked"):
        if is_of(month, entry.at):
            counted["blocked", list_tiers(entry.subject, entry.at)[-1]] += 1
    return counted


def count_over(month, end):
    counted = Counter()
    for customer in Customer.objects.all():
        tiers = list_tiers(customer, end)
        for way in "DC" if tiers else "":
            entries = LedgerEntry.objects.filter(customer=customer, direction=way)
            used = Counter()
            for entry in entries:
                sign = {"R": -1, "F": 0}.get(entry.kind, 1)
                used[entry.month] += sign * entry.amount_paise
            year = calendar.list_months_of_financial_year(month)
            year_until = sum(used[each] for each in year if each <= month)
            sums = {"MONTH": used[month], "FINANCIAL_YEAR": year_until}
            rules = LimitRule.objects.filter(tier=tiers[-1], direction=way, state="APPROVED")
            limits = {
                rule.window: rule.amount
                for rule in rules.filter(in_force_from__lte=end).order_by("in_force_from", "pk")
            }
            over = [w for w, paise in sums.items() if limits.get(w) and paise > limits[w]]
            counted[way,] += bool(over)
    return {of: number for of, number in counted.items() if number}


@pytest.mark.parametrize("seed", [1, 2])
def test_all_figures_are_those_of_the_rows(db, seed):
    with clock.freeze(histories.START):
        written = histories.write(seed, customers=8, steps=40)
    histories.add_all_kinds(written)
    before = written[0].processors[0], max(history.at for history in written)
    histories.change_staff_and_processors(*before)
    add_year_rule()
    at = max(history.at for history in written) + timedelta(days=1)
    names = dict(Processor.objects.values_list("pk", "system_id"))
    seen = Counter()
    for month in sorted({*MONTHS_OF_HISTORIES, calendar.number_ist_month(at)}):
        entries = [e for e in LedgerEntry.objects.all() if is_of(month, e.at)]
        posted = [entry for entry in entries if entry.kind == "S"]
        place = read(month, Section.POSTINGS)
        assert place == sum_rows(posted, lambda e: (e.direction, e.tier, names[e.processor_id]))
        undone = [entry for entry in entries if entry.kind == "R"]
        assert read(month, Section.REVERSALS) == sum_rows(undone, lambda e: (e.direction,))
        brought = [entry for entry in entries if entry.kind == "O"]
        assert read(month, Section.OPENINGS) == sum_rows(brought, lambda e: (e.direction,))
        corrected = [entry for entry in entries if entry.kind == "A"]
        assert read(month, Section.CORRECTIONS) == sum_rows(
            corrected, lambda e: ("added" if e.amount_paise > 0 else "taken away",)
        )
        declined = [c for c in LimitCheck.objects.filter(is_allowed=False) if is_of(month, c.at)]
        assert count(month, Section.DECLINES) == Counter((c.reason,) for c in declined)
        closed = dict(PostingFinding.objects.exclude(finding="").values_list("entry", "finding"))
        flagged = Counter(
            (flag, closed.get(entry.pk, ""))
            for entry in entries
            if entry.flags
            for flag in (*entry.flag_list, ANY_FLAG)
        )
        assert count(month, Section.FLAGGED) == flagged
        with clock.freeze(at):
            end = min(at, find_end(month)) - ONE_MICROSECOND
            assert count(month, Section.CUSTOMERS) == +count_people(month, end)
            assert count(month, Section.OVER) == count_over(month, end)
            assert count_listed(month) == {
                **count(month, Section.OVER),
                **count(month, Section.CUSTOMERS),
            }
            seen.update({s: bool(read(month, s)) for s in Section})
    assert all(seen[section] for section in Section), seen


def add_year_rule():
    start = datetime(2026, 2, 10, tzinfo=UTC)
    for tier in "NP":
        fields = {"tier": tier, "direction": "D", "window": "FINANCIAL_YEAR"}
        make_rule(**fields, amount=1_500_000, in_force_from=start)


def find_end(month):
    return calendar.find_midnight(calendar.find_first_day_after_month(month))


# Where a month ends.


@pytest.mark.parametrize(
    ("later", "november", "december"),
    [(timedelta(), 1, 0), (ONE_MICROSECOND, 0, 1)],
    ids=["last instant", "first of the next"],
)
def test_it_counts_in_the_month_in_which_it_arrives(ent, later, november, december):
    with clock.freeze(LAST_INSTANT + later):
        customer = make_customer(ent, kyc_flag="P")
        make_posting(ent, customer, 500, tran_id="T1")
        make_posting(ent, customer, 5, kind="R", tran_id="T1")
        make_check(ent, customer, 10**9)
        adjust(customer, NOVEMBER, 7)
        set_tier(customer, "F")
        set_blocked(customer, blocked=True)
    with clock.freeze(LAST_INSTANT + timedelta(days=40)):
        expected = {NOVEMBER: november, DECEMBER: december}
        for month, number in expected.items():
            told = {
                section: sum(count(month, section).values())
                for section in (Section.POSTINGS, Section.REVERSALS, Section.DECLINES)
            }
            assert set(told.values()) == {number}
            assert read(month, Section.CORRECTIONS) == ({("added",): (1, 7)} if number else {})
            people = count(month, Section.CUSTOMERS)
            happened = {of: n for of, n in people.items() if of[0] != "at end"}
            came = {("onboarded", "P"): 1, ("raised", "F"): 1, ("blocked", "F"): 1}
            assert happened == (came if number else {})
        at_end = {("at end", "F"): 1}
        assert (at_end.items() <= count(NOVEMBER, Section.CUSTOMERS).items()) == bool(november)
        assert at_end.items() <= count(DECEMBER, Section.CUSTOMERS).items()


def test_what_comes_later_leaves_a_month_as_it_was_but_for_what_is_over_and_open(ent):
    maker = User.objects.create(username="farhan")
    with clock.freeze(LAST_INSTANT):
        customer = make_customer(ent)
        flagged, _ = make_posting(ent, customer, 1_000_000, tran_id="T1")
    with clock.freeze(LAST_INSTANT + timedelta(days=3)):
        before = read_month_figures(NOVEMBER)
        make_posting(ent, customer, 300, kind="R", tran_id="T1")
        set_tier(customer, "F")
        assert read_month_figures(NOVEMBER) == before
        assert count(NOVEMBER, Section.OVER) == {}
        set_tier(customer, "P")
        adjust(customer, NOVEMBER, 301)
        assert count(NOVEMBER, Section.OVER) == {("D",): 1}
        findings.note(flagged, finding="GENUINE", note="so it is", user=maker)
        assert count(NOVEMBER, Section.FLAGGED)[ANY_FLAG, "GENUINE"] == 1
        after = read_month_figures(NOVEMBER)
    changed = {each.section for each in set(before.figures) ^ set(after.figures)}
    assert changed == {Section.OVER, Section.FLAGGED}


def test_the_digest_is_of_month_and_figures_alone(ent):
    with clock.freeze(LAST_INSTANT):
        customer = make_customer(ent)
        make_posting(ent, customer, 500)
        first = read_month_figures(NOVEMBER)
        assert read_month_figures(NOVEMBER).digest == first.digest
        assert read_month_figures(NOVEMBER - 1).digest != first.digest
        make_posting(ent, customer, 1, kind="F")
        assert read_month_figures(NOVEMBER).digest == first.digest
        make_posting(ent, customer, 1)
        assert read_month_figures(NOVEMBER).digest != first.digest


def test_many_are_blocked_in_a_month_by_a_few_statements(ent, monkeypatch):
    monkeypatch.setattr(month_blocks, "IDS_AT_ONCE", 2)
    with clock.freeze(LAST_INSTANT):
        for tier in "NPPPF":
            set_blocked(make_customer(ent, kyc_flag=tier), blocked=True)
        people = read_both(NOVEMBER)
    assert {tier: people["blocked", tier] for tier in "NPF"} == {"N": 1, "P": 3, "F": 1}


def test_one_who_is_blocked_twice_is_listed_each_time_with_the_kyc_of_then(ent):
    with clock.freeze(LAST_INSTANT - timedelta(days=1)):
        customer = make_customer(ent, kyc_flag="N")
        set_blocked(customer, blocked=True)
        set_blocked(customer, blocked=False)
    with clock.freeze(LAST_INSTANT):
        set_tier(customer, "F")
        set_blocked(customer, blocked=True)
        figures = read_both(NOVEMBER)
    assert {of for of in figures if of[0] == "blocked"} == {("blocked", "N"), ("blocked", "F")}


# Each figure of customers, and its list.


def read_both(month):
    """The figures of customers and of who is over a limit, which the lists have to say, too."""
    figures = {**count(month, Section.OVER), **count(month, Section.CUSTOMERS)}
    assert count_listed(month) == figures
    return figures


@pytest.mark.parametrize(
    ("later", "november"),
    [(timedelta(), 1), (ONE_MICROSECOND, 0)],
    ids=["last instant", "first of the next"],
)
def test_a_list_has_whom_its_figure_counts_at_each_end_of_the_month(ent, later, november):
    at = LAST_INSTANT + later
    with clock.freeze(LAST_INSTANT - timedelta(days=40)):
        rising, falling, spending = (make_customer(ent, kyc_flag=tier) for tier in "PFP")
    with clock.freeze(at):
        set_blocked(make_customer(ent, kyc_flag="N"), blocked=True)
        set_tier(rising, "F")
        set_tier(falling, "N")
        make_posting(ent, spending, 1_000_001)
    with clock.freeze(LAST_INSTANT + timedelta(days=40)):
        happened = {("onboarded", "N"): 1, ("raised", "F"): 1, ("lowered", "N"): 1, ("D",): 1}
        happened["blocked", "N"] = 1
        at_end = {("at end", "N"): 2, ("at end", "P"): 1, ("at end", "F"): 1}
        as_before = {("at end", "P"): 2, ("at end", "F"): 1}
        assert read_both(NOVEMBER) == ({**happened, **at_end} if november else as_before)
        assert read_both(DECEMBER) == (at_end if november else {**happened, **at_end})
        assert read_both(NOVEMBER - 1) == {
            ("onboarded", "P"): 2,
            ("onboarded", "F"): 1,
            **as_before,
        }


def test_one_who_changes_more_than_once_is_listed_each_time(ent):
    with clock.freeze(LAST_INSTANT - timedelta(hours=5)):
        customer = make_customer(ent, kyc_flag="N")
    for number, tier in enumerate("FNFP"):
        with clock.freeze(LAST_INSTANT - timedelta(hours=4 - number)):
            set_tier(customer, tier)
    with clock.freeze(LAST_INSTANT):
        figures = read_both(NOVEMBER)
    assert figures["raised", "F"] == 2
    assert (figures["lowered", "N"], figures["lowered", "P"]) == (1, 1)


def test_a_merged_customer_is_none_of_its_own_while_it_is_merged(ent):
    with clock.freeze(LAST_INSTANT - timedelta(days=3)):
        survivor = make_customer(ent, kyc_flag="N")
    with clock.freeze(LAST_INSTANT - timedelta(days=3) + ONE_MICROSECOND):
        merged = make_customer(ent, kyc_flag="F")
        before = read_both(NOVEMBER)
        assert before == {
            ("onboarded", "N"): 1,
            ("onboarded", "F"): 1,
            ("at end", "N"): 1,
            ("at end", "F"): 1,
        }
    with clock.freeze(LAST_INSTANT - timedelta(days=2)):
        merge_customers(survivor, merged)
        raised = {("onboarded", "N"): 1, ("onboarded", "F"): 1, ("raised", "F"): 1}
        assert read_both(NOVEMBER) == {**raised, ("at end", "F"): 1}
        make_posting(ent, merged, 10**9)
        of_merged = KycChange.objects.filter(customer_id=merged).count()
    with clock.freeze(LAST_INSTANT - timedelta(days=1)):
        set_tier(merged, "P")  # as an update by the merged id is kept, on both
        set_tier(survivor, "P")
        assert KycChange.objects.filter(customer_id=merged).count() == of_merged + 1
        figures = {**raised, ("lowered", "P"): 1, ("at end", "P"): 1, ("D",): 1}
        assert read_both(NOVEMBER) == figures
    with clock.freeze(LAST_INSTANT + ONE_MICROSECOND):
        unmerge_customer(merged)
        assert read_both(NOVEMBER) == figures
        assert sum(n for of, n in read_both(DECEMBER).items() if of[0] == "at end") == 2


def test_who_was_merged_later_stays_in_a_month_that_is_over(ent):
    with clock.freeze(LAST_INSTANT - ONE_MICROSECOND):
        survivor = make_customer(ent)
    with clock.freeze(LAST_INSTANT):
        merged = make_customer(ent)
        set_tier(merged, "F")
        before = read_both(NOVEMBER)
    with clock.freeze(LAST_INSTANT + ONE_MICROSECOND):
        merge_customers(survivor, merged)
        assert read_both(NOVEMBER) == before
        assert read_both(DECEMBER)["at end", "F"] == 1


@pytest.mark.parametrize("most", [1, 2, 5])
def test_who_is_over_is_listed_whole_a_few_at_a_time(ent, monkeypatch, most):
    monkeypatch.setattr(over_limit, "IDS_AT_ONCE", 2)
    monkeypatch.setattr(keyset, "LOOKED_UP", most)
    with clock.freeze(LAST_INSTANT):
        for number in range(9):
            customer = make_customer(ent, kyc_flag="F" if number % 2 else "P")
            make_posting(ent, customer, 1_000_001)  # over the limit of New Min alone
        assert read_both(NOVEMBER)["D",] == 5
