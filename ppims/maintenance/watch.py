"""The daily watch: what nobody asks for, put into Work as notices (limits/models/notices.py)."""

import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import date, datetime, timedelta

from django.conf import settings
from django.db.models import Q

from customers.models import Customer
from limits.models import Notice
from limits.reconcile import storing
from limits.services import notices, overview, reconciliations
from limits.services.loading_stops import watch_loading_stops
from limits.services.notices import Matter, Tally, keep_matters
from ppims.core import calendar, clock
from ppims.core.errors import Unavailable
from ppims.maintenance import importing
from ppims.maintenance.upkeep import watch_upkeep
from ppims.models import Job, Processor
from ppims.reports import overview_counts
from ppims.reports.processors import SHOWN_DAYS, read_figures
from ppims.services import jobs, unused
from ppims.services.processors import is_password_overdue

LOOKED_BACK_DAYS = 3  # so a day isn't lost where nobody did background work for a weekend
DAYS_A_STEP = 30  # after which an old password that somebody closed a notice of is told anew
COUNTS_SECONDS, MOST_LOOKS, PAUSE_SECONDS = 5, 60, 1.0
# A day begins later here than at midnight: the holds of the day before have ended by then.
AFTER_MIDNIGHT = timedelta(minutes=30)


def find_day(at: datetime) -> date:
    """Find whose day's watch is due at an instant."""
    return calendar.find_ist_day(at - AFTER_MIDNIGHT)


@dataclass(frozen=True)
class Watched:
    """What came of a watch: how many notices it opened, for the first time or again, how many it
    closed because their matter is no more, and how many of each kind are open now.
    """

    opened: int
    closed: int
    waiting: Mapping[str, int]


def watch(tell: jobs.Progress = lambda done, total: None) -> Watched:
    """Look for what somebody should look at, keep a notice of each, close those whose matter is no
    more, and deactivate who is unused for too long. Any number of times a day, and by several at
    once: nothing is there twice.

    In this process, batch by batch. Raises Unavailable; what was kept till then stays.
    """
    at = clock.now()
    of_customers, of_upkeep = _watch_customers(at, tell), watch_upkeep(at)
    tally = of_customers.add(of_upkeep).add(_watch_passwords(at)).add(_watch_unanswered(at))
    notices.purge(at)
    reconciliations.purge(at)
    storing.purge()
    unused.deactivate_unused(at)
    importing.forget_old_files(at)
    if any(tally):  # the menu's count is with the overview's figures
        overview.let_age(by=overview_counts.FRESH_FOR)
    return Watched(tally.opened, tally.closed, notices.count_open())


def do_job(job: Job, progress: jobs.Progress) -> dict[str, object]:
    """Do the watch of a day."""
    return asdict(watch(progress))


def _watch_customers(at: datetime, tell: jobs.Progress) -> Tally:
    total, done = Customer.objects.count(), 0

    def count_more(customers: int) -> None:
        nonlocal done
        done = min(total, done + customers)
        tell(done, total)

    return watch_loading_stops(at, count_more)


def _watch_passwords(at: datetime) -> Tally:
    """Keep a notice of each processor whose password is older than it should be."""
    today = calendar.find_ist_day(at)
    rows = Processor.objects.exclude(password_at=None).order_by("pk")
    matters = [_make_password_matter(r, today) for r in rows if is_password_overdue(r, today)]
    return keep_matters(matters, Q(kind=Notice.Kind.PASSWORD), at)


def _make_password_matter(processor: Processor, today: date) -> Matter:
    days, made_at = processor.count_password_days(today), processor.password_at
    assert days  # as of every one that is overdue
    assert made_at
    return Matter(
        Notice.Kind.PASSWORD,
        f"{Notice.Kind.PASSWORD.value} {processor.pk}",
        calendar.find_ist_day(made_at),
        processor_id=processor.pk,
        step=(days - settings.PPIMS_PASSWORD_DAYS) // DAYS_A_STEP,
    )


def _watch_unanswered(at: datetime) -> Tally:
    """Keep a notice of each processor and day with allowed checks that were never answered, as the
    processor's page counts them: of the last days, and of those that have one.
    """
    _count_to_end()
    today = calendar.find_ist_day(at)
    scope = Q(kind=Notice.Kind.UNANSWERED, day__gt=today - timedelta(days=SHOWN_DAYS))
    known = set(Notice.objects.filter(scope).values_list("processor_id", "day"))
    first = today - timedelta(days=LOOKED_BACK_DAYS)
    matters = [
        Matter(
            Notice.Kind.UNANSWERED,
            f"{Notice.Kind.UNANSWERED.value} {processor_id} {day.day}",
            day.day,
            processor_id=processor_id,
            count=day.unanswered,
        )
        for processor_id, figures in read_figures().by_processor.items()
        for day in figures.days
        if day.unanswered and (first <= day.day < today or (processor_id, day.day) in known)
    ]
    return keep_matters(matters, scope, at)


def _count_to_end() -> None:
    """Count all that the figures rest on. Raises Unavailable where others keep at it."""
    for _ in range(MOST_LOOKS):
        if overview_counts.refresh(seconds=COUNTS_SECONDS):
            return
        time.sleep(PAUSE_SECONDS)
    raise Unavailable
