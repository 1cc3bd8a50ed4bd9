"""Let a PostgreSQL role that owns no table do the application's work, and nothing more."""

from argparse import ArgumentParser
from collections.abc import Iterator
from typing import Any

from django.apps import apps
from django.core.management.base import BaseCommand, CommandError
from django.db import connection, transaction
from django.db.backends.utils import CursorWrapper

from ppims.db import append_only, distribution, nodes
from ppims.db.start_lock import wait_for_others

# Of a table that is named nowhere here, rows are read and added.
ONLY_READ = {"django_migrations", "django_content_type", "auth_permission"}
CHANGED_TABLES = {
    *("ppims_user", "ppims_processor", "ppims_replaykey", "ppims_audithead", "ppims_staffsession"),
    *("customers_customer", "customers_registration", "customers_account", "customers_card"),
    *("customers_document", "customers_duplicatereview", "customers_unblocking"),
    "customers_identifier",  # the name of its key
    *("customers_kycproposal", "customers_merge", "customers_numberpassedon"),
    *("ppims_staffchange", "ppims_processorchange", "ppims_secondfactor", "ppims_recoverycode"),
    "django_session",  # of the version before, which may serve until all are upgraded
    *("ppims_keyrotation", "ppims_keyinuse"),
    *("customers_importfile", "customers_customerimport"),
    *(
        "limits_ruleset",
        "limits_limitrule",
        "limits_adjustment",
        "limits_ledgerhead",
        "limits_monthlyusage",
    ),
    *("axes_accessattempt", "ppims_keptcall"),
    *("limits_figures", "limits_watched", "limits_notice", "ppims_job"),
    "ppims_failedaccess",
    *("limits_reconciliation", "limits_reconciliationdifference"),
}
DELETED_TABLES = {
    *("customers_identifier", "customers_nameword", "limits_hold", "limits_monthlyusage"),
    *("limits_watched", "limits_notice", "ppims_staffsession"),
    *("ppims_user_groups", "auth_group_permissions", "ppims_keptcall"),
    *(
        "ppims_job",
        "ppims_failedaccess",
        "django_session",
        "ppims_secondfactor",
        "ppims_recoverycode",
    ),
    "ppims_keyinuse",
    *("limits_reconciliation", "limits_reconciliationdifference"),
    *("axes_accessattempt", "axes_accessattemptexpiration"),
}

# Whose next numbers are taken before the rows are written.
NUMBERED_BEFOREHAND = (
    *("limits_limitcheck_id_seq", "limits_ledgerentry_id_seq"),
    # By an import of customers: ppims/maintenance/importing.py.
    *("customers_registration_id_seq", "customers_account_id_seq", "customers_card_id_seq"),
    *("customers_document_id_seq", "customers_kycchange_id_seq", "customers_receipt_id_seq"),
    "ppims_auditentry_id_seq",
)

FIND_ROLE = "SELECT quote_ident(rolname), rolsuper FROM pg_roles WHERE rolname = %s"
COUNT_OWNED = """
    SELECT count(*) FROM pg_class
    WHERE relnamespace = current_schema()::regnamespace AND relkind = 'r'
      AND pg_has_role(%s, relowner, 'MEMBER')
"""
MAY_CHANGE = "SELECT has_table_privilege(%s, %s, 'UPDATE, DELETE, TRUNCATE, TRIGGER')"


class Command(BaseCommand):
    help = (
        "Grant a PostgreSQL role what the application needs, and take from it what it does not. "
        "Run by the owner of the tables, and again after each upgrade."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("role", help="made before: CREATE ROLE ... LOGIN PASSWORD ...")

    def handle(self, *args: Any, **options: Any) -> None:
        role = options["role"]
        if connection.vendor != "postgresql":
            raise CommandError("Roles are PostgreSQL's; this database is SQLite.")
        with wait_for_others(), transaction.atomic(), connection.cursor() as cursor:
            quoted = _quote_role(cursor, role)
            if nodes.is_distributed():
                _refuse_if_it_is_locked_out(role)
                distribution.let_session_change_shards()
            for table, verbs in list_rights():
                cursor.execute(f'REVOKE ALL ON "{table}" FROM {quoted}')
                cursor.execute(f'GRANT {verbs} ON "{table}" TO {quoted}')
            for sequence in NUMBERED_BEFOREHAND:
                cursor.execute(f"GRANT USAGE ON SEQUENCE {sequence} TO {quoted}")
            _refuse_if_it_may_change(cursor, role)
        self.stdout.write(f"{role} may do the application's work.")


def list_rights() -> Iterator[tuple[str, str]]:
    """List each table with what the application does with its rows: "SELECT, INSERT"."""
    tables = {model._meta.db_table for model in apps.get_models(include_auto_created=True)}
    for table in sorted({*tables, "django_migrations"}):
        needs = {
            "SELECT": True,
            "INSERT": table not in ONLY_READ,
            "UPDATE": table in CHANGED_TABLES,
            "DELETE": table in DELETED_TABLES,
        }
        yield table, ", ".join(verb for verb, is_needed in needs.items() if is_needed)


def _quote_role(cursor: CursorWrapper, role: str) -> str:
    """Quote the role. Raises CommandError where there is none, or where its own rights go further
    than any grant.
    """
    cursor.execute(FIND_ROLE, [role])
    found = cursor.fetchone()
    if found is None:
        raise CommandError(f"There is no role {role}: CREATE ROLE {role} LOGIN PASSWORD ...")
    quoted, is_superuser = found
    cursor.execute(COUNT_OWNED, [role])
    if is_superuser or cursor.fetchone() != (0,):
        raise CommandError(f"{role} owns tables here, or is a superuser: nothing would bind it.")
    return str(quoted)


def _refuse_if_it_is_locked_out(role: str) -> None:
    """Raises CommandError where a machine doesn't let the role in: the coordinator asks each in its
    name.
    """
    if locked_out := nodes.list_without_log_in(role):
        raise CommandError(f"{role} needs LOGIN on every machine: {', '.join(locked_out)}.")


def _refuse_if_it_may_change(cursor: CursorWrapper, role: str) -> None:
    """Raises CommandError where rights of another role, or of everyone, let it change rows of
    tables that only grow.
    """
    for table in append_only.TABLES:
        cursor.execute(MAY_CHANGE, [role, table])
        if cursor.fetchone() != (False,):
            raise CommandError(f"{role} may change {table} by rights that this doesn't grant.")
