# Some seconds at most: only the table of changes of the staff, a few rows, is looked at.

import django.db.models.deletion
import ppims.db.fields
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("ppims", "0013_watch"),
    ]

    operations = [
        migrations.CreateModel(
            name="RecoveryCode",
            fields=[
                ("id", ppims.db.fields.BigId(primary_key=True, serialize=False)),
                ("key_id", models.CharField(max_length=8)),
                ("digest", models.BinaryField(max_length=16)),
                ("used_at", models.DateTimeField(null=True)),
            ],
        ),
        migrations.CreateModel(
            name="SecondFactor",
            fields=[
                (
                    "user",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        primary_key=True,
                        related_name="second_factor",
                        serialize=False,
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                ("key_id", models.CharField(max_length=8)),
                ("sealed", models.BinaryField()),
                ("drawn_for", models.BinaryField(default=b"")),
                ("confirmed_at", models.DateTimeField(null=True)),
                ("last_step", models.BigIntegerField(default=0)),
                ("wrong_codes", models.PositiveSmallIntegerField(default=0)),
                ("locked_until_seconds", models.BigIntegerField(default=0)),
            ],
        ),
        migrations.RemoveConstraint(
            model_name="staffchange",
            name="staff_change_kind_is_known",
        ),
        migrations.RemoveConstraint(
            model_name="staffchange",
            name="staff_change_has_what_it_needs",
        ),
        migrations.AlterField(
            model_name="staffchange",
            name="kind",
            field=models.CharField(
                choices=[
                    ("ADD", "Add"),
                    ("ROLE", "Change role"),
                    ("RESET", "Reset password"),
                    ("DEACTIVATE", "Deactivate"),
                    ("ACTIVATE", "Activate"),
                    ("FACTOR", "Reset second factor"),
                ],
                max_length=10,
            ),
        ),
        migrations.AddConstraint(
            model_name="staffchange",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("kind__in", ["ADD", "ROLE", "RESET", "DEACTIVATE", "ACTIVATE", "FACTOR"])
                ),
                name="staff_change_kind_is_known",
            ),
        ),
        migrations.AddConstraint(
            model_name="staffchange",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("kind", "ADD"), ("to_role__gt", "")),
                    models.Q(("kind", "ROLE"), ("person__isnull", False), ("to_role__gt", "")),
                    models.Q(
                        ("kind__in", ["RESET", "DEACTIVATE", "ACTIVATE", "FACTOR"]),
                        ("person__isnull", False),
                    ),
                    _connector="OR",
                ),
                name="staff_change_has_what_it_needs",
            ),
        ),
        migrations.AddField(
            model_name="recoverycode",
            name="user",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="recovery_codes",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddIndex(
            model_name="recoverycode",
            index=models.Index(fields=["user"], name="recovery_code_by_user"),
        ),
    ]
