"""Django's migrate, for a database that can hold what PPIMS keeps."""

from typing import Any

from django.core.management.base import CommandError
from django.core.management.commands import migrate
from django.db import connections

from ppims.db.start_lock import wait_for_others

OTHER_ENCODING = (
    "The database keeps text as {found}, and only UTF8 holds every name. Make another:"
    " CREATE DATABASE ... ENCODING 'UTF8' TEMPLATE template0. What this one holds comes along by"
    " pg_dump --encoding=UTF8."
)
OTHER_SCHEMA = (
    "The tables are in the schema {found}, which the URL doesn't name: add"
    " ?options=-c%20search_path%3D{found} to DATABASE_URL."
)
# Where migrations were made, unless the tables in use are there.
FIND_SCHEMA = """
    SELECT quote_ident(nspname) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relname = 'django_migrations' AND c.relkind = 'r'
      AND to_regclass('django_migrations') IS NULL
    LIMIT 1
"""


class Command(migrate.Command):
    def handle(self, *args: Any, **options: Any) -> None:
        using = options["database"]
        refuse_unsuitable(using)
        with wait_for_others(using):
            super().handle(*args, **options)


def refuse_unsuitable(using: str) -> None:
    """Raises CommandError where PostgreSQL would not keep every text, or where migrating would make
    a second, empty set of tables beside the one that is in use.
    """
    if connections[using].vendor != "postgresql":
        return
    with connections[using].cursor() as cursor:
        cursor.execute("SHOW server_encoding")
        (encoding,) = cursor.fetchone()
        if encoding != "UTF8":
            raise CommandError(OTHER_ENCODING.format(found=encoding))
        cursor.execute(FIND_SCHEMA)
        if schema := cursor.fetchone():
            raise CommandError(OTHER_SCHEMA.format(found=schema[0]))
