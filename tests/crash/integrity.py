"""What holds in a database, SQLite or PostgreSQL, whenever nobody is writing: each query finds the
rows of which it does not.
"""

import sqlite3
from contextlib import closing
from functools import partial

# Of each kept answer: its operation, and where it is.
ANSWER_QUERY = """
    SELECT 'CL' AS operation, processor_id, ref_id, customer_id, id FROM limits_limitcheck
    UNION ALL SELECT 'UL', processor_id, ref_id, customer_id, id FROM limits_ledgerentry
    WHERE kind IN ('S', 'F', 'R')
    UNION ALL SELECT operation, processor_id, ref_id, customer_id, id FROM customers_receipt
"""
INTEGRITY_QUERIES = {
    "each Ref_Id points at its answer, and each answer has its Ref_Id": f"""
        SELECT operation, ref_id, COUNT(*)
        FROM (SELECT operation, processor_id, ref_id, customer_id, row_id AS id FROM ppims_replaykey
              UNION ALL {ANSWER_QUERY}) pairs
        GROUP BY operation, processor_id, ref_id, customer_id, id HAVING COUNT(*) <> 2
    """,
    "heads count entries and checks": """
        SELECT customer_id, COUNT(entry), MAX(entry), COUNT(asked), MAX(asked), MAX(entries),
            MAX(checks)
        FROM (SELECT customer_id, number AS entry, CAST(NULL AS integer) AS asked,
                  CAST(NULL AS integer) AS entries, CAST(NULL AS integer) AS checks
              FROM limits_ledgerentry
              UNION ALL SELECT customer_id, NULL, number, NULL, NULL FROM limits_limitcheck
              UNION ALL SELECT customer_id, NULL, NULL, entry_count, check_count
              FROM limits_ledgerhead) numbered
        GROUP BY customer_id
        HAVING MAX(entries) IS NULL
            OR MAX(entries) <> COUNT(entry) OR MAX(entries) <> COALESCE(MAX(entry), 0)
            OR MAX(checks) <> COUNT(asked) OR MAX(checks) <> COALESCE(MAX(asked), 0)
    """,
    "usage is the sum of the entries": """
        SELECT customer_id, month, SUM(debit), SUM(credit)
        FROM (SELECT customer_id, month, debit_paise AS debit, credit_paise AS credit
              FROM limits_monthlyusage
              UNION ALL
              SELECT customer_id, month,
                     -CASE direction WHEN 'D' THEN amount_paise ELSE 0 END
                        * CASE kind WHEN 'R' THEN -1 ELSE 1 END,
                     -CASE direction WHEN 'C' THEN amount_paise ELSE 0 END
                        * CASE kind WHEN 'R' THEN -1 ELSE 1 END
              FROM limits_ledgerentry WHERE kind IN ('S', 'R')) both_ways
        GROUP BY customer_id, month HAVING SUM(debit) <> 0 OR SUM(credit) <> 0
    """,
    "an allowed check has a hold until an entry answers it": """
        SELECT asked.ref_id FROM limits_limitcheck asked
        LEFT JOIN limits_hold hold ON hold.limit_check_id = asked.id
        LEFT JOIN limits_ledgerentry entry ON entry.limit_check_id = asked.id
        WHERE asked.is_allowed AND (hold.limit_check_id IS NULL) = (entry.id IS NULL)
    """,
    "who is added is registered, with an account, a mobile number and a history": """
        SELECT customer.unique_id, COUNT(account.id), COUNT(found.customer_id), COUNT(kyc.id)
        FROM customers_customer customer
        LEFT JOIN customers_registration registration
            ON registration.customer_id = customer.unique_id
        LEFT JOIN customers_account account ON account.customer_id = customer.unique_id
            AND account.processor_id = registration.processor_id
        LEFT JOIN customers_identifier found ON found.customer_id = customer.unique_id
            AND found.kind = 'MOB'
        LEFT JOIN customers_kycchange kyc ON kyc.customer_id = customer.unique_id
        GROUP BY customer.unique_id
        HAVING COUNT(account.id) = 0 OR COUNT(found.customer_id) = 0 OR COUNT(kyc.id) = 0
    """,
    "audit heads count their entries": """
        SELECT subject, entry_count FROM ppims_audithead head
        WHERE entry_count <> (SELECT COUNT(*) FROM ppims_auditentry WHERE subject = head.subject)
    """,
}
SUMS = """
    SELECT customer_id, direction, SUM(CASE kind WHEN 'R' THEN -amount_paise ELSE amount_paise END)
    FROM limits_ledgerentry WHERE kind IN ('S', 'R') GROUP BY customer_id, direction
"""


def read(folder, sql):
    """Read with a connection of its own, closed at once: it must not keep the log alive."""
    with closing(sqlite3.connect(folder / "ppims.sqlite3")) as database:
        return database.execute(sql).fetchall()


def assert_whole(folder):
    assert read(folder, "PRAGMA integrity_check") == [("ok",)]
    # What one row says of another is there: PostgreSQL sees to that by itself.
    assert read(folder, "PRAGMA foreign_key_check") == []
    assert_rows_fit(partial(read, folder))


def assert_rows_fit(query):
    """Ask by `query(sql)`, of whichever database."""
    for claim, sql in INTEGRITY_QUERIES.items():
        assert query(sql) == [], claim


def sum_entries(query):
    """What each customer has used, by direction, in paise: of the entries."""
    found = {(customer, direction): paise for customer, direction, paise in query(SUMS)}
    return {key: paise for key, paise in found.items() if paise}
