"""How pages write money, time and codes."""

import re
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from django.conf import settings
from django.template import Context, Template

from customers.choices import InstrumentStatus, Tier
from customers.models import Customer
from limits import decision
from limits.models import Direction, LedgerEntry
from ppims.backoffice import labels


def render(text, **context):
    return Template("{% load ppims %}" + text).render(Context(context))


@pytest.mark.parametrize(
    ("paise", "said"),
    [
        (1_234_567_890, "₹1,23,45,678.90"),
        (0, "₹0.00"),
        (-5, "-₹0.05"),
        (99_999, "₹999.99"),
        (100_000, "₹1,000.00"),
        (None, "–"),
    ],
)
def test_paise_are_written_as_people_in_india_do(paise, said):
    assert render("{{ it|inr }}", it=paise) == said


@pytest.mark.parametrize(
    ("at", "said", "day", "start"),
    [
        (datetime(2026, 11, 25, 10, 47, 59, tzinfo=UTC), "25 Nov 2026, 4:17 PM", "25 Nov 2026", 1),
        (datetime(2026, 11, 30, 18, 29, 59, tzinfo=UTC), "30 Nov 2026, 11:59 PM", "30 Nov 2026", 1),
        (datetime(2026, 11, 30, 18, 30, tzinfo=UTC), "1 Dec 2026, 12:00 AM", "1 Dec 2026", 0),
        (datetime(2027, 1, 1, 6, 30, tzinfo=UTC), "1 Jan 2027, 12:00 PM", "1 Jan 2027", 1),
        (None, "–", "–", 1),
    ],
)
def test_an_instant_is_written_in_indias_time_always_with_the_year(at, said, day, start):
    assert render("{{ it|ist }}", it=at) == said
    assert render("{{ it|ist_date }}", it=at) == day
    assert render("{{ it|ist_start }}", it=at) == (said if start else day)


def test_a_day_is_itself():
    assert render("{{ it|ist_date }}", it=date(2026, 12, 1)) == "1 Dec 2026"


def test_an_icon_is_drawn_from_the_sprite_and_read_by_nobody():
    assert render('{% icon "search" %}') == (
        '<svg class="icon" width="16" height="16" aria-hidden="true">'
        '<use href="/static/icons.svg#search"/></svg>'
    )


def test_every_reason_of_a_decision_has_words():
    api = Path(settings.BASE_DIR, "docs/api.md").read_text()
    [table] = re.findall(r"\n### Reasons\n(.*?)\nIf several apply", api, re.DOTALL)
    codes = set(re.findall(r"^\| `([A-Z_]+)` \|", table, re.MULTILINE))
    assert codes >= {decision.WITHIN_LIMITS, *decision.REASONS.values()}
    assert set(labels.REASONS) == codes
    assert {labels.name_reason(code) for code in codes}.isdisjoint(codes)


@pytest.mark.parametrize(
    ("codes", "said"),
    [
        ("", ""),
        ("LATE", "after its hold ended"),
        ("DECLINED,AMOUNT_DIFFERS", "though declined and with another amount"),
        ("UNCHECKED,OVER_LIMIT,BLOCKED", "without a check, over the limit and while blocked"),
    ],
)
def test_flags_are_said_as_a_list(codes, said):
    assert labels.name_flags(codes) == said


def test_blocked_by_us_is_not_what_a_processor_froze():
    assert (
        labels.name_reason("CUSTOMER_BLOCKED") == Customer.Status.BLOCKED.label == "Blocked by us"
    )
    assert "Blocked by us" not in {str(status.label) for status in InstrumentStatus}


def test_what_models_name_is_named_there():
    assert [labels.name_tier(tier) for tier in Tier] == ["Min", "New Min", "Full KYC"]
    assert [str(tier.label) for tier in Tier] == ["Min KYC", "New Min KYC", "Full KYC"]
    assert [str(way.label) for way in Direction] == ["Spend", "Load"]
    kinds = [str(kind.label) for kind in LedgerEntry.Kind]
    assert kinds[:3] == ["Posted", "Released", "Reversed"]
