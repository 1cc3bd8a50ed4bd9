"""Is the process up, and could it do its work."""

from collections.abc import Callable, Mapping

from django.db import DEFAULT_DB_ALIAS, DatabaseError, InterfaceError, connection, connections
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, JsonResponse
from django.http.response import HttpResponseBase
from django.views.decorators.http import require_safe

from limits.models import LimitRule
from ppims.db import append_only, clock_guard, outages
from ppims.services import key_usage

NOT_STORED = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
GetResponse = Callable[[HttpRequest], HttpResponseBase]


def make_middleware(get_response: GetResponse) -> GetResponse:
    """Answer these two before anything asks by which name, or whether by HTTPS, the request came:
    who looks after a process asks at its address.
    """
    answers = {"/healthz": healthz, "/readyz": readyz}

    def answer(request: HttpRequest) -> HttpResponseBase:
        return answers.get(request.path_info, get_response)(request)

    return answer


@require_safe
def healthz(request: HttpRequest) -> JsonResponse:
    """Answer while the process lives."""
    return _say({"status": "ok"}, 200)


@require_safe
def readyz(request: HttpRequest) -> JsonResponse:
    """Answer 200 while the database is reachable, takes writes, is migrated and append-only, its
    keys are at hand, rules are loaded and the clock has not jumped; else 503.
    """
    try:
        missing = list_missing() or describe_clock_jump()
    except (DatabaseError, InterfaceError) as error:
        outages.drop_connection_after(error)
        missing = ["database"]
    ready = not missing
    status = {"status": "ok" if ready else "unavailable", "missing": missing}
    return _say(status, 200 if ready else 503)


def _say(what: Mapping[str, object], status: int) -> JsonResponse:
    response = JsonResponse(what, status=status, headers=NOT_STORED)
    response["Content-Length"] = str(len(response.content))
    return response


def list_missing() -> list[str]:
    """Name what this installation lacks to do its work. Raises DatabaseError."""
    if not is_migrated():
        return ["migrations"]
    missing = ["database read-only"] if is_read_only() else []
    missing += [f"the key {name}" for name in key_usage.list_missing(key_usage.list_keys_in_use())]
    missing += [f"the trigger {name}" for name in append_only.list_missing()]
    if not LimitRule.objects.exists():
        missing.append("limit rules")
    return missing


def describe_clock_jump() -> list[str]:
    """Say of a clock that has jumped how far. Raises DatabaseError."""
    jump_ns = clock_guard.get_guard().jump_ns(clock_guard.read_clock_ns())
    return [clock_guard.describe_jump(jump_ns)] if jump_ns else []


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


def is_migrated(using: str = DEFAULT_DB_ALIAS) -> bool:
    """Tell whether a database has all of this program's migrations. Raises DatabaseError."""
    executor = MigrationExecutor(connections[using])
    return not executor.migration_plan(executor.loader.graph.leaf_nodes())
