"""What a group reads, for any database: the columns of each statement's values, and its SELECT,
which finds the values in `asked`. All but the rules name the customer or are a Ref_Id's own, and
none joins Ref_Ids with anything: so they can be asked of tables that are spread over machines.

`{plus}` stands before an instant: it keeps SQLite's driver from asking Django what that is. CROSS
JOIN has SQLite begin with what is asked.
"""

from typing import Any

from limits.ledger import CHECKS, EFFECT_PAISE, ENTRIES
from limits.queries import APPROVED_RULES
from ppims.db.statements import Table

# How PostgreSQL calls what the values are.
KINDS = {
    **dict.fromkeys(("customer_id", "processor_id", "id"), "bigint"),
    "month": "integer",
    "digest": "bytea",
    **dict.fromkeys(("operation", "ref_id", "number", "tran_id"), "text"),
}
# Which column of a row is an instant; those of rules, which are almost always the same, are read
# by who knows them already.
INSTANT_PLACES = {"heads": 4, "people": 2, "holds": 4, "checks": -1, "survivors": 2, "held": -1}
ROWS_OF: dict[str, Table[Any]] = {"checks": CHECKS, "entries": ENTRIES}
SUM_OF_MONTH = """
    (SELECT CAST(SUM({effect}) AS bigint) FROM limits_ledgerentry
     WHERE customer_id = asked.customer_id AND month = asked.month AND direction = '{direction}')
"""

READ_STATEMENTS: dict[str, tuple[tuple[str, ...], str]] = {
    "heads": (
        ("customer_id",),
        """
        SELECT h.customer_id, h.entry_count, h.check_count, h.last_digest, {plus}h.last_at
        FROM asked CROSS JOIN limits_ledgerhead h WHERE h.customer_id = asked.customer_id
        """,
    ),
    "people": (
        ("customer_id",),
        """
        SELECT c.unique_id, c.tier, {plus}c.tier_since, c.status, r.processor_id, r.cif_id,
            c.survivor_id
        FROM asked CROSS JOIN customers_customer c
        LEFT JOIN customers_registration r ON r.customer_id = c.unique_id
        WHERE c.unique_id = asked.customer_id
        """,
    ),
    "rules": ((), APPROVED_RULES),
    "used": (
        ("customer_id", "month"),
        """
        SELECT asked.customer_id, asked.month,
            COALESCE(u.debit_paise, {sum_D}, 0), COALESCE(u.credit_paise, {sum_C}, 0)
        FROM asked LEFT JOIN limits_monthlyusage u
            ON u.customer_id = asked.customer_id AND u.month = asked.month
        """,
    ),
    "holds": (
        ("customer_id",),
        """
        SELECT h.customer_id, h.processor_id, h.month, h.direction, {plus}h.expires_at,
            CAST(SUM(h.amount_paise) AS bigint)
        FROM asked CROSS JOIN limits_hold h WHERE h.customer_id = asked.customer_id
        GROUP BY h.customer_id, h.processor_id, h.month, h.direction, h.expires_at
        """,
    ),
    "keys": (
        ("processor_id", "operation", "ref_id"),
        """
        SELECT k.processor_id, k.operation, k.ref_id, k.customer_id, k.row_id, k.digests
        FROM asked CROSS JOIN ppims_replaykey k
        WHERE k.processor_id = asked.processor_id
            AND k.operation = asked.operation AND k.ref_id = asked.ref_id
        """,
    ),
    "accounts": (
        ("customer_id", "processor_id", "number"),
        """
        SELECT a.customer_id, a.processor_id, a.number, a.status
        FROM asked CROSS JOIN customers_account a
        WHERE a.customer_id = asked.customer_id
            AND a.processor_id = asked.processor_id AND a.number = asked.number
        """,
    ),
    "cards": (
        ("customer_id", "processor_id", "digest"),
        """
        SELECT c.customer_id, c.processor_id, c.digest, c.status
        FROM asked CROSS JOIN customers_card c
        WHERE c.customer_id = asked.customer_id
            AND c.processor_id = asked.processor_id AND c.digest = asked.digest
        """,
    ),
    "posted": (
        ("customer_id", "processor_id", "tran_id"),
        """
        SELECT e.unique_id_sent, e.processor_id, e.tran_id, e.direction, e.id, e.month,
            e.amount_paise
        FROM asked CROSS JOIN limits_ledgerentry e
        WHERE e.tran_id = asked.tran_id AND e.customer_id = asked.customer_id
            AND e.processor_id = asked.processor_id AND e.kind = 'S' AND NOT (e.tran_id = '')
        """,
    ),
    # With what has become of it: what settled it, the status of its account, its hold.
    "checks": (
        ("customer_id", "id"),
        """
        SELECT {checks}, e.id, a.status,
            h.amount_paise, h.processor_id, h.month, h.direction, {plus}h.expires_at
        FROM asked CROSS JOIN limits_limitcheck t
        LEFT JOIN limits_ledgerentry e
            ON e.customer_id = t.customer_id AND e.limit_check_id = t.id AND e.kind = 'S'
        LEFT JOIN customers_account a ON a.customer_id = t.customer_id
            AND a.processor_id = t.processor_id AND a.number = t.account_number
        LEFT JOIN limits_hold h ON h.limit_check_id = t.id AND h.customer_id = t.customer_id
        WHERE t.customer_id = asked.customer_id AND t.id = asked.id
        """,
    ),
    "entries": (
        ("customer_id", "id"),
        """
        SELECT {entries} FROM asked CROSS JOIN limits_ledgerentry t
        WHERE t.customer_id = asked.customer_id AND t.id = asked.id
        """,
    ),
    # Reversals, and corrections that name it: theirs is below zero.
    "reversed": (
        ("customer_id", "month", "id"),
        """
        SELECT e.reverses_id, CAST(SUM(ABS(e.amount_paise)) AS bigint)
        FROM asked CROSS JOIN limits_ledgerentry e
        WHERE e.customer_id = asked.customer_id AND e.month = asked.month
            AND e.reverses_id = asked.id
        GROUP BY e.reverses_id
        """,
    ),
    "answers": (
        ("customer_id", "id"),
        """
        SELECT asked.id, EXISTS (SELECT 1 FROM limits_ledgerentry
            WHERE customer_id = asked.customer_id AND limit_check_id = asked.id)
        FROM asked
        """,
    ),
    # The others are asked only of whom merges ever connected with others.
    "kin": (
        ("customer_id",),
        """
        SELECT k.customer_id, k.other_id
        FROM asked CROSS JOIN customers_kin k WHERE k.customer_id = asked.customer_id
        """,
    ),
    "survivors": (
        ("customer_id",),
        """
        SELECT c.unique_id, c.survivor_id, {plus}c.created_at
        FROM asked CROSS JOIN customers_customer c WHERE c.unique_id = asked.customer_id
        """,
    ),
    "settled": (
        ("customer_id", "id"),
        """
        SELECT e.limit_check_id FROM asked CROSS JOIN limits_ledgerentry e
        WHERE e.customer_id = asked.customer_id AND e.limit_check_id = asked.id AND e.kind = 'S'
        """,
    ),
    "held": (
        ("customer_id", "id"),
        """
        SELECT h.limit_check_id, h.customer_id, h.amount_paise, h.processor_id, h.month,
            h.direction, {plus}h.expires_at
        FROM asked CROSS JOIN limits_hold h
        WHERE h.customer_id = asked.customer_id AND h.limit_check_id = asked.id
        """,
    ),
}


def write_select(name: str, *, plus: str = "") -> str:
    """Write a SELECT, without the WITH that says what is asked."""
    sums = {
        f"sum_{direction}": SUM_OF_MONTH.format(effect=EFFECT_PAISE, direction=direction)
        for direction in "DC"
    }
    rows = {"checks": CHECKS.write_columns(), "entries": ENTRIES.write_columns()}
    return READ_STATEMENTS[name][1].format(plus=plus, **sums, **rows)
