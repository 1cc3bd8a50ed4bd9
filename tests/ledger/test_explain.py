"""Every check and entry comes about anew as it was recorded, whatever came before it; and what was
changed behind the services' back does not.
"""

import random
from datetime import UTC, datetime, timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import DataError, IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext

from limits.explain import explain_check, explain_entry
from limits.explain.results import WhyNot
from limits.models import LedgerEntry, LimitCheck, MonthlyUsage
from ppims.backoffice.explanation import explain_in_words, write_text
from ppims.backoffice.explanation.sheet import make_sheet
from ppims.core import clock
from ppims.db import append_only
from ppims.models import ReplayKey
from tests.factories import (
    make_check,
    make_customer,
    make_posting,
    make_rule,
    set_blocked,
    set_tier,
)
from tests.ledger import histories, tampering
from tests.ledger.histories import adjust
from tests.two_people import merge_customers, unmerge_customer
from tests.web.admin_pages import open_browser, read_words

pytestmark = pytest.mark.django_db
AT = datetime(2026, 11, 25, 10, 47, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
WIDEST_COLUMNS = 100
# What a row is found by: changed, it is another row.
FOUND_BY = {"id", "customer_id"}


def explain(row):
    """Explain a row as it is by now, and see that it can be put into words."""
    explain_one = explain_check if isinstance(row, LimitCheck) else explain_entry
    explained = explain_one(row.customer_id, row.pk)
    sheet = make_sheet(explained, {})
    assert max(map(len, write_text(sheet))) <= WIDEST_COLUMNS
    assert sheet.is_as_recorded == explained.is_as_recorded
    return explained


def list_rows():
    return [*LimitCheck.objects.order_by("pk"), *LedgerEntry.objects.order_by("pk")]


def list_not_as_recorded():
    """List what differs, of all rows."""
    found = [explain(row) for row in list_rows()]
    return [
        (type(each.row).__name__, each.row.id, each.differing, each.refusals, each.problems)
        for each in found
        if not each.is_as_recorded
    ]


def find_differing(row):
    return [each.name for each in explain(row).differing]


@pytest.fixture
def customer(ent, cbs):
    with clock.freeze(AT - 40 * 24 * 60 * MINUTE):
        return make_customer(ent, cbs, account_number="ACC-1")


def freeze_after(minutes):
    return clock.freeze(AT + minutes * MINUTE)


# Whatever happened.


@pytest.mark.parametrize("seed", range(2))
def test_every_row_of_drawn_histories_is_as_recorded(seed):
    written = histories.write(seed, customers=5, steps=12)
    histories.add_all_kinds(written)
    histories.merge_some(written)
    for history in written:
        history.step()
    assert list_not_as_recorded() == []
    kinds = set(LedgerEntry.objects.values_list("kind", flat=True))
    assert kinds == {"S", "F", "R", "A", "M"}
    assert len(list_rows()) > 60


def test_rows_of_one_instant_are_as_recorded_whichever_came_first(ent, cbs, customer):
    with clock.freeze(AT):
        asked, _ = make_check(ent, customer, 400_000)
        make_posting(ent, customer, 400_000, enquiry=asked.ref_id, tran_id="T1")
        make_check(cbs, customer, 500_000)
        make_posting(ent, customer, 100, "R", tran_id="T1")
        make_check(ent, customer, 200_000)
        make_check(ent, customer, 100_100)
        make_posting(cbs, customer, 7)
    assert list_not_as_recorded() == []


def test_merged_and_parted_at_one_instant_all_rows_are_as_recorded(ent, cbs):
    with clock.freeze(AT - 90 * 24 * 60 * MINUTE):
        survivor = make_customer(ent)
    with clock.freeze(AT):
        merged = make_customer(cbs)
        make_posting(ent, survivor, 300_000, tran_id="T1")
        held, _ = make_check(cbs, merged, 300_000)
        make_posting(cbs, merged, 111, direction="C")
        merge_customers(survivor, merged)
        asked, _ = make_check(ent, merged, 400_001)
        assert (asked.is_allowed, asked.used_paise, asked.held_paise) == (False, 300_000, 300_000)
        make_posting(cbs, merged, 250_000, enquiry=held.ref_id, tran_id="T2")
        make_posting(cbs, merged, 50_000, "R", tran_id="T2")
        unmerge_customer(merged)
        make_posting(cbs, merged, 7, "R", tran_id="T2")
        make_check(ent, survivor, 700_000)
    assert list_not_as_recorded() == []
    moved = LedgerEntry.objects.filter(kind="M", customer=merged, month=202611, direction="D")
    assert [row.amount_paise for row in moved] == [0, 200_000]


# Both sides of a boundary.


@pytest.mark.parametrize(("paise", "is_allowed"), [(600_000, True), (600_001, False)])
def test_at_the_limit_and_one_paisa_over_it(ent, customer, paise, is_allowed):
    with freeze_after(0):
        make_posting(ent, customer, 400_000)
    with freeze_after(1):
        asked, _ = make_check(ent, customer, paise)
    explained = explain(asked)
    (month,) = explained.windows
    assert (explained.is_as_recorded, explained.row.is_allowed) == (True, is_allowed)
    assert (month.before.used, month.before.held, month.before.left) == (400_000, 0, 600_000)
    assert (month.after.held, month.after.left) == ((600_000, 0) if is_allowed else (0, 600_000))
    assert (explained.entries.count, explained.entries.paise) == (1, 400_000)


@pytest.mark.parametrize(("minutes", "is_open"), [(14, True), (16, False)])
def test_a_hold_counts_until_its_end(ent, customer, minutes, is_open):
    with freeze_after(0):
        held, _ = make_check(ent, customer, 400_000)
    with freeze_after(minutes):
        asked, _ = make_check(ent, customer, 1)
        entry, _ = make_posting(ent, customer, 400_000, enquiry=held.ref_id)
    explained = explain(asked)
    assert [line.id for line in explained.holds.lines] == ([held.pk] if is_open else [])
    booked = explain(entry)
    assert (booked.is_as_recorded, booked.named.is_held) == (True, is_open)
    assert booked.flags == (() if is_open else (("LATE", True, True),))


@pytest.mark.parametrize("later_seconds", [-1, 1])
def test_the_turn_of_the_month(ent, customer, later_seconds):
    midnight = datetime(2026, 11, 30, 18, 30, tzinfo=UTC)
    with clock.freeze(midnight - MINUTE):
        make_posting(ent, customer, 1_000_000)
    with clock.freeze(midnight + timedelta(seconds=later_seconds)):
        asked, _ = make_check(ent, customer, 1)
    explained = explain(asked)
    assert explained.is_as_recorded
    assert explained.row.is_allowed == (later_seconds > 0)
    assert explained.entries.paise == (0 if later_seconds > 0 else 1_000_000)


def test_a_rule_that_has_ended_since_still_explains_what_it_decided(ent, customer):
    with freeze_after(0):
        asked, _ = make_check(ent, customer, 900_000)
    ends_at = AT + 60 * MINUTE
    make_rule(tier="P", direction="D", window="MONTH", amount=5, in_force_from=ends_at)
    with freeze_after(62):
        declined, _ = make_check(ent, customer, 900_000)
    before, since = explain(asked), explain(declined)
    assert (before.is_as_recorded, since.is_as_recorded) == (True, True)
    assert (before.windows[0].amount, before.windows[0].until) == (1_000_000, ends_at)
    assert (since.windows[0].amount, since.windows[0].until) == (5, None)


def test_each_window_is_explained_and_the_year_by_its_months(ent, customer):
    began = AT - 400 * 24 * 60 * MINUTE
    for window, amount in (("FINANCIAL_YEAR", 1_500_000), ("BALANCE", 900_000)):
        make_rule(tier="P", direction="C", window=window, amount=amount, in_force_from=began)
    make_rule(tier="P", direction="C", window="CREDIT_STOP", amount=12, in_force_from=began)
    with clock.freeze(AT - 30 * 24 * 60 * MINUTE):
        make_posting(ent, customer, 700_000, direction="C")
    with freeze_after(0):
        make_posting(ent, customer, 100_000, direction="C")
        asked, _ = make_check(ent, customer, 700_001, "C", balance_paise=200_000)
    explained = explain(asked)
    assert explained.is_as_recorded
    assert asked.reason == "FINANCIAL_YEAR_LIMIT"
    by_window = {each.window: each for each in explained.windows}
    assert by_window["FINANCIAL_YEAR"].before.left == 700_000
    assert by_window["MONTH"].before.left == 900_000
    assert by_window["BALANCE"].left == 700_000
    assert by_window["CREDIT_STOP"].stops_at > AT
    assert [w for w, each in by_window.items() if each.is_deciding] == ["FINANCIAL_YEAR"]
    assert explained.used_by_month == {202610: 700_000, 202611: 100_000}


# What an entry names.


def test_why_a_named_check_was_not_answered(ent, cbs, customer):
    with freeze_after(0):
        asked, _ = make_check(ent, customer, 100)
        other, _ = make_check(cbs, customer, 100)
        loaded, _ = make_check(ent, customer, 100, "C")
        anothers, _ = make_check(ent, make_customer(ent), 100)
    named = [asked, asked, other, loaded, anothers]
    with freeze_after(1):
        booked = [make_posting(ent, customer, 100, enquiry=each.ref_id)[0] for each in named]
    found = [explain(entry) for entry in booked]
    assert [each.named.why_not for each in found] == [
        *(None, WhyNot.SETTLED, WhyNot.UNKNOWN, WhyNot.OTHER_DIRECTION, WhyNot.ANOTHERS)
    ]
    assert found[1].named.settled_by.id == booked[0].pk
    assert found[4].named.check is None
    assert all(each.is_as_recorded for each in found)


def test_what_gives_back_of_a_posting(ent, customer):
    with freeze_after(0):
        posting, _ = make_posting(ent, customer, 1_000, tran_id="T1")
        make_posting(ent, customer, 300, "R", tran_id="T1")
        adjust(customer, 202611, -200, "D", posting.pk)
        last, _ = make_posting(ent, customer, 500, "R", tran_id="T1")
    explained = explain(last)
    assert (explained.given_back.posting.id, explained.given_back.before) == (posting.pk, 500)
    assert list_not_as_recorded() == []


def test_a_blocked_customer_and_a_higher_tier(ent, customer):
    with freeze_after(0):
        set_blocked(customer, blocked=True)
    with freeze_after(2):
        asked, _ = make_check(ent, customer, 100)
        entry, _ = make_posting(ent, customer, 100)
    with freeze_after(4):
        set_tier(customer, "F")
    with freeze_after(6):
        full, _ = make_check(ent, customer, 100)
    assert [explain(each).state.is_blocked for each in (asked, entry)] == [True, True]
    assert [explain(each).state.tier for each in (asked, full)] == ["P", "F"]
    assert list_not_as_recorded() == []


# What was changed.


@pytest.fixture
def unprotected(ent, customer):
    """Some rows of one customer, and nothing that protects them."""
    with freeze_after(0):
        asked, _ = make_check(ent, customer, 200_000, account_number="ACC-1")
        declined, _ = make_check(ent, customer, 2_000_000)
    with freeze_after(1):
        posting, _ = make_posting(ent, customer, 200_001, enquiry=asked.ref_id, tran_id="T1")
        make_posting(ent, customer, 500, "R", tran_id="T1")
        adjust(customer, 202611, 70)
    append_only.remove(*append_only.TABLES)
    if connection.vendor == "sqlite":
        tampering.run("PRAGMA ignore_check_constraints = ON")
    yield asked, declined, posting
    if connection.vendor == "sqlite":
        tampering.run("PRAGMA ignore_check_constraints = OFF")


def test_another_value_in_any_column_of_a_check_or_an_entry_differs(unprotected):
    missed = []
    asked, _, posting = unprotected
    for row in (LimitCheck.objects.get(pk=asked.pk), LedgerEntry.objects.get(pk=posting.pk)):
        for column in tampering.list_fields(row):
            if column.attname in FOUND_BY:
                continue
            draw, place = random.Random(f"{row!r} {column}"), transaction.savepoint()
            try:
                with transaction.atomic():
                    done = tampering.update(draw, row, column)
            except (IntegrityError, DataError, OverflowError):
                done = None  # the database refuses it
            if done:
                named = {"customer_id": row.customer_id, "row_id": row.pk}
                sheet = explain_in_words(is_check=isinstance(row, LimitCheck), **named)
                if sheet and sheet.is_as_recorded:
                    missed.append(done.what)
            transaction.savepoint_rollback(place)
    assert missed == []


@pytest.mark.only_on("sqlite", "PostgreSQL takes no such value")
@pytest.mark.parametrize("value", [b"x", b"1", 2])
def test_what_no_column_should_hold_differs_however_it_is_read(unprotected, value):
    asked, *_ = unprotected
    tampering.run("UPDATE limits_limitcheck SET is_allowed = %s WHERE id = %s", value, asked.pk)
    sheet = explain_in_words(is_check=True, customer_id=asked.customer_id, row_id=asked.pk)
    assert not sheet.is_as_recorded
    assert "is_allowed is neither true nor false" in " ".join(sheet.problems)


def test_an_amount_changed_by_hand_shows_in_what_rests_on_it(ent, customer, unprotected):
    *_, posting = unprotected
    with freeze_after(2):
        asked, _ = make_check(ent, customer, 1)
    tampering.run("UPDATE limits_ledgerentry SET amount_paise = 1 WHERE id = %s", posting.pk)
    explained = explain(LedgerEntry.objects.get(pk=posting.pk))
    assert "Its signature is not right" in " ".join(
        explain_in_words(is_check=False, customer_id=customer, row_id=posting.pk).problems
    )
    assert "used_after_paise" in [each.name for each in explained.differing]
    assert find_differing(asked) == [
        *("used_paise", "remaining_paise", "cumulative_paise", "available_paise")
    ]


def test_a_changed_check_is_told_field_by_field_and_fails_the_command(unprotected):
    asked, *_ = unprotected
    changed = "limits_limitcheck SET cumulative_paise = 5 WHERE id = %s"
    tampering.run(f"UPDATE {changed}", asked.pk)
    page = open_browser("auditor").get(f"/transactions/check/{asked.pk}/explain")
    out = StringIO()
    with pytest.raises(CommandError, match="1 of 1: not as recorded"):
        call_command("explain", asked.ref_id, stdout=out)
    for said in (read_words(page), " ".join(out.getvalue().split())):
        assert "Not as recorded. It was worked out anew, from what stood then: 1 field" in said
        assert "Its signature is not right: it was changed after it was written." in said
        assert "Told as used and on hold ₹0.05 ₹2,000.00" in said


def test_what_was_cached_wrongly_for_a_while_shows_in_what_was_decided_meanwhile(ent, customer):
    with freeze_after(0):
        make_posting(ent, customer, 900_000)
        MonthlyUsage.objects.update(debit_paise=0)
    with freeze_after(1):
        asked, _ = make_check(ent, customer, 900_000)
    MonthlyUsage.objects.update(debit_paise=900_000)
    assert {"is_allowed", "reason", "used_paise"} <= {*find_differing(asked)}


def test_a_ref_id_that_is_gone_and_one_that_points_elsewhere(unprotected):
    asked, declined, _ = unprotected
    ReplayKey.objects.filter(ref_id=asked.ref_id).delete()
    ReplayKey.objects.filter(ref_id=declined.ref_id).update(row_id=asked.pk)
    assert explain(asked).problems == [f"its Ref_Id {asked.ref_id} is gone"]
    assert explain(declined).problems == [f"its Ref_Id {declined.ref_id} points at another row"]


def test_a_tier_given_by_hand_differs_from_what_the_audit_says(ent, customer):
    customer_rows = "customers_customer SET tier = 'F' WHERE unique_id = %s"
    tampering.run(f"UPDATE {customer_rows}", customer)
    with freeze_after(0):
        asked, _ = make_check(ent, customer, 2_000_000)
    assert asked.is_allowed
    explained = explain(asked)
    assert {"tier", "is_allowed", "rule_id"} <= {each.name for each in explained.differing}
    assert any("not as the audit says" in problem for problem in explained.problems)


# What it costs.


def test_it_asks_as_often_whatever_the_customer_has_done(ent, customer):
    counts = []
    for postings in (1, 30):
        with freeze_after(len(counts)):
            for _ in range(postings):
                held, _ = make_check(ent, customer, 2)
                make_posting(ent, customer, 1)
            asked, _ = make_check(ent, customer, 1)
        with CaptureQueriesContext(connection) as asked_for:
            explained = explain_check(customer, asked.pk)
        counts.append(len(asked_for))
    assert counts[0] == counts[1] < 50
    assert (explained.entries.count, len(explained.entries.lines)) == (31, 10)
    assert (explained.entries.more_count, explained.entries.more_paise) == (21, 21)
    assert (explained.holds.count, explained.holds.more_paise) == (32, 43)
    assert held.pk == explained.holds.lines[0].id
