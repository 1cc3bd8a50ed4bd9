"""Whether the process is up, and whether it could do its work."""

from collections.abc import Callable, Mapping

from django.db import DEFAULT_DB_ALIAS, DatabaseError, InterfaceError, connections
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, HttpResponseBase, JsonResponse
from django.views.decorators.http import require_safe

from limits.models import LimitRule
from ppims.db import append_only, clock_guard, nodes, outages
from ppims.services import key_usage

NOT_STORED = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
GetResponse = Callable[[HttpRequest], HttpResponseBase]


def make_middleware(get_response: GetResponse) -> GetResponse:
    """Answer /healthz and /readyz before anything asks by which name, or whether by HTTPS, the
    request came: whoever looks after a process asks at its address.
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
    """Answer 200 while the database is reachable, each machine of it too, takes writes, is migrated
    and append-only, its keys are at hand, rules are loaded and the clock has not jumped; else 503.
    """
    try:
        missing = list_missing() or describe_clock_jump()
    except (DatabaseError, InterfaceError) as error:
        outages.drop_connection_after(error)
        missing = ["database"]
    if missing:
        return _say({"status": "unavailable", "missing": missing}, 503)
    return _say({"status": "ok", "missing": missing}, 200)


def _say(what: Mapping[str, object], status: int) -> JsonResponse:
    response = JsonResponse(what, status=status, headers=NOT_STORED)
    # Here, for CommonMiddleware, which sets it otherwise, is further in.
    response["Content-Length"] = str(len(response.content))
    return response


def list_missing() -> list[str]:
    """Name what this installation lacks to do its work. Raises DatabaseError."""
    if not is_migrated():  # the tables that the rest looks at may not be there
        return ["migrations"]
    missing = ["database read-only"] if outages.is_read_only() else []
    missing += [f"the key {name}" for name in key_usage.list_missing(key_usage.list_keys_in_use())]
    missing += [f"the trigger {name}" for name in append_only.list_missing()]
    missing += nodes.list_problems()
    if not LimitRule.objects.exists():
        missing.append("limit rules")
    return missing


def describe_clock_jump() -> list[str]:
    """Say how far the clock has jumped; nothing where it has not. Raises DatabaseError."""
    jump_ns = clock_guard.get_guard().jump_ns(clock_guard.read_clock_ns())
    return [clock_guard.describe_jump(jump_ns)] if jump_ns else []


def is_migrated(using: str = DEFAULT_DB_ALIAS) -> bool:
    """Return whether a database has all of this program's migrations. Raises DatabaseError."""
    executor = MigrationExecutor(connections[using])
    return not executor.migration_plan(executor.loader.graph.leaf_nodes())
