"""Keep sessions in a table of our own, whose keys are digests of the cookies. Everybody logs in once
more: Django's table had the cookies' values, and is emptied. It stays, for servers of the version
before, and because the records of backups name its migration.

With 10 lakh customers: seconds on PostgreSQL, 15 s on SQLite, where Django looks at all foreign keys.
"""

from typing import Any

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

import ppims.models.sessions


def forget_sessions(apps: Any, editor: Any) -> None:
    apps.get_model("sessions", "Session").objects.using(editor.connection.alias).all().delete()


class Migration(migrations.Migration):
    dependencies = [
        ("ppims", "0014_second_factor"),
        ("sessions", "0001_initial"),
    ]

    operations = [
        migrations.AddField(
            model_name="user",
            name="last_login_source",
            field=models.CharField(blank=True, editable=False, max_length=64),
        ),
        migrations.CreateModel(
            name="StaffSession",
            fields=[
                (
                    "session_key",
                    models.CharField(
                        max_length=40,
                        primary_key=True,
                        serialize=False,
                        verbose_name="session key",
                    ),
                ),
                ("session_data", models.TextField(verbose_name="session data")),
                ("expire_date", models.DateTimeField(db_index=True, verbose_name="expire date")),
                (
                    "public_id",
                    models.CharField(default=ppims.models.sessions.draw_public_id, max_length=16),
                ),
                ("began_at", models.DateTimeField()),
                ("seen_at", models.DateTimeField()),
                ("source", models.CharField(blank=True, max_length=64)),
                ("agent", models.CharField(blank=True, max_length=60)),
                ("previous_login_at", models.DateTimeField(null=True)),
                ("previous_source", models.CharField(blank=True, max_length=64)),
                (
                    "user",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "verbose_name": "session",
                "verbose_name_plural": "sessions",
                "abstract": False,
            },
        ),
        migrations.RunPython(forget_sessions, migrations.RunPython.noop),
    ]
