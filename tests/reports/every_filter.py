"""Lists read by each of their filters, and searches in every way: to look at their statements."""

from customers.models import Customer
from ppims.core import calendar, clock
from ppims.reports.audit import AuditFilters, list_audit
from ppims.reports.customers import Filters as Wanted
from ppims.reports.customers import list_customers
from ppims.reports.customers_of_month import OfMonth, What, list_customers_of_month
from ppims.reports.heads import ANY_FLAG, Filters
from ppims.reports.keyset import Frame
from ppims.reports.month_span import make_span
from ppims.reports.outcomes import Outcome
from ppims.reports.records import OF_ENTRIES, Kind
from ppims.reports.search import find_alike, find_hits
from ppims.reports.totals import sum_transactions
from ppims.reports.transactions import find_head, list_records, list_transactions


def read_transactions_and_records(ent, now, cursor):
    frame = Frame(now.replace(hour=0), now)
    outcomes = (None, *Outcome)
    for asked in (
        *(Filters(outcome=each, processor_id=who) for each in outcomes for who in (None, ent.pk)),
        *(Filters(reason=reason, direction="D") for reason in ("MONTH_LIMIT", "KYC_EXPIRED")),
        *(Filters(flag=flag, outcome=each) for flag in (ANY_FLAG, "LATE") for each in outcomes),
        Filters(frame=frame),
    ):
        list_transactions(asked, now)
        list_transactions(asked, now, cursor=cursor)
        sum_transactions(asked, now)
    kinds = (None, Kind.CHECK, *OF_ENTRIES)
    for asked in (
        *(Filters(kind=kind, processor_id=who) for kind in kinds for who in (None, ent.pk)),
        *(Filters(flag=flag, kind=kind) for flag in (ANY_FLAG, "LATE") for kind in kinds),
        *(Filters(kind=Kind.ADJUSTED, is_added=is_added) for is_added in (True, False)),
        Filters(kind=Kind.CHECK, reason="MONTH_LIMIT"),
        Filters(frame=frame, direction="C"),
    ):
        list_records(asked, cursor=cursor)
        for row in list_records(asked).rows:
            find_head(row)


def read_the_audit(customer, ent, page):
    """Read it by each filter alone, and by a processor's beside each other one."""
    filters = [
        AuditFilters(),
        AuditFilters(processor_id=ent.pk),
        AuditFilters(action="customer updated"),
        *(
            AuditFilters(**asked, **more)
            for asked in ({"user_id": 1}, {"action": "user added"}, {"customer_id": customer})
            for more in ({}, {"processor_id": ent.pk})
        ),
        AuditFilters(user_id=1, action="customer updated", customer_id=customer),
    ]
    for asked in filters:
        list_audit(asked)
        list_audit(asked, cursor=page.next)


def read_the_lists_of_a_month(cursor):
    """Read the lists that a month's figures of customers count."""
    month = calendar.number_ist_month(clock.now())
    for what in What:
        for tier in (None, "P"):
            list_customers_of_month(OfMonth(month, what, tier))
            list_customers_of_month(OfMonth(month, what, tier), cursor=cursor)
    for status in (None, Customer.Status.BLOCKED):
        asked = Wanted(frame=make_span(month).frame, first_tier="P", status=status)
        list_customers(asked)
        list_customers(asked, cursor=cursor)


def search_in_every_way(customer):
    name = Customer.objects.get(pk=customer).name
    for text in (str(customer), "4321", f"4321 {name}", name, name[:3], "C1", "T1", "919812345678"):
        find_hits(text)
    for text in ("mear", "mera iyer", "4321 mera"):
        find_alike(text)
