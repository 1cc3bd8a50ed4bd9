"""A month's figures: as a page, to print, and as a file. Each leads to the list that it counts."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from customers.choices import Tier
from customers.services import disclosures
from limits.models import Direction, LedgerEntry, PostingFinding
from ppims.backoffice import labels
from ppims.backoffice.access import find_viewer, open_page, respond
from ppims.backoffice.csv_files import send_file
from ppims.backoffice.figure_lists import write_address, write_row_address
from ppims.core import calendar, clock
from ppims.core.formats import write_count, write_month
from ppims.core.money import to_rupees
from ppims.reports.heads import ANY_FLAG
from ppims.reports.month_figures import (
    ADDED_WAY,
    WAITING_STATE,
    Figure,
    MonthFigures,
    People,
    Section,
    read_month_figures,
)
from ppims.wire.reply_fields import write_date

PAGE_TEMPLATE = "ppims/reports.html"
FIRST_MONTH = 202001
SECTION_TITLES = {
    Section.CUSTOMERS: _("Customers"),
    Section.POSTINGS: _("Posted"),
    Section.REVERSALS: _("Reversed"),
    Section.DECLINES: _("Declined"),
    Section.FLAGGED: _("Flagged"),
    Section.CORRECTIONS: _("Corrected by staff"),
    Section.OPENINGS: _("Brought by imports"),
    Section.OVER: _("Over the limit at the month’s end"),
}
COLUMN_NAMES: Mapping[Section, Sequence[object]] = {
    Section.CUSTOMERS: (_("What"), _("KYC")),
    Section.POSTINGS: (_("Type"), _("KYC"), _("From")),
    Section.REVERSALS: (_("Type"),),
    Section.DECLINES: (_("Why"),),
    Section.FLAGGED: (_("Flag"), _("Finding")),
    Section.CORRECTIONS: (_("What"),),
    Section.OPENINGS: (_("Type"),),
    Section.OVER: (_("Type"),),
}
NOTES = {
    Section.CUSTOMERS: _(
        "By KYC; raised and lowered by the new one. Who was merged into another by then is not"
        " counted again."
    ),
    Section.POSTINGS: _("Before reversals and corrections, by the KYC of then."),
    Section.REVERSALS: _("Of postings of whatever month."),
    Section.DECLINES: _("Every check that was declined, also where it was posted afterwards."),
    Section.FLAGGED: _("As found until now. One with two flags is counted under each."),
    Section.CORRECTIONS: _("By when they were approved, of whatever month."),
    Section.OPENINGS: _(
        "What customers had used before an import brought them, of whatever month."
    ),
    Section.OVER: _("By what is used of the month as it stands now, reversals and corrections in."),
}
PEOPLE_TEXTS = {
    People.ONBOARDED: _("On-boarded"),
    People.RAISED: _("KYC raised"),
    People.LOWERED: _("KYC lowered"),
    People.BLOCKED: _("Blocked"),
    People.AT_END: _("At the month’s end"),
}
# Of which sections the last code makes columns, and which.
SPREAD_CODES: Mapping[Section, Sequence[str]] = {
    Section.CUSTOMERS: Tier.values,
    Section.FLAGGED: [WAITING_STATE, *PostingFinding.Finding.values],
}
FINDINGS = PostingFinding.Finding
# In a column's head, where the whole finding would not fit on a phone.
FINDING_TEXTS: Mapping[str, object] = {
    WAITING_STATE: _("Waits"),
    FINDINGS.GENUINE: _("Happened"),
    FINDINGS.PUT_RIGHT: _("Put right"),
    FINDINGS.REPORTED: _("Reported"),
}
WITH_MONEY = {Section.POSTINGS, Section.REVERSALS, Section.CORRECTIONS, Section.OPENINGS}


@dataclass(frozen=True)
class Cell:
    """A figure as it is drawn: how many, of what in words, and its list; "": there is none."""

    count: int
    label: str
    address: str = ""


@dataclass(frozen=True)
class ShownRow:
    """A line of a table: what it is of, where all of that is listed, and its figures."""

    title: str
    address: str
    cells: Sequence[Cell]
    paise: int | None


@dataclass(frozen=True)
class ShownSection:
    """A table of figures; `columns` are those of numbers."""

    name: Section
    title: object
    first: str
    columns: Sequence[object]
    note: object
    has_money: bool
    rows: Sequence[ShownRow]


@open_page("limits.read_reports")
def reports(request: HttpRequest) -> HttpResponse:
    """Show a month's figures: last month's, or those of the one that the address names."""
    at = clock.now()
    this_month = calendar.number_ist_month(at)
    last_month = calendar.number_month_before(this_month)
    asked = request.GET.get("month", str(last_month))
    month = _read_month(asked)
    if month is None:
        context: dict[str, Any] = {"last_month": last_month, "is_wrong": True}
        return respond(request, PAGE_TEMPLATE, context, partial="figures", status=422)
    if not FIRST_MONTH <= month <= this_month:
        raise Http404
    found = read_month_figures(month)
    earlier, later = calendar.number_month_before(month), _number_month_after(month)
    context = {
        "found": found,
        "at": at,
        "sections": _list_sections(found),
        "is_running": month == this_month,
        "earlier": earlier if earlier >= FIRST_MONTH else None,
        "later": later if later <= this_month else None,
    }
    return respond(request, PAGE_TEMPLATE, context, partial="figures")


@open_page("limits.read_reports", methods=("POST",))
def reports_export(request: HttpRequest) -> HttpResponse:
    """Send a month's figures as a file, with the digest that the page shows; it is on record."""
    month = _read_month(request.POST.get("month", ""))
    if month is None or not FIRST_MONTH <= month <= calendar.number_ist_month(clock.now()):
        raise Http404
    found = read_month_figures(month)
    disclosures.export_figures(month=month, digest=found.digest, viewer=find_viewer(request))
    head = (_("Month"), _("Figures"), _("What"), _("KYC"), _("From"), _("Finding"), _("Number"))
    rows = [_write_cells(found, figure) for figure in found.figures]
    named = [
        [write_month(month), gettext("Newest seal"), str(found.seal_number or "")],
        [write_month(month), gettext("Digest"), found.digest],
        [write_month(month), gettext("Read on"), write_date(calendar.find_ist_day(clock.now()))],
    ]
    return send_file(f"figures-{month}.csv", (*head, _("Amount (₹)")), [*rows, *named])


def _read_month(text: str) -> int | None:
    return int(text) if calendar.is_month(text) else None


def _number_month_after(month: int) -> int:
    return calendar.number_ist_month(
        calendar.find_midnight(calendar.find_first_day_after_month(month))
    )


def _list_sections(found: MonthFigures) -> list[ShownSection]:
    shown = (each for each in Section if each != Section.OPENINGS or found.list_of(each))
    return [_make_section(found, section) for section in shown]


def _make_section(found: MonthFigures, section: Section) -> ShownSection:
    """Draw a section: a line for each figure; or, where the last code makes the columns, for what
    is before it.
    """
    spread = SPREAD_CODES.get(section, ())
    by_row: dict[tuple[str, ...], dict[str, Figure]] = {}
    for each in found.list_of(section):
        row, column = (each.of[:-1], each.of[-1]) if spread else (each.of, "")
        by_row.setdefault(row, {})[column] = each
    names, namers = [str(name) for name in COLUMN_NAMES[section]], CODE_NAMERS[section]
    return ShownSection(
        section,
        SECTION_TITLES[section],
        ", ".join(names[:-1] if spread else names),
        [namers[-1](code) for code in spread] if spread else [_("Number")],
        NOTES.get(section, ""),
        section in WITH_MONEY,
        [
            ShownRow(
                _join_names(section, codes),
                write_row_address(section, codes[0], found.month),
                [_make_cell(figures.get(code), found.month) for code in spread or [""]],
                next(iter(figures.values())).paise,
            )
            for codes, figures in by_row.items()
        ],
    )


def _make_cell(figure: Figure | None, month: int) -> Cell:
    if figure is None or not figure.count:
        return Cell(0, "")
    label = f"{_join_names(figure.section, figure.of)}: {write_count(figure.count)}"
    return Cell(figure.count, label, write_address(figure, month))


def _join_names(section: Section, codes: Sequence[str]) -> str:
    return ", ".join(name(code) for name, code in zip(CODE_NAMERS[section], codes, strict=False))


def _write_cells(found: MonthFigures, figure: Figure) -> list[str]:
    """Write a figure as a line of the file, in which all sections have the same columns."""
    names = dict(zip(map(str, COLUMN_NAMES[figure.section]), _name_codes(figure), strict=True))
    return [
        write_month(found.month),
        str(SECTION_TITLES[figure.section]),
        next(iter(names.values())),
        names.get(str(_("KYC")), ""),
        names.get(str(_("From")), ""),
        names.get(str(_("Finding")), ""),
        str(figure.count),
        "" if figure.paise is None else to_rupees(figure.paise),
    ]


# A figure's codes in words.


def _name_direction(code: str) -> str:
    return str(Direction(code).label)


def _name_flag(code: str) -> str:
    if code == ANY_FLAG:
        return gettext("Any of them")
    return str(LedgerEntry.Flag(code).label).capitalize()


def _name_finding(code: str) -> str:
    return str(FINDING_TEXTS[code])


def _name_correction(code: str) -> str:
    return gettext("Added") if code == ADDED_WAY else gettext("Taken away")


def _name_people(code: str) -> str:
    return str(PEOPLE_TEXTS[People(code)])


CODE_NAMERS: Mapping[Section, Sequence[Callable[[str], str]]] = {
    Section.CUSTOMERS: (_name_people, labels.name_tier),
    Section.POSTINGS: (_name_direction, labels.name_tier, str),
    Section.REVERSALS: (_name_direction,),
    Section.DECLINES: (labels.name_reason,),
    Section.FLAGGED: (_name_flag, _name_finding),
    Section.CORRECTIONS: (_name_correction,),
    Section.OPENINGS: (_name_direction,),
    Section.OVER: (_name_direction,),
}


def _name_codes(figure: Figure) -> list[str]:
    return [name(code) for name, code in zip(CODE_NAMERS[figure.section], figure.of, strict=True)]
