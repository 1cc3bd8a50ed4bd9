"""Corrections that name the posting that they take away of, and count among its reversals.

On SQLite the entries are copied twice, for the constraint that lets a correction name one.
"""

import ppims.db.fields
from django.db import migrations, models

from ppims.db import append_only

TABLE = "limits_ledgerentry"


def forbid_changes(apps, schema_editor):
    """Put the triggers back that a copied table has lost."""
    if any(TABLE in name for name in append_only.list_missing(using=schema_editor.connection)):
        append_only.install(TABLE, using=schema_editor.connection)


def make_indexes_anew(apps, schema_editor):
    """Make the indexes by time as they were: where a table is copied, Django takes the percent sign
    in them for the place of a value.
    """
    if schema_editor.connection.vendor != "sqlite":
        return
    entry = apps.get_model("limits", "LedgerEntry")
    for index in entry._meta.indexes:
        if index.contains_expressions:
            schema_editor.remove_index(entry, index)
            schema_editor.add_index(entry, index)


class Migration(migrations.Migration):
    dependencies = [("limits", "0014_tran_ids_of_two_in_one_ledger")]

    operations = [
        migrations.AlterModelOptions(
            name="ledgerentry",
            options={
                "permissions": [
                    ("export_ledgerentry", "Can export transactions"),
                    ("read_reports", "Can read a month's figures"),
                ],
                "verbose_name_plural": "ledger entries",
            },
        ),
        migrations.RemoveIndex(model_name="ledgerentry", name="entry_head_by_time"),
        migrations.RemoveConstraint(
            model_name="ledgerentry", name="ledger_entry_reversal_names_its_posting"
        ),
        migrations.AddConstraint(
            model_name="ledgerentry",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("kind", "R"), ("reverses__isnull", False)),
                    models.Q(("amount_paise__lt", 0), ("kind", "A")),
                    models.Q(models.Q(("kind", "R"), _negated=True), ("reverses__isnull", True)),
                    _connector="OR",
                ),
                name="ledger_entry_reversal_names_its_posting",
            ),
        ),
        migrations.AddIndex(
            model_name="ledgerentry",
            index=ppims.db.fields.ByTime(
                ppims.db.fields.Instant("at"),
                models.F("processor"),
                models.F("kind"),
                condition=models.Q(("limit_check", None), ("reverses", None)),
                name="entry_head_by_time",
            ),
        ),
        migrations.AddIndex(
            model_name="ledgerentry",
            index=ppims.db.fields.ByTime(
                ppims.db.fields.Instant("at"),
                models.F("processor"),
                models.F("kind"),
                condition=models.Q(("kind", "A")),
                name="entry_adjusted_by_time",
            ),
        ),
        migrations.RunPython(make_indexes_anew, migrations.RunPython.noop),
        migrations.RunPython(forbid_changes, migrations.RunPython.noop),
        migrations.AddField(
            model_name="adjustment",
            name="posting_id",
            field=models.BigIntegerField(null=True),
        ),
        migrations.AddConstraint(
            model_name="adjustment",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("posting_id__isnull", True), ("amount_paise__lt", 0), _connector="OR"
                ),
                name="adjustment_of_a_posting_takes_away",
            ),
        ),
    ]
