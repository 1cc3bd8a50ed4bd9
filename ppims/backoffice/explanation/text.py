"""Writes an explanation for a terminal: plain text, at most WIDTH_COLUMNS wide."""

from collections.abc import Iterator, Sequence
from textwrap import wrap

from ppims.backoffice.explanation.sections import Cell, Section, Sheet, Table
from ppims.backoffice.transaction_detail import Fact

WIDTH_COLUMNS, LINE_INDENT, COLUMN_GAP = 100, "  ", "   "
NARROWEST_COLUMNS = 8


def write_text(sheet: Sheet) -> Iterator[str]:
    """Write the lines of an explanation."""
    yield sheet.title
    yield "=" * len(sheet.title)
    for sentence in (f"{sheet.verdict}.", *sheet.said, *sheet.problems):
        yield from wrap(sentence, WIDTH_COLUMNS)
    if sheet.differing:
        yield from _write_table(sheet.differing)
    for section in sheet.sections:
        if not section.is_folded:
            yield from _write_section(section)


def _write_section(section: Section) -> Iterator[str]:
    yield ""
    yield section.title
    yield "-" * len(section.title)
    for sentence in section.sentences:
        yield from _write_sentence(sentence)
    yield from _write_facts(section.facts)
    if section.table:
        yield from _write_table(section.table)
    for note in section.notes:
        yield from _write_sentence(note)


def _write_sentence(text: str) -> Iterator[str]:
    yield from wrap(text, WIDTH_COLUMNS, initial_indent=LINE_INDENT, subsequent_indent=LINE_INDENT)


def _write_facts(facts: Sequence[Fact]) -> Iterator[str]:
    width = max((len(fact.label) for fact in facts), default=0)
    for fact in facts:
        value = f"{fact.value} ({_name_row(fact.address)})" if fact.address else fact.value
        first = f"{LINE_INDENT}{fact.label:<{width}}{COLUMN_GAP}"
        rest = " " * len(first)
        yield from wrap(value, WIDTH_COLUMNS, initial_indent=first, subsequent_indent=rest)


def _write_table(table: Table) -> Iterator[str]:
    rows = [[*row, *_list_names(row)] for row in table.rows]
    width = max((len(row) for row in rows), default=0)
    columns = [*table.columns, *[Cell("")] * (width - len(table.columns))]
    rows = [columns, *([*row, *[Cell("")] * (width - len(row))] for row in rows)]
    widths = _find_widths(rows)
    for row in rows:
        wrapped = [wrap(cell.text, width) or [""] for cell, width in zip(row, widths, strict=True)]
        for number in range(max(map(len, wrapped))):
            texts = [lines[number] if number < len(lines) else "" for lines in wrapped]
            yield (LINE_INDENT + COLUMN_GAP.join(map(_pad, row, texts, widths))).rstrip()


def _list_names(row: Sequence[Cell]) -> list[Cell]:
    """List what the rows are called that cells lead to: the command takes these names, too."""
    return [Cell(_name_row(cell.address)) for cell in row if cell.address]


def _name_row(address: str) -> str:
    return "/".join(address.split("/")[-2:])


def _pad(cell: Cell, text: str, width: int) -> str:
    return text.rjust(width) if cell.is_number else text.ljust(width)


def _find_widths(rows: Sequence[Sequence[Cell]]) -> list[int]:
    """Find how wide each column is; where all are too wide, the widest gives way."""
    widths = [max(1, *(len(cell.text) for cell in column)) for column in zip(*rows, strict=True)]
    room = WIDTH_COLUMNS - len(LINE_INDENT) - len(COLUMN_GAP) * (len(widths) - 1)
    while sum(widths) > room and max(widths) > NARROWEST_COLUMNS:
        widths[widths.index(max(widths))] -= 1
    return widths
