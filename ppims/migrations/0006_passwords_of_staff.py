"""Since when a password is a one-time one, what a person's passwords were, and wrong old ones.

A one-time password that is waiting has its 24 hours from now on.
"""

from django.db import migrations, models
from django.utils import timezone


def begin_the_24_hours(apps, schema_editor):
    users = apps.get_model("ppims", "User").objects.using(schema_editor.connection.alias)
    users.filter(has_one_time_password=True).update(one_time_password_at=timezone.now())


def say_whether(apps, schema_editor):
    users = apps.get_model("ppims", "User").objects.using(schema_editor.connection.alias)
    users.filter(one_time_password_at__isnull=False).update(has_one_time_password=True)


class Migration(migrations.Migration):
    dependencies = [
        ("ppims", "0005_proofs_of_credentials"),
    ]

    operations = [
        migrations.AddField(
            model_name="user",
            name="one_time_password_at",
            field=models.DateTimeField(editable=False, null=True),
        ),
        migrations.RunPython(begin_the_24_hours, say_whether),
        migrations.RemoveField(
            model_name="user",
            name="has_one_time_password",
        ),
        migrations.AddField(
            model_name="user",
            name="former_passwords",
            field=models.TextField(blank=True, editable=False),
        ),
        migrations.AddField(
            model_name="user",
            name="wrong_passwords",
            field=models.PositiveSmallIntegerField(
                default=0,
                editable=False,
                help_text="Old ones, told wrong by who was changing it.",
            ),
        ),
    ]
