"""Why a check was declined, in words: the figures of then, and what would have let it pass."""

from datetime import UTC, datetime, timedelta

import pytest

from customers.services import blocking
from limits.models import LimitCheck, LimitRule
from ppims.backoffice.decision_text import explain_decision
from ppims.core import clock
from tests.factories import make_check, make_customer, make_posting
from tests.web.admin_pages import make_user

pytestmark = pytest.mark.django_db
AT = datetime(2031, 11, 25, 10, 47, tzinfo=UTC)
USED_SENTENCE = "₹9,000.00 of ₹10,000.00 was used in the calendar month, and "


@pytest.fixture(autouse=True)
def _now():
    with clock.freeze(AT):
        yield


def add_rule(amount, window, direction="C"):
    return LimitRule.objects.create(
        tier="P",
        direction=direction,
        window=window,
        amount=amount,
        state="APPROVED",
        proposed_at=AT,
        decided_at=AT,
        in_force_from=AT - timedelta(days=900),
        source="a test",
    )


def ask(processor, customer, paise, direction="D", **more):
    answer, _ = make_check(processor, customer, paise, direction, **more)
    return LimitCheck.objects.get(pk=answer.pk)


@pytest.mark.parametrize(
    ("held", "paise", "said"),
    [
        (
            0,
            1_000_01,
            (
                "₹0.00 on hold: ₹1,000.00 was left, less than the ₹1,000.01 asked for."
                " Up to ₹1,000.00 would have passed."
                " It resets on 1 Dec 2031; from then on it could pass."
            ),
        ),
        (
            400_00,
            1_000_00,
            (
                "₹400.00 on hold: ₹600.00 was left, less than the ₹1,000.00 asked for."
                " Up to ₹600.00 would have passed."
                " All of it would have passed had what was on hold been given back."
            ),
        ),
        (
            400_00,
            1_000_01,
            (
                "₹400.00 on hold: ₹600.00 was left, less than the ₹1,000.01 asked for."
                " Up to ₹600.00 would have passed."
                " It resets on 1 Dec 2031; from then on it could pass."
            ),
        ),
        (
            1_000_00,
            10_000_01,
            (
                "₹1,000.00 on hold: ₹0.00 was left, less than the ₹10,000.01 asked for."
                " It is more than the whole limit: only a higher KYC could let it pass."
            ),
        ),
    ],
)
def test_over_the_month_it_says_how_much_would_have_passed(ent, customer, held, paise, said):
    make_posting(ent, customer, 9_000_00)
    if held:
        make_check(ent, customer, held)
    assert " ".join(explain_decision(ask(ent, customer, paise))) == USED_SENTENCE + said


def test_what_is_said_to_pass_would_have_passed(ent, customer):
    add_rule(5_000_00, "TRANSACTION", "D")
    make_posting(ent, customer, 9_000_00)
    make_check(ent, customer, 400_00)
    assert "Up to ₹600.00 would have passed." in explain_decision(ask(ent, customer, 6_000_00))
    assert ask(ent, customer, 600_00).is_allowed


def test_over_the_limit_of_one_transaction(ent, customer):
    add_rule(2_000_00, "TRANSACTION", "D")
    assert explain_decision(ask(ent, customer, 2_000_01)) == [
        "One transaction may be at most ₹2,000.00, and ₹2,000.01 was asked for.",
        "Up to ₹2,000.00 would have passed.",
    ]


@pytest.mark.parametrize(
    ("balance", "held", "said"),
    [
        (9_500_00, 0, "Up to ₹500.00, less loads on hold, would have passed."),
        (9_000_00, 1, "With the loads that were on hold it would have been more than that."),
        (10_000_00, 0, "Nothing would have passed before some of it was spent."),
    ],
)
def test_over_the_limit_of_the_balance(ent, customer, balance, held, said):
    add_rule(10_000_00, "BALANCE")
    if held:
        make_check(ent, customer, held, "C")
    answer = ask(ent, customer, 1_000_00, "C", balance_paise=balance)
    first, last = explain_decision(answer)
    most = "The balance may be at most ₹10,000.00; it was ₹"
    assert first.startswith(f"{most}9," if held else most)
    assert first.endswith("and ₹1,000.00 was to be loaded.")
    assert last == said


@pytest.mark.parametrize(("months", "said"), [(1, "1 month, and that"), (2, "2 months, and they")])
def test_when_loading_has_stopped(ent, customer, months, said):
    add_rule(months, "CREDIT_STOP")
    with clock.freeze(AT + timedelta(days=70)):
        first, last = explain_decision(ask(ent, customer, 1_00, "C"))
    assert first.startswith(f"At New Min KYC one may load for {said} w")
    assert last.startswith("No amount would have passed; after a KYC upgrade")


def test_what_no_amount_could_have_helped(ent):
    customer = make_customer(ent, card_number="4111222233334321", card_status="F")
    account = explain_decision(ask(ent, customer, 1, account_number="999900001111"))
    card = explain_decision(ask(ent, customer, 1, card_number="4111222233334321"))
    blocking.block(customer_id=customer, reason="lost", user=make_user("maker"))
    blocked = explain_decision(ask(ent, customer, 1))
    assert account[0].startswith("Account ••••1111 was not active")
    assert card[0].startswith("Card ••••4321 was not active")
    assert blocked[0] == "The customer was blocked by us, whatever the limits said."
    for said in (account, card, blocked):
        assert said[1].startswith("No amount would have passed; ")


def test_an_allowed_one_says_what_was_left_with_it(ent, customer):
    assert explain_decision(ask(ent, customer, 400_00)) == [
        (
            "With it ₹400.00 of ₹10,000.00 was used or on hold in the calendar month:"
            " ₹9,600.00 was left."
        )
    ]
    free = make_customer(ent, kyc_flag="F", ovid_type="PAN", ovid_value="ABCPE1234F")
    assert explain_decision(ask(ent, free, 1)) == [
        "At Full KYC no rule of a month or a year limited it."
    ]
