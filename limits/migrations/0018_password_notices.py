"""Notices of old passwords, which stand in the list before those of checks and of customers.

Those two move down a place: one statement, some seconds where a lakh of notices is kept.
"""

from django.db import migrations, models
from django.db.models import F

DAYS_A_RANK = 10**6
MOVED_KINDS = ("UNANSWERED", "LOADING_STOP")


def move_down(apps, schema_editor):
    _move(apps, schema_editor, DAYS_A_RANK)


def move_up(apps, schema_editor):
    _move(apps, schema_editor, -DAYS_A_RANK)


def _move(apps, schema_editor, by):
    notices = apps.get_model("limits", "Notice").objects.using(schema_editor.connection.alias)
    notices = notices.filter(kind__in=MOVED_KINDS)
    notices.update(urgency=F("urgency") + by)


class Migration(migrations.Migration):
    dependencies = [
        ("limits", "0017_notices"),
    ]

    operations = [
        migrations.AlterField(
            model_name="notice",
            name="kind",
            field=models.CharField(
                choices=[
                    ("VERIFICATION", "Verification"),
                    ("SEAL", "Seal"),
                    ("BACKUP", "Backup"),
                    ("PASSWORD", "Processor’s password"),
                    ("UNANSWERED", "Checks never answered"),
                    ("LOADING_STOP", "Loading stops"),
                ],
                max_length=12,
            ),
        ),
        migrations.RunPython(move_down, move_up),
    ]
