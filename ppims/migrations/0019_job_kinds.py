"""Kinds of jobs by name only: nothing of the table changes, it takes no time."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("ppims", "0018_key_rotation"),
    ]

    operations = [
        migrations.AlterField(
            model_name="job",
            name="kind",
            field=models.CharField(
                choices=[
                    ("SEAL", "Seal"),
                    ("VERIFY", "Verification"),
                    ("WHAT_IF", "Effect of a change of limits"),
                    ("WATCH", "Daily watch"),
                    ("IMPORT_READ", "Reading a file of customers"),
                    ("IMPORT", "Import of customers"),
                    ("RECONCILE", "Reconciliation"),
                ],
                max_length=12,
            ),
        ),
    ]
