"""The windows of a check or an entry in words and tables, and what their figures rest on."""

from collections.abc import Iterator, Mapping, Sequence

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from limits.decision import BALANCE_WINDOW, CREDIT_STOP, FINANCIAL_YEAR
from limits.explain.results import Explained, Figures, Line, Resting, WindowThen
from limits.known import Check
from limits.models import LedgerEntry, Window, write_limit
from ppims.backoffice.explanation.sections import Cell, Section, Table
from ppims.backoffice.transaction_detail import Fact, write_transaction_address
from ppims.core.formats import (
    inr,
    ist,
    ist_date,
    ist_start,
    write_count,
    write_ist_second,
    write_month,
)
from ppims.reports.records import Source


def list_sections(explained: Explained, processors: Mapping[int, str]) -> Iterator[Section]:
    """List each window with its rule and figures; then the entries and holds these rest on."""
    for window in explained.windows:
        yield _describe_window(explained, window)
    months = _write_months(explained)
    yield _describe_entries(explained, months, processors)
    yield _describe_holds(explained, months, processors)


# Windows.


def _describe_window(explained: Explained, window: WindowThen) -> Section:
    title = _name_window(window)
    if window.is_deciding:
        is_check = isinstance(explained.row, Check)
        said = _("%(window)s: it decided") if is_check else _("%(window)s: judged by this")
        title = said % {"window": title}
    facts = [Fact(_("Limit"), write_limit(window.amount, window.window)), *_list_facts(window)]
    table = _compare_figures(title, window.before, window.after)
    return Section(title, facts=[fact for fact in facts if fact.value], table=table)


def _name_window(window: WindowThen) -> str:
    name = str(Window(window.window).label)
    if window.window == FINANCIAL_YEAR:
        first, last = write_month(window.months[0]), write_month(window.months[-1])
        return f"{name}, {first} – {last}"
    return f"{name}, {write_month(window.months[0])}" if window.months else name


def _list_facts(window: WindowThen) -> Iterator[Fact]:
    if window.rule_id is None:
        return
    began = {"number": window.rule_id, "since": ist_start(window.since)}
    if window.until:
        ended = {**began, "until": ist_start(window.until)}
        yield Fact(_("Rule"), _("%(number)d, in force from %(since)s to %(until)s") % ended)
    else:
        yield Fact(_("Rule"), _("%(number)d, in force since %(since)s") % began)
    yield Fact(_("Source"), window.source)
    if window.window == CREDIT_STOP:
        yield Fact(_("Loading stops"), ist(window.stops_at))
    elif window.before is None and window.left is None:
        yield Fact(_("Judged"), _("No: no balance was told"))
    elif window.before is None:
        is_balance = window.window == BALANCE_WINDOW
        label = _("Room for a load") if is_balance else _("At most at once")
        yield Fact(label, inr(window.left))


def _compare_figures(label: str, before: Figures | None, after: Figures | None) -> Table | None:
    if before is None or after is None:
        return None
    columns = [Cell(""), *(Cell(name, is_number=True) for name in (_("Used"), _("On hold")))]
    columns.append(Cell(_("Left"), is_number=True))
    rows = [
        [Cell(name), *(Cell(inr(paise), is_number=True) for paise in figures)]
        for name, figures in (
            (_("Before it"), (before.used, before.held, before.left)),
            (_("After it"), (after.used, after.held, after.left)),
        )
    ]
    return Table(label, columns, rows)


# What the figures rest on.


def _write_months(explained: Explained) -> str:
    """Write which months the figures are of: of the year, where a rule is for one."""
    of_year = [each for each in explained.windows if each.window == FINANCIAL_YEAR]
    window = (of_year or [*explained.windows])[0]
    first, last = window.months[0], window.months[-1]
    return write_month(first) if first == last else f"{write_month(first)} – {write_month(last)}"


def _describe_entries(explained: Explained, months: str, processors: Mapping[int, str]) -> Section:
    resting = explained.entries
    direction = _say_direction(explained)
    said = {"paise": inr(resting.paise), "months": months, "type": direction}
    title = _("What “used” rests on")
    if not resting.count:
        return Section(title, [_("No earlier entry of this type in %(months)s.") % said])
    said["n"] = write_count(resting.count)
    sentence = (
        ngettext(
            "%(n)s earlier %(type)s entry of %(months)s comes to %(paise)s.",
            "%(n)s earlier %(type)s entries of %(months)s come to %(paise)s.",
            resting.count,
        )
        % said
    )
    by_month = explained.used_by_month
    facts = [Fact(write_month(month), inr(paise)) for month, paise in by_month.items()]
    table = _make_table(title, resting.lines, processors, is_holds=False)
    notes = _describe_more(resting)
    return Section(title, [sentence], facts if len(by_month) > 1 else [], table, notes)


def _describe_holds(explained: Explained, months: str, processors: Mapping[int, str]) -> Section:
    resting = explained.holds
    said = {"paise": inr(resting.paise), "months": months, "type": _say_direction(explained)}
    title = _("What “on hold” rests on")
    if not resting.count:
        return Section(title, [_("No hold of this type was open in %(months)s.") % said])
    said["n"] = write_count(resting.count)
    sentence = (
        ngettext(
            "%(n)s open %(type)s hold of %(months)s comes to %(paise)s.",
            "%(n)s open %(type)s holds of %(months)s come to %(paise)s.",
            resting.count,
        )
        % said
    )
    table = _make_table(title, resting.lines, processors, is_holds=True)
    return Section(title, [sentence], table=table, notes=_describe_more(resting))


def _say_direction(explained: Explained) -> str:
    return _("spend") if explained.row.direction == "D" else _("load")


def _make_table(
    label: str, lines: Sequence[Line], processors: Mapping[int, str], *, is_holds: bool
) -> Table:
    second = _("Until") if is_holds else _("What")
    columns = [Cell(_("Time")), Cell(second), Cell(_("From")), Cell(_("Amount"), is_number=True)]
    source = Source.CHECK if is_holds else Source.ENTRY
    rows = [
        [
            Cell(write_ist_second(line.at), write_transaction_address(source, line.id)),
            Cell(_write_until(line) if is_holds else str(LedgerEntry.Kind(line.kind).label)),
            Cell(processors.get(line.processor_id or 0, _("Staff"))),
            Cell(inr(line.paise), is_number=True),
        ]
        for line in lines
    ]
    return Table(label, columns, rows)


def _write_until(line: Line) -> str:
    """Write when a hold ends: of the same day, the time alone."""
    day, text = ist_date(line.at), write_ist_second(line.until)
    return text if ist_date(line.until) != day else text.rpartition(", ")[2]


def _describe_more(resting: Resting) -> list[str]:
    if not resting.more_count:
        return []
    said = {"n": write_count(resting.more_count), "paise": inr(resting.more_paise)}
    text = ngettext(
        "These are the newest; %(n)s earlier one comes to %(paise)s.",
        "These are the newest; %(n)s earlier ones come to %(paise)s.",
        resting.more_count,
    )
    return [text % said]
