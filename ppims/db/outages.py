"""What an error of the database means: an outage, which is a 503 and may be asked again; or a fault
of ours. Looked up here and nowhere else, by SQLSTATE. And whether the database takes writes at all.
"""

import logging

from django.db import (
    DatabaseError,
    DataError,
    IntegrityError,
    InterfaceError,
    NotSupportedError,
    OperationalError,
    ProgrammingError,
    connection,
)

# A connection or who may have one, a database that isn't there, a transaction that another one
# undid, too few resources, an operator who intervenes, the disk.
OUTAGE_CLASSES = {"08", "28", "3D", "40", "53", "57", "58"}
# The database may only be read; the transaction stood idle, or lasted, for too long; a lock was not
# to be had in time.
OUTAGE_SQLSTATES = {"25006", "25P03", "25P04", "55P03"}
# The connection is none the worse for these: others were first.
OTHERS_WERE_FIRST = {"40001", "40002", "40003", "40P01", "55P03"}
# The transaction is undone, and the same again may well go through.
ROLLED_BACK = {"40001", "40P01"}
# The session was ended by an operator or by a time limit, or the server is going down or coming up.
SESSION_ENDED = {"25P03", "57P01", "57P02", "57P03", "57P04", "57P05"}
INTERNAL_ERROR = "XX000"
# The functions of Citus that raise it where a machine's answer has no code, since none came.
LOST_BY_CITUS = {
    *("ReportResultError", "MarkRemoteTransactionFailed", "CheckRemoteTransactionsHealth"),
    *("FinishRemoteTransactionPrepare", "ErrorIfPostCommitFailedShardPlacements"),
}
FAULT_ERRORS = (IntegrityError, DataError, ProgrammingError, NotSupportedError)

logger = logging.getLogger(__name__)


def find_sqlstate(error: BaseException | None) -> str | None:
    """Find the SQLSTATE of an error of Django's or of the driver's; SQLite's have none, nor has a
    connection that went without a word.
    """
    causes = (error, getattr(error, "__cause__", None))  # Django's own errors have none either
    return next((code for each in causes if (code := getattr(each, "sqlstate", None))), None)


def is_outage(error: BaseException | None) -> bool:
    """Return whether the database was busy or away, so that nothing can be said to be recorded.
    Any other error is a fault of ours.
    """
    if not isinstance(error, DatabaseError | InterfaceError):
        return False
    sqlstate = find_sqlstate(error)
    if sqlstate is None:
        return not isinstance(error, FAULT_ERRORS)
    is_known = sqlstate[:2] in OUTAGE_CLASSES or sqlstate in OUTAGE_SQLSTATES
    return is_known or has_lost_machine(error)


def has_lost_machine(error: BaseException) -> bool:
    """Return whether Citus has lost a machine that it asked, in a statement or in COMMIT. It has no
    code of its own for that: where in Citus the internal error comes from tells it.
    """
    diagnostics = getattr(error.__cause__, "diag", None)
    function = getattr(diagnostics, "source_function", None)
    return find_sqlstate(error) == INTERNAL_ERROR and function in LOST_BY_CITUS


def is_lost_connection(error: BaseException) -> bool:
    """Return whether PostgreSQL's session ended, so that whatever it had not committed is undone;
    by an error as Django raises it.
    """
    sqlstate = find_sqlstate(error)
    if sqlstate is not None:
        return sqlstate[:2] == "08" or sqlstate in SESSION_ENDED
    # Without a word; or it can't be opened. SQLite's driver knows no SQLSTATE at all.
    is_of_postgresql = hasattr(error.__cause__, "sqlstate")
    return is_of_postgresql and isinstance(error, OperationalError | InterfaceError)


def drop_connection_after(error: BaseException) -> None:
    """Close this thread's connection to PostgreSQL after an outage, so that the next request opens
    a new one: a session on a server that is no longer the primary would stay there for ever.
    Inside an open transaction nothing is closed: that is for whoever opened it.
    """
    if connection.vendor != "postgresql" or connection.in_atomic_block:
        return
    if is_outage(error) and find_sqlstate(error) not in OTHERS_WERE_FIRST:
        connection.close()


def report_outage(error: BaseException, *, request_id: str = "") -> None:
    """Log an outage by the database's own code for it, and drop the connection as
    `drop_connection_after` does.
    """
    extra = {"request_id": request_id} if request_id else {}
    logger.warning("database unavailable: %s", name_cause(error), extra=extra)
    drop_connection_after(error)


def name_cause(error: BaseException) -> str:
    """Name what an error of the database is by its own code, 57P01 or SQLITE_FULL, since its text
    might tell of a row; one without a code by its class.
    """
    return _find_code(error) or type(error).__name__


def explain_to_operator(error: BaseException) -> str:
    """Say in a line why a command could not do its work: "database is locked (SQLITE_BUSY)". Of
    what an outage says, the lines after the first might tell of a row.
    """
    said, code = str(error).partition("\n")[0], _find_code(error)
    return f"{said} ({code})" if code else said


def _find_code(error: BaseException) -> str | None:
    return find_sqlstate(error) or getattr(error.__cause__, "sqlite_errorname", None)


def is_read_only() -> bool:
    """Tell whether PostgreSQL takes no writes here: a standby, or a database or role that an
    operator has made so. The next look goes by a fresh connection, for this one may be to a server
    that is no longer the primary. Raises DatabaseError.
    """
    if connection.vendor != "postgresql":
        return False
    with connection.cursor() as cursor:
        cursor.execute("SHOW transaction_read_only")
        is_so = bool(cursor.fetchone() == ("on",))
    if is_so and not connection.in_atomic_block:
        connection.close()
    return is_so
