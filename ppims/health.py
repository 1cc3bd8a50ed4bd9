"""Is the process up, and could it do its work."""

from django.conf import settings
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, JsonResponse
from django.views.decorators.http import require_safe

from customers.models import Document
from limits.models import LedgerHead, LimitRule


@require_safe
def healthz(request: HttpRequest) -> JsonResponse:
    """Answer while the process lives."""
    return JsonResponse({"status": "ok"})


@require_safe
def readyz(request: HttpRequest) -> JsonResponse:
    """Answer 200 while the database is reachable and migrated, the keys are readable and rules are
    loaded; else 503.
    """
    try:
        missing = what_is_missing()
    except DatabaseError:
        missing = ["database"]
    ready = not missing
    return JsonResponse(
        {"status": "ok" if ready else "unavailable", "missing": missing},
        status=200 if ready else 503,
    )


def what_is_missing() -> list[str]:
    """Name what this installation lacks to do its work. Raises DatabaseError."""
    executor = MigrationExecutor(connection)
    if executor.migration_plan(executor.loader.graph.leaf_nodes()):
        return ["migrations"]
    missing = [f"key {name}" for name in sorted(_keys_in_use() - _keys_at_hand())]
    if not LimitRule.objects.exists():
        missing.append("limit rules")
    return missing


def _keys_in_use() -> set[str]:
    newest_document = Document.objects.order_by("-pk").values_list("key_id", flat=True)[:1]
    any_head = LedgerHead.objects.values_list("key_id", flat=True)[:1]
    return {*newest_document, *any_head}


def _keys_at_hand() -> set[str]:
    return {
        key.id
        for ring in (settings.PPIMS_LEDGER_KEYS, settings.PPIMS_DOCUMENT_KEYS)
        for key in ring
    }
