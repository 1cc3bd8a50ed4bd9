"""The machines of a database that Citus spreads over several: which there are, and what each says.
Any other database has none.
"""

import random
from functools import cache
from typing import NamedTuple

from django.db import DEFAULT_DB_ALIAS, connections, transaction

from ppims.db import append_only

# A machine that doesn't answer is given up after this.
CONNECT_MILLISECONDS = 2_000
HAS_CITUS = "SELECT count(*) FROM pg_extension WHERE extname = 'citus'"
COUNT_SPREAD = "SELECT count(*) FROM pg_dist_partition WHERE partmethod = 'h'"
ASK_ALL = """
    SELECT n.nodename || ':' || n.nodeport, n.groupid = 0, n.shouldhaveshards, r.success, r.result
    FROM run_command_on_all_nodes(%s) r JOIN pg_dist_node n USING (nodeid) ORDER BY n.nodeid
"""
MOST_NAMED = 3  # triggers of one machine
# A shard is named as its table, with its number behind it; and so is its trigger. That against
# TRUNCATE is the table's alone: Citus makes none on shards.
SHARD_TRIGGER = "only_grows_rows"
LIST_UNPROTECTED = """
    SELECT COALESCE(string_agg(missing.name, ','), '') FROM (
        SELECT r.relname || '_{trigger}_' || s.shardid AS name
        FROM pg_dist_placement p JOIN pg_dist_shard s USING (shardid)
        JOIN pg_class r ON r.oid = s.logicalrelid AND r.relname IN ({tables})
        LEFT JOIN pg_class c ON c.relname = r.relname || '_' || s.shardid
            AND c.relnamespace = r.relnamespace
        LEFT JOIN pg_trigger t ON t.tgrelid = c.oid AND t.tgenabled IN ('O', 'A')
            AND t.tgname = r.relname || '_{trigger}_' || s.shardid
        LEFT JOIN pg_proc f ON f.oid = t.tgfoid
        WHERE p.groupid = (SELECT groupid FROM pg_dist_local_group)
            AND f.prosrc IS DISTINCT FROM '{body}'
        ORDER BY 1 LIMIT {most}) missing
"""
# A write on two shards takes two phases, whatever it finds; no customer's number is so low.
ONE_AFTER_ANOTHER = "SET LOCAL citus.multi_shard_modify_mode = 'sequential'"
WRITE_NOTHING = "DELETE FROM limits_watched WHERE customer_id IN (%s, %s)"
ONE_OF_EACH_SHARD = """
    SELECT min(n) FROM generate_series(1, 1000) n
    GROUP BY get_shard_id_for_distribution_column('limits_watched', n::bigint)
"""
COUNT_PREPARED = "SELECT count(*) FROM pg_prepared_xacts WHERE database = current_database()"

MAY_LOG_IN = "SELECT count(*) FROM pg_roles WHERE rolname = {role} AND rolcanlogin"


class Node(NamedTuple):
    """A machine, by its address, and what it said; None: it gave no answer."""

    name: str
    is_coordinator: bool
    has_shards: bool
    said: str | None


def has_citus(using: str = DEFAULT_DB_ALIAS) -> bool:
    """Tell whether Citus is installed in the database. Raises DatabaseError."""
    if connections[using].vendor != "postgresql":
        return False
    with connections[using].cursor() as cursor:
        cursor.execute(HAS_CITUS)
        return bool(cursor.fetchone() == (1,))


def is_distributed(using: str = DEFAULT_DB_ALIAS) -> bool:
    """Tell whether tables are spread over machines here. Raises DatabaseError."""
    if not has_citus(using):
        return False
    with connections[using].cursor() as cursor:
        cursor.execute(COUNT_SPREAD)
        return bool(cursor.fetchone() != (0,))


@cache
def are_many() -> bool:
    """Tell whether this process works on many machines. It is looked up once: no server runs while
    tables are spread. Raises DatabaseError.
    """
    return is_distributed()


def ask_all(sql: str, using: str = DEFAULT_DB_ALIAS) -> list[Node]:
    """Ask every machine for one value, by a statement of one row; all at the same time."""
    with transaction.atomic(using), connections[using].cursor() as cursor:
        cursor.execute(f"SET LOCAL citus.node_connection_timeout = {CONNECT_MILLISECONDS}")
        cursor.execute(ASK_ALL, [sql])
        rows = cursor.fetchall()
    return [Node(name, own, shards, said if ok else None) for name, own, shards, ok, said in rows]


def require_two_phases() -> None:
    """Let this thread's transaction be committed in two phases, wherever it writes. Citus does so
    by itself where it sees a second machine written, and fails to see one whose session it has used
    before to read other rows: a loss during COMMIT would then keep one machine's rows alone.
    """
    if are_many():
        strangers = random.sample(_list_strangers(), 2)
        with connections[DEFAULT_DB_ALIAS].cursor() as cursor:
            cursor.execute(ONE_AFTER_ANOTHER)  # or no table on every machine could be written then
            cursor.execute(WRITE_NOTHING, strangers)


@cache
def _list_strangers() -> list[int]:
    """List numbers of nobody, each of them for another shard."""
    with connections[DEFAULT_DB_ALIAS].cursor() as cursor:
        cursor.execute(ONE_OF_EACH_SHARD)
        return [number for (number,) in cursor.fetchall()]


def list_problems(using: str = DEFAULT_DB_ALIAS) -> list[str]:
    """Name each machine that doesn't answer, and the first triggers that are missing on shards, or
    were changed. Nothing where no table is spread. Raises DatabaseError.
    """
    if not is_distributed(using):
        return []
    problems = []
    for node in ask_all(_write_look(), using):
        if node.said is None:
            problems.append(f"the machine {node.name}")
        else:
            named = filter(None, node.said.split(","))
            problems += [f"the trigger {name} on {node.name}" for name in named]
    return problems


def list_unsettled(using: str = DEFAULT_DB_ALIAS) -> list[str]:
    """Name each machine that has a transaction prepared and not ended, or doesn't say so: there a
    row that was answered may not be seen yet. Raises DatabaseError.
    """
    if not is_distributed(using):
        return []
    return [node.name for node in ask_all(COUNT_PREPARED, using) if node.said != "0"]


def list_without_log_in(role: str, using: str = DEFAULT_DB_ALIAS) -> list[str]:
    """Name each machine on which a role may not log in, or which doesn't say so."""
    with connections[using].cursor() as cursor:
        cursor.execute("SELECT quote_literal(%s)", [role])
        (quoted,) = cursor.fetchone()
    sql = MAY_LOG_IN.format(role=quoted)
    return [node.name for node in ask_all(sql, using) if node.said != "1"]


def _write_look() -> str:
    return LIST_UNPROTECTED.format(
        tables=", ".join(f"'{table}'" for table in append_only.TABLES),
        trigger=SHARD_TRIGGER,
        body=append_only.POSTGRESQL_BODY.replace("'", "''"),
        most=MOST_NAMED,
    )
