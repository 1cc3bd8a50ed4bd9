"""Whether a database can hold what PPIMS keeps."""

from django.db import connections

OTHER_ENCODING = (
    "The database keeps text as {found}, and only UTF8 holds every name. Make another:"
    " CREATE DATABASE ... ENCODING 'UTF8' TEMPLATE template0. What this one holds comes along by"
    " pg_dump --encoding=UTF8."
)
OTHER_SCHEMA = (
    "The tables are in the schema {found}, which the URL doesn't name: add"
    " ?options=-c%20search_path%3D{found} to DATABASE_URL."
)
# The encoding; and where migrations were made, unless the tables in use are there.
SUITABILITY_QUERY = """
    SELECT current_setting('server_encoding'), (
        SELECT quote_ident(nspname) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE c.relname = 'django_migrations' AND c.relkind = 'r'
          AND to_regclass('django_migrations') IS NULL
        LIMIT 1)
"""


def explain_unsuitable(using: str) -> str | None:
    """Say why PostgreSQL would not keep every text, or why migrating would make a second, empty set
    of tables beside the one that is in use; None: all is well, as it always is with SQLite.
    """
    if connections[using].vendor != "postgresql":
        return None
    with connections[using].cursor() as cursor:
        cursor.execute(SUITABILITY_QUERY)
        encoding, schema = cursor.fetchone()
    if encoding != "UTF8":
        return OTHER_ENCODING.format(found=encoding)
    return OTHER_SCHEMA.format(found=schema) if schema else None
