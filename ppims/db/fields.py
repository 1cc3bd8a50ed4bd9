"""Column and table kinds that Django lacks: each makes SQLite store what it should. PostgreSQL
keeps Django's own.
"""

from itertools import chain
from typing import Any

from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.operations import CreateModel
from django.db.migrations.state import ProjectState

from ppims.db.instants import AS_INDEXED


class BigId(models.BigAutoField):
    """A key that the database hands out. On SQLite without AUTOINCREMENT, which writes a second
    table at every insert.
    """

    def db_type_suffix(self, connection: BaseDatabaseWrapper) -> str | None:
        return None if connection.vendor == "sqlite" else super().db_type_suffix(connection)


class GivenId(models.BigIntegerField):
    """A key that we choose. On SQLite it is the rowid itself: as `bigint` it would make a second
    b-tree.
    """

    def db_type(self, connection: BaseDatabaseWrapper) -> str | None:
        return "integer" if connection.vendor == "sqlite" else super().db_type(connection)


class Paise(models.BigIntegerField):
    """Whole paise. SQLite would keep an overflow as a REAL: the column refuses all but integers."""

    def db_check(self, connection: BaseDatabaseWrapper) -> str | None:
        if connection.vendor != "sqlite":
            return super().db_check(connection)
        column = connection.ops.quote_name(self.column or "")
        kinds = "('integer', 'null')" if self.null else "('integer')"
        return f"typeof({column}) IN {kinds}"


class ByBytes(models.CharField):
    """Text in the order of its bytes, whatever PostgreSQL's collation, so that an index finds texts
    that begin alike.
    """

    def db_parameters(self, connection: BaseDatabaseWrapper) -> Any:
        parameters = super().db_parameters(connection)
        if connection.vendor == "postgresql":
            parameters["collation"] = "C"
        return parameters


class Instant(models.Func):
    """An instant in an index: on SQLite whole microseconds, which take half the room of the text;
    ppims.db.instants writes them alike, so that statements find the index.
    """

    def __init__(self, expression: Any) -> None:
        super().__init__(models.F(expression) if isinstance(expression, str) else expression)

    def as_sql(self, compiler: Any, connection: BaseDatabaseWrapper, *_: Any, **__: Any) -> Any:
        sql, values = compiler.compile(self.get_source_expressions()[0])
        return AS_INDEXED[connection.vendor].format(sql), values


class ByTime(models.Index):
    """An index by an instant and then by the key, which tells rows of one instant apart. SQLite's
    indexes end with the key anyway.
    """

    def create_sql(
        self,
        model: type[models.Model],
        schema_editor: BaseDatabaseSchemaEditor,
        using: str = "",
        **more: Any,
    ) -> Any:
        if schema_editor.connection.vendor == "sqlite":
            return super().create_sql(model, schema_editor, using, **more)
        key = models.F(model._meta.pk.name)
        columns = [
            (each, key) if isinstance(each, Instant) else (each,) for each in self.expressions
        ]
        whole = models.Index(*chain(*columns), name=self.name, condition=self.condition)
        return whole.create_sql(model, schema_editor, using, **more)


class CreateWithoutRowid(CreateModel):
    """CreateModel for a table that SQLite keeps in its primary key's order, without a rowid: half
    the size.
    """

    def database_forwards(
        self,
        app_label: str,
        schema_editor: BaseDatabaseSchemaEditor,
        from_state: ProjectState,
        to_state: ProjectState,
    ) -> None:
        if schema_editor.connection.vendor != "sqlite":
            super().database_forwards(app_label, schema_editor, from_state, to_state)
            return
        editor: Any = schema_editor  # it has no parameter for it: its template is changed instead
        plain = editor.sql_create_table
        editor.sql_create_table = f"{plain} WITHOUT ROWID"
        try:
            super().database_forwards(app_label, schema_editor, from_state, to_state)
        finally:
            editor.sql_create_table = plain
