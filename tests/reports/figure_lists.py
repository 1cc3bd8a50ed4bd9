"""The lists that a month's figures of customers lead to, read to their ends."""

from collections import Counter

from customers.choices import Tier
from ppims.reports.customers import Filters, list_customers
from ppims.reports.customers_of_month import OfMonth, What, list_customers_of_month
from ppims.reports.keyset import read_every_page
from ppims.reports.month_figures import People
from ppims.reports.month_span import make_span

ROWS_A_PAGE = 3
LISTS = {
    **{(People.RAISED, tier): (What.RAISED, tier) for tier in Tier.values},
    **{(People.LOWERED, tier): (What.LOWERED, tier) for tier in Tier.values},
    **{(People.BLOCKED, tier): (What.BLOCKED, tier) for tier in Tier.values},
    **{(People.AT_END, tier): (What.AT_END, tier) for tier in Tier.values},
    ("D",): (What.OVER_SPEND, None),
    ("C",): (What.OVER_LOAD, None),
}


def count_listed(month):
    """How many rows the list of each figure has, by the figure's codes; none is left out."""
    counted = Counter()
    for of, (what, tier) in LISTS.items():
        rows = read_whole(list_customers_of_month, OfMonth(month, what, tier))
        assert not tier or {row.tier for row in rows} <= {tier}
        counted[of] = len(rows)
    for what in (What.RAISED, What.LOWERED, What.BLOCKED, What.AT_END):
        rows = read_whole(list_customers_of_month, OfMonth(month, what))
        of_tiers = Counter(row.tier for row in rows)
        by_themselves = {tier: counted[of] for of, (w, tier) in LISTS.items() if w == what}
        assert of_tiers == +Counter(by_themselves)
    for tier in Tier.values:
        came = Filters(frame=make_span(month).frame, first_tier=tier)
        counted[People.ONBOARDED, tier] = len(read_whole(list_customers, came))
    return {of: number for of, number in counted.items() if number}


def read_whole(read, asked):
    pages = read_every_page(lambda cursor: read(asked, cursor=cursor, rows=ROWS_A_PAGE))
    rows = [row for page in pages for row in page.rows]
    keys = [(row.unique_id, row.changed_at) for row in rows]
    assert len(keys) == len(set(keys))
    return rows
