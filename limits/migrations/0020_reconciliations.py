import django.db.models.deletion
import ppims.db.fields
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("limits", "0019_openings"),
        ("ppims", "0019_job_kinds"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Reconciliation",
            fields=[
                ("id", ppims.db.fields.BigId(primary_key=True, serialize=False)),
                ("since", models.DateField()),
                ("until", models.DateField()),
                ("file_name", models.CharField(max_length=100)),
                ("digest", models.CharField(max_length=64)),
                ("size_bytes", models.PositiveIntegerField()),
                ("stored_as", models.CharField(blank=True, max_length=32)),
                ("key_id", models.CharField(blank=True, max_length=8)),
                ("brought_at", models.DateTimeField()),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("WAITING", "Being compared"),
                            ("DONE", "Compared"),
                            ("REFUSED", "Refused"),
                        ],
                        default="WAITING",
                        max_length=7,
                    ),
                ),
                ("ended_at", models.DateTimeField(null=True)),
                ("fault", models.CharField(blank=True, max_length=200)),
                ("row_count", models.PositiveIntegerField(default=0)),
                ("refused_count", models.PositiveIntegerField(default=0)),
                ("difference_count", models.PositiveIntegerField(default=0)),
                ("open_count", models.PositiveIntegerField(default=0)),
                ("sums", models.TextField(default="{}")),
                (
                    "brought_by",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "processor",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="ppims.processor",
                    ),
                ),
            ],
            options={
                "default_permissions": ("add",),
            },
        ),
        migrations.CreateModel(
            name="ReconciliationDifference",
            fields=[
                ("id", ppims.db.fields.BigId(primary_key=True, serialize=False)),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("AMOUNT", "Amount differs"),
                            ("DIRECTION", "Spend and load mixed up"),
                            ("ONLY_THEIRS", "Only in their file"),
                            ("ONLY_OURS", "Only in our books"),
                            ("REFUSED", "Row refused"),
                            ("OTHER_DAY", "Agrees over other days"),
                        ],
                        max_length=11,
                    ),
                ),
                ("tran_id", models.CharField(blank=True, max_length=32, verbose_name="Tran_Id")),
                ("ref_id", models.CharField(blank=True, max_length=32, verbose_name="Ref_Id")),
                (
                    "direction",
                    models.CharField(
                        blank=True, choices=[("D", "Spend"), ("C", "Load")], max_length=1
                    ),
                ),
                ("their_paise", ppims.db.fields.Paise(null=True)),
                ("our_paise", ppims.db.fields.Paise(null=True)),
                ("row_number", models.PositiveIntegerField(null=True)),
                ("row_count", models.PositiveIntegerField(default=0)),
                ("entry_id", models.BigIntegerField(null=True)),
                ("unique_id", models.BigIntegerField(null=True, verbose_name="Unique_Id")),
                ("said", models.CharField(blank=True, max_length=200)),
                ("settled_at", models.DateTimeField(null=True)),
                ("note", models.CharField(blank=True, max_length=500)),
                (
                    "reconciliation",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="differences",
                        to="limits.reconciliation",
                    ),
                ),
                (
                    "settled_by",
                    models.ForeignKey(
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "default_permissions": (),
            },
        ),
        migrations.AddIndex(
            model_name="reconciliation",
            index=models.Index(fields=["brought_at"], name="reconciliation_by_time"),
        ),
        migrations.AddConstraint(
            model_name="reconciliation",
            constraint=models.CheckConstraint(
                condition=models.Q(("since__lte", models.F("until"))),
                name="reconciliation_ends_after_it_begins",
            ),
        ),
        migrations.AddConstraint(
            model_name="reconciliation",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("ended_at__isnull", True), ("state", "WAITING")),
                    models.Q(("ended_at__isnull", False), ("state__in", ["DONE", "REFUSED"])),
                    _connector="OR",
                ),
                name="reconciliation_has_an_end_once_compared",
            ),
        ),
        migrations.AddIndex(
            model_name="reconciliationdifference",
            index=models.Index(fields=["reconciliation", "kind", "id"], name="difference_of_run"),
        ),
        migrations.AddIndex(
            model_name="reconciliationdifference",
            index=models.Index(
                condition=models.Q(("kind__in", ["ONLY_OURS", "OTHER_DAY"])),
                fields=["entry_id"],
                name="difference_of_posting",
            ),
        ),
        migrations.AddConstraint(
            model_name="reconciliationdifference",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(
                        ("note", ""), ("settled_at__isnull", True), ("settled_by__isnull", True)
                    ),
                    models.Q(
                        ("settled_at__isnull", False),
                        ("settled_by__isnull", False),
                        models.Q(("note", ""), _negated=True),
                    ),
                    _connector="OR",
                ),
                name="reconciliation_difference_settled_has_a_note",
            ),
        ),
    ]
