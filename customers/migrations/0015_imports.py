"""Tables of the files of customers that an institution brings, and of their approval. New and
empty: it takes no time.
"""

import django.db.models.deletion
import django.db.models.expressions
import ppims.db.fields
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("customers", "0014_identifier_keys"),
        ("ppims", "0018_key_rotation"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="ImportFile",
            fields=[
                ("id", ppims.db.fields.BigId(primary_key=True, serialize=False)),
                ("name", models.CharField(max_length=100)),
                ("digest", models.CharField(max_length=64)),
                ("size_bytes", models.PositiveIntegerField()),
                ("stored_as", models.CharField(max_length=32)),
                ("key_id", models.CharField(max_length=8)),
                ("brought_at", models.DateTimeField()),
                ("read_at", models.DateTimeField(null=True)),
                ("gone_at", models.DateTimeField(null=True)),
                ("fault", models.CharField(blank=True, max_length=200)),
                ("row_count", models.PositiveIntegerField(default=0)),
                ("new_count", models.PositiveIntegerField(default=0)),
                ("elsewhere_count", models.PositiveIntegerField(default=0)),
                ("known_count", models.PositiveIntegerField(default=0)),
                ("review_count", models.PositiveIntegerField(default=0)),
                ("refused_count", models.PositiveIntegerField(default=0)),
                ("done_count", models.PositiveIntegerField(default=0)),
                ("added_count", models.PositiveIntegerField(default=0)),
                ("ended_at", models.DateTimeField(null=True)),
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
        ),
        migrations.CreateModel(
            name="CustomerImport",
            fields=[
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("PROPOSED", "Proposed"),
                            ("APPROVED", "Approved"),
                            ("REJECTED", "Rejected"),
                            ("WITHDRAWN", "Withdrawn"),
                            ("ALONE", "Counts, to be confirmed"),
                            ("OBJECTED", "Counts, objected to"),
                        ],
                        default="PROPOSED",
                        max_length=9,
                    ),
                ),
                ("operator", models.CharField(blank=True, editable=False, max_length=100)),
                ("proposed_at", models.DateTimeField()),
                ("decided_at", models.DateTimeField(blank=True, null=True)),
                (
                    "decision_note",
                    models.CharField(
                        blank=True, max_length=500, verbose_name="Reason of the decision"
                    ),
                ),
                ("id", ppims.db.fields.BigId(primary_key=True, serialize=False)),
                ("digest", models.CharField(max_length=64)),
                ("reason", models.CharField(max_length=500, verbose_name="Reason")),
                (
                    "checker",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "maker",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "file",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="imports",
                        to="customers.importfile",
                    ),
                ),
            ],
            options={
                "permissions": [
                    ("propose_customerimport", "Can import customers"),
                    ("approve_customerimport", "Can approve an import of customers"),
                ],
                "abstract": False,
            },
        ),
        migrations.AddIndex(
            model_name="importfile",
            index=models.Index(
                condition=models.Q(("gone_at__isnull", True)),
                fields=["brought_at"],
                name="import_file_kept",
            ),
        ),
        migrations.AddConstraint(
            model_name="importfile",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    (
                        "row_count",
                        django.db.models.expressions.CombinedExpression(
                            django.db.models.expressions.CombinedExpression(
                                django.db.models.expressions.CombinedExpression(
                                    django.db.models.expressions.CombinedExpression(
                                        models.F("new_count"), "+", models.F("elsewhere_count")
                                    ),
                                    "+",
                                    models.F("known_count"),
                                ),
                                "+",
                                models.F("review_count"),
                            ),
                            "+",
                            models.F("refused_count"),
                        ),
                    )
                ),
                name="import_file_counts_make_its_rows",
            ),
        ),
        migrations.AddConstraint(
            model_name="importfile",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("added_count__lte", models.F("done_count")),
                    ("done_count__lte", models.F("row_count")),
                ),
                name="import_file_adds_what_it_has",
            ),
        ),
        migrations.AddIndex(
            model_name="customerimport",
            index=models.Index(
                condition=models.Q(("state", "PROPOSED")),
                fields=["proposed_at"],
                name="customerimport_waiting",
            ),
        ),
        migrations.AddConstraint(
            model_name="customerimport",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("maker__isnull", True),
                    ("checker__isnull", True),
                    models.Q(("maker", models.F("checker")), _negated=True),
                    _connector="OR",
                ),
                name="customers_customerimport_maker_is_not_checker",
            ),
        ),
        migrations.AddConstraint(
            model_name="customerimport",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("state__in", ["APPROVED", "REJECTED"]), _negated=True),
                    models.Q(
                        ("checker__isnull", False),
                        ("decided_at__isnull", False),
                        ("maker__isnull", False),
                    ),
                    models.Q(
                        ("checker__isnull", True),
                        ("decided_at__isnull", False),
                        ("maker__isnull", True),
                    ),
                    _connector="OR",
                ),
                name="customers_customerimport_decision_has_two_people",
            ),
        ),
        migrations.AddConstraint(
            model_name="customerimport",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("state__in", ["PROPOSED", "APPROVED", "REJECTED", "WITHDRAWN"])
                ),
                name="customers_customerimport_state_is_known",
            ),
        ),
        migrations.AddConstraint(
            model_name="customerimport",
            constraint=models.UniqueConstraint(
                condition=models.Q(("state__in", ["PROPOSED", "APPROVED"])),
                fields=("file",),
                name="customer_import_once_a_file",
            ),
        ),
        migrations.AddConstraint(
            model_name="customerimport",
            constraint=models.CheckConstraint(
                condition=models.Q(("maker__isnull", False)), name="customer_import_has_a_maker"
            ),
        ),
        migrations.AddConstraint(
            model_name="customerimport",
            constraint=models.CheckConstraint(
                condition=models.Q(("reason", ""), _negated=True),
                name="customer_import_has_a_reason",
            ),
        ),
    ]
