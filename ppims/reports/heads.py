"""Which records begin a transaction, and the walks along them in the order of time. A head is every
check, and each entry that answers none and gives nothing back of another.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from ppims.db.statements import store_value
from ppims.reports.keyset import ALL_TIME, Condition, Frame, RowBeside, Walk
from ppims.reports.outcomes import Outcome
from ppims.reports.records import CHECK_RANK, ENTRY_RANK, OF_ENTRIES, Kind

ANY_FLAG, NO_FINDING = "ANY", "NONE"
INDEXED_COLUMNS = {"processor_id", "kind", "reason"}
LONGEST_HOLD = timedelta(days=1, seconds=1)  # it ends with a second
# As their partial indexes say it.
DECLINED_CONDITION = ('NOT t."is_allowed"',)
FLAGGED_CONDITION = ("NOT (t.\"flags\" = '')",)
HEAD_CONDITIONS = (('t."limit_check_id" IS NULL',), ('t."reverses_id" IS NULL',))
ADJUSTED_CONDITION = ("t.\"kind\" = 'A'",)
# Of who was ever merged a step may be in another's ledger: they are looked up whatever is wanted,
# and left out by what was read of them.
OF_KIN = RowBeside("customers_kin k", "k.customer_id = w.customer_id")
# A posting is found by its check along one unique index, reversals by their posting's month.
POSTING_OF_CHECK = """
    p.customer_id = w.customer_id AND p.limit_check_id = w.row_key AND p.kind = 'S'
"""
POSTING_ITSELF = "p.customer_id = w.customer_id AND p.id = w.row_key AND p.kind = 'S'"
ITS_REVERSALS = """
    AND r.customer_id = p.customer_id AND r.month = p.month AND r.reverses_id = p.id
"""
POSTING_BESIDE = RowBeside("limits_ledgerentry p", POSTING_OF_CHECK, otherwise=OF_KIN)
FLAGGED_POSTING = RowBeside(
    "limits_ledgerentry p",
    f"{POSTING_OF_CHECK} AND ',' || p.flags || ',' LIKE %s",
    otherwise=OF_KIN,
)
OF_ENTRY = "f.customer_id = w.customer_id AND f.entry_id = w.row_key"
FOUND_TO_BE = RowBeside("limits_postingfinding f", f"{OF_ENTRY} AND f.finding = %s")
NOT_FOUND_YET = RowBeside(
    "limits_postingfinding f", f"{OF_ENTRY} AND NOT (f.finding = '')", is_there=False
)
OPEN_HOLD = RowBeside(
    "limits_hold h",
    "h.customer_id = w.customer_id AND h.limit_check_id = w.row_key AND h.expires_at > %s",
    otherwise=OF_KIN,
)


@dataclass(frozen=True)
class Filters:
    """What is wanted of transactions; None: all. `reason` is that of a declined check; `flag` is a
    flag or ANY_FLAG; `finding` what a flagged entry was found to be, or NO_FINDING; `is_added`
    whether a correction adds. Only a list of every record looks at `kind`, `finding` and
    `is_added`, and only one of transactions at `outcome`. `reason` means there the transactions
    that ended as declined, and among records every declined check.
    """

    kind: Kind | None = None
    direction: str | None = None
    processor_id: int | None = None
    outcome: Outcome | None = None
    reason: str | None = None
    flag: str | None = None
    tier: str | None = None
    finding: str | None = None
    is_added: bool | None = None
    frame: Frame = ALL_TIME


def narrow_filters(filters: Filters, at: datetime) -> Filters:
    """Say what follows from filters at an instant: a reason is of what was declined, and what is on
    hold began no longer ago than a hold may last.
    """
    if filters.reason is not None:
        return replace(filters, outcome=Outcome.DECLINED)
    if filters.outcome == Outcome.ON_HOLD:
        since = max(at - LONGEST_HOLD, filters.frame.since or at - LONGEST_HOLD)
        return replace(filters, frame=Frame(since, filters.frame.until))
    return filters


def list_head_walks(filters: Filters, at: datetime) -> list[Walk]:
    """List the walks along the heads of the transactions that narrowed filters want; and of all
    heads that are otherwise wanted of who was ever merged, whatever became of them.
    """
    return [*_walk_checks(filters, at), *_walk_entry_heads(filters)]


def pick_of_kin(walk: Walk, *, is_of_kin: bool) -> Walk:
    """Narrow a walk of heads to who was ever merged, or to all others."""
    condition = replace(OF_KIN, is_there=is_of_kin)
    return replace(
        walk,
        columns=list(dict.fromkeys([*walk.columns, "customer_id"])),
        wanted=[*walk.wanted, (condition,)],
        needs_rows=True,
    )


def list_record_walks(filters: Filters) -> list[Walk]:
    """List the walks along every check and entry that is wanted."""
    walks = []
    if filters.kind in {None, Kind.CHECK} and not filters.flag:
        walks.append(_walk_check_records(filters))
    if filters.kind in {None, *OF_ENTRIES}:
        walks.append(_walk_entries(filters))
    return walks


def _write_reversed(posting: str) -> RowBeside:
    """Write that all of a posting was reversed."""
    return RowBeside(
        "(limits_ledgerentry p CROSS JOIN limits_ledgerentry r)",
        posting + ITS_REVERSALS,
        group="p.id, p.amount_paise",
        having="SUM(ABS(r.amount_paise)) = p.amount_paise",
        otherwise=OF_KIN,
    )


def _make_absent(condition: RowBeside) -> RowBeside:
    return replace(condition, is_there=False)


def _walk_checks(filters: Filters, at: datetime) -> list[Walk]:
    columns, wanted = _list_common(filters)
    outcome, within = filters.outcome, [DECLINED_CONDITION]
    if outcome != Outcome.DECLINED:
        within = []
    elif filters.reason is not None:
        columns, wanted = [*columns, "reason"], [*wanted, ("w.reason = %s", filters.reason)]
    if outcome == Outcome.RELEASED:
        columns.append("is_allowed")
    if outcome is not None:
        wanted += _list_conditions_of_checks(outcome, at)
    if filters.flag:
        wanted.append((FLAGGED_POSTING, _write_flag_pattern(filters.flag)))
    return [_make_walk(CHECK_RANK, "limits_limitcheck", columns, within, wanted)]


def _list_conditions_of_checks(outcome: Outcome, at: datetime) -> list[Condition]:
    all_reversed = _write_reversed(POSTING_OF_CHECK)
    is_held = (OPEN_HOLD, store_value(at))
    conditions: dict[Outcome, list[Condition]] = {
        Outcome.POSTED: [(POSTING_BESIDE,), (_make_absent(all_reversed),)],
        Outcome.REVERSED: [(all_reversed,)],
        Outcome.DECLINED: [(_make_absent(POSTING_BESIDE),)],
        Outcome.ON_HOLD: [is_held],
        Outcome.RELEASED: [
            ("w.is_allowed",),
            (_make_absent(OPEN_HOLD), store_value(at)),
            (_make_absent(POSTING_BESIDE),),
        ],
    }
    return conditions[outcome]


def _walk_entry_heads(filters: Filters) -> list[Walk]:
    if filters.outcome in {Outcome.DECLINED, Outcome.ON_HOLD}:
        return []
    columns, wanted = _list_common(filters)
    columns.append("kind")
    all_reversed = _write_reversed(POSTING_ITSELF)
    conditions: dict[Outcome | None, list[Condition]] = {
        None: [],
        Outcome.POSTED: [("NOT (w.kind = 'F')",), (_make_absent(all_reversed),)],
        Outcome.REVERSED: [("w.kind = 'S'",), (all_reversed,)],
        Outcome.RELEASED: [("w.kind = 'F'",)],
    }
    wanted += conditions[filters.outcome]
    if filters.flag:
        columns.append("flags")
        wanted.append(("',' || w.flags || ',' LIKE %s", _write_flag_pattern(filters.flag)))
    return [_make_walk(ENTRY_RANK, "limits_ledgerentry", columns, HEAD_CONDITIONS, wanted)]


def _make_walk(
    rank: int,
    table: str,
    columns: Sequence[str],
    within: Sequence[Condition],
    wanted: Sequence[Condition],
) -> Walk:
    """Make a walk that looks rows up where its index doesn't say enough."""
    if any(isinstance(sql, RowBeside) for sql, *_ in wanted):
        columns = [*columns, "customer_id"]
    needs_rows = not INDEXED_COLUMNS.issuperset(columns)
    return Walk(rank, table, columns=columns, within=within, wanted=wanted, needs_rows=needs_rows)


def _walk_check_records(filters: Filters) -> Walk:
    columns, wanted = _list_common(filters)
    within: list[Condition] = []
    if filters.reason is not None:
        within = [DECLINED_CONDITION]
        columns.append("reason")
        wanted.append(("w.reason = %s", filters.reason))
    return Walk(CHECK_RANK, "limits_limitcheck", columns=columns, within=within, wanted=wanted)


def _walk_entries(filters: Filters) -> Walk:
    columns, wanted = _list_common(filters)
    within: list[Condition] = []
    if filters.kind is not None:
        columns.append("kind")
        wanted.append(("w.kind = %s", OF_ENTRIES[filters.kind].value))
    if filters.flag:
        within = [FLAGGED_CONDITION]
        columns.append("flags")
        wanted.append(("',' || w.flags || ',' LIKE %s", _write_flag_pattern(filters.flag)))
    elif filters.kind == Kind.ADJUSTED:
        within = [ADJUSTED_CONDITION]
    elif filters.kind in {Kind.MOVED, Kind.OPENED}:
        within = [*HEAD_CONDITIONS]  # they are rare among all entries, not so among heads
    if filters.is_added is not None:
        columns.append("amount_paise")
        wanted.append((f"w.amount_paise {'>' if filters.is_added else '<'} 0",))
    if not filters.finding:
        return Walk(ENTRY_RANK, "limits_ledgerentry", columns=columns, within=within, wanted=wanted)
    is_open = filters.finding == NO_FINDING
    wanted.append((NOT_FOUND_YET,) if is_open else (FOUND_TO_BE, filters.finding))
    return _make_walk(ENTRY_RANK, "limits_ledgerentry", columns, within, wanted)


def _list_common(filters: Filters) -> tuple[list[str], list[Condition]]:
    """List the columns and conditions of what checks and entries are looked for alike."""
    wanted: list[Condition] = []
    if filters.processor_id is not None:
        wanted.append(("w.processor_id = %s", filters.processor_id))
    if filters.direction is not None:
        wanted.append(("w.direction = %s", filters.direction))
    if filters.tier is not None:
        wanted.append(("w.tier = %s", filters.tier))
    columns = [sql.split(".")[1].split()[0] for sql, _ in wanted]
    return columns, wanted


def _write_flag_pattern(flag: str) -> str:
    return ",_%_," if flag == ANY_FLAG else f"%,{flag},%"
