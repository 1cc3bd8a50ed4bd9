import django.db.models.deletion
import ppims.db.fields
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("customers", "0001_first"),
    ]

    operations = [
        migrations.CreateModel(
            name="LimitRule",
            fields=[
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("PROPOSED", "Proposed"),
                            ("APPROVED", "Approved"),
                            ("REJECTED", "Rejected"),
                            ("WITHDRAWN", "Withdrawn"),
                        ],
                        default="PROPOSED",
                        max_length=9,
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
                    "checker",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                ("proposed_at", models.DateTimeField()),
                ("decided_at", models.DateTimeField(blank=True, null=True)),
                ("id", ppims.db.fields.BigId(primary_key=True, serialize=False)),
                (
                    "tier",
                    models.CharField(
                        choices=[("N", "Min KYC"), ("P", "New Min KYC"), ("F", "Full KYC")],
                        max_length=1,
                        verbose_name="KYC tier",
                    ),
                ),
                (
                    "direction",
                    models.CharField(choices=[("D", "Spend"), ("C", "Load")], max_length=1),
                ),
                (
                    "window",
                    models.CharField(
                        choices=[
                            ("TRANSACTION", "One transaction"),
                            ("MONTH", "Calendar month"),
                            ("FINANCIAL_YEAR", "Financial year"),
                            ("BALANCE", "Balance at any time"),
                            ("CREDIT_STOP", "Months until loading stops"),
                        ],
                        max_length=14,
                    ),
                ),
                (
                    "amount",
                    ppims.db.fields.Paise(
                        blank=True,
                        help_text="In paise; of CREDIT_STOP, months. Empty: no limit from then on.",
                        null=True,
                    ),
                ),
                (
                    "in_force_from",
                    models.DateTimeField(
                        blank=True,
                        help_text="Before its approval, or empty: from the approval on.",
                        null=True,
                    ),
                ),
                (
                    "source",
                    models.CharField(
                        help_text='Where the figure comes from: "MD-PPIs 2021, para 9.1(i)"',
                        max_length=200,
                    ),
                ),
            ],
            options={
                "permissions": [("approve_limitrule", "Can approve a limit rule")],
                "abstract": False,
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            ("maker__isnull", True),
                            ("checker__isnull", True),
                            models.Q(("maker", models.F("checker")), _negated=True),
                            _connector="OR",
                        ),
                        name="limits_limitrule_maker_is_not_checker",
                    ),
                    models.CheckConstraint(
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
                        name="limits_limitrule_decision_has_two_people",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("amount__isnull", True), ("amount__gt", 0), _connector="OR"
                        ),
                        name="limit_rule_amount_is_positive",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("window__in", ["BALANCE", "CREDIT_STOP"]), _negated=True),
                            ("direction", "C"),
                            _connector="OR",
                        ),
                        name="limit_rule_balance_and_stop_are_for_loads",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("state", "APPROVED"), _negated=True),
                            ("in_force_from__isnull", False),
                            _connector="OR",
                        ),
                        name="limit_rule_approved_has_a_start",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("source", ""), _negated=True),
                        name="limit_rule_has_a_source",
                    ),
                ],
                "indexes": [],
            },
        ),
        migrations.CreateModel(
            name="LimitCheck",
            fields=[
                ("id", ppims.db.fields.BigId(primary_key=True, serialize=False)),
                (
                    "customer",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="customers.customer",
                    ),
                ),
                ("number", models.PositiveIntegerField()),
                (
                    "processor",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="ppims.processor",
                    ),
                ),
                ("unique_id_sent", models.BigIntegerField()),
                ("ref_id", models.CharField(max_length=32, verbose_name="Ref_Id")),
                ("at", models.DateTimeField()),
                ("month", models.PositiveIntegerField()),
                (
                    "direction",
                    models.CharField(choices=[("D", "Spend"), ("C", "Load")], max_length=1),
                ),
                ("amount_paise", ppims.db.fields.Paise()),
                ("balance_paise", ppims.db.fields.Paise(null=True)),
                ("account_number", models.CharField(blank=True, max_length=32)),
                ("card_last_four", models.CharField(blank=True, max_length=4)),
                (
                    "tier",
                    models.CharField(
                        choices=[("N", "Min KYC"), ("P", "New Min KYC"), ("F", "Full KYC")],
                        max_length=1,
                    ),
                ),
                ("is_allowed", models.BooleanField()),
                ("reason", models.CharField(max_length=20)),
                (
                    "rule",
                    models.ForeignKey(
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="limits.limitrule",
                    ),
                ),
                ("limit", models.BigIntegerField(null=True)),
                ("used_paise", ppims.db.fields.Paise(null=True)),
                ("held_paise", ppims.db.fields.Paise(null=True)),
                ("remaining_paise", ppims.db.fields.Paise(null=True)),
                ("resets_on", models.DateField(null=True)),
                ("hold_until", models.DateTimeField(null=True)),
                ("unjudged", models.CharField(blank=True, max_length=40)),
                ("cumulative_paise", ppims.db.fields.Paise()),
                ("available_paise", ppims.db.fields.Paise(null=True)),
                ("cif_id", models.CharField(blank=True, max_length=32)),
                ("old_unique_id", models.BigIntegerField(null=True)),
                ("key_id", models.CharField(max_length=8)),
                ("mac", models.BinaryField()),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=("customer", "number"), name="limit_check_has_its_place"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("amount_paise__gt", 0)),
                        name="limit_check_amount_is_positive",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("hold_until__isnull", False), ("is_allowed", True)),
                            models.Q(("hold_until__isnull", True), ("is_allowed", False)),
                            _connector="OR",
                        ),
                        name="limit_check_allowed_has_a_hold",
                    ),
                ],
                "indexes": [],
            },
        ),
        migrations.CreateModel(
            name="Hold",
            fields=[
                (
                    "limit_check",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        primary_key=True,
                        related_name="hold",
                        serialize=False,
                        to="limits.limitcheck",
                    ),
                ),
                (
                    "customer",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="holds",
                        to="customers.customer",
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
                ("month", models.PositiveIntegerField()),
                (
                    "direction",
                    models.CharField(choices=[("D", "Spend"), ("C", "Load")], max_length=1),
                ),
                ("amount_paise", ppims.db.fields.Paise()),
                ("expires_at", models.DateTimeField()),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("amount_paise__gt", 0)), name="hold_amount_is_positive"
                    )
                ],
                "indexes": [],
            },
        ),
        migrations.CreateModel(
            name="LedgerEntry",
            fields=[
                ("id", ppims.db.fields.BigId(primary_key=True, serialize=False)),
                (
                    "customer",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="customers.customer",
                    ),
                ),
                ("number", models.PositiveIntegerField()),
                ("unique_id_sent", models.BigIntegerField()),
                (
                    "processor",
                    models.ForeignKey(
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="ppims.processor",
                    ),
                ),
                ("ref_id", models.CharField(blank=True, max_length=32, verbose_name="Ref_Id")),
                ("at", models.DateTimeField()),
                ("arrival_month", models.PositiveIntegerField()),
                ("month", models.PositiveIntegerField()),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("S", "Posted"),
                            ("F", "Released"),
                            ("R", "Reversed"),
                            ("A", "Adjusted"),
                            ("M", "Moved"),
                        ],
                        max_length=1,
                    ),
                ),
                (
                    "direction",
                    models.CharField(choices=[("D", "Spend"), ("C", "Load")], max_length=1),
                ),
                ("amount_paise", ppims.db.fields.Paise()),
                ("balance_paise", ppims.db.fields.Paise(null=True)),
                ("tran_id", models.CharField(blank=True, max_length=32, verbose_name="Tran_Id")),
                (
                    "enquiry_ref_id",
                    models.CharField(blank=True, max_length=32, verbose_name="Enquiry_Ref_Id"),
                ),
                (
                    "limit_check",
                    models.ForeignKey(
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="limits.limitcheck",
                    ),
                ),
                (
                    "reverses",
                    models.ForeignKey(
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="limits.ledgerentry",
                    ),
                ),
                ("flags", models.CharField(blank=True, max_length=80)),
                (
                    "tier",
                    models.CharField(
                        choices=[("N", "Min KYC"), ("P", "New Min KYC"), ("F", "Full KYC")],
                        max_length=1,
                    ),
                ),
                ("used_after_paise", ppims.db.fields.Paise()),
                ("held_after_paise", ppims.db.fields.Paise()),
                ("limit_paise", ppims.db.fields.Paise(null=True)),
                (
                    "rule",
                    models.ForeignKey(
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="limits.limitrule",
                    ),
                ),
                ("cumulative_paise", ppims.db.fields.Paise()),
                ("available_paise", ppims.db.fields.Paise(null=True)),
                ("key_id", models.CharField(max_length=8)),
                ("digest", models.BinaryField()),
            ],
            options={
                "verbose_name_plural": "ledger entries",
                "indexes": [
                    models.Index(fields=["customer", "month"], name="ledger_entry_by_month")
                ],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("customer", "number"), name="ledger_entry_has_its_place"
                    ),
                    models.UniqueConstraint(
                        condition=models.Q(("kind", "S")),
                        fields=("customer", "limit_check"),
                        name="ledger_entry_settles_a_check_once",
                    ),
                    models.UniqueConstraint(
                        condition=models.Q(("kind", "S"), models.Q(("tran_id", ""), _negated=True)),
                        fields=("customer", "processor", "tran_id"),
                        name="ledger_entry_posts_a_tran_id_once",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("kind__in", ["S", "F", "R"]), _negated=True),
                            ("amount_paise__gt", 0),
                            _connector="OR",
                        ),
                        name="ledger_entry_amount_is_positive",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("kind", "R"), ("reverses__isnull", False)),
                            models.Q(
                                models.Q(("kind", "R"), _negated=True), ("reverses__isnull", True)
                            ),
                            _connector="OR",
                        ),
                        name="ledger_entry_reversal_names_its_posting",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="LedgerHead",
            fields=[
                (
                    "customer",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        primary_key=True,
                        related_name="+",
                        serialize=False,
                        to="customers.customer",
                    ),
                ),
                ("entry_count", models.PositiveIntegerField(default=0)),
                ("check_count", models.PositiveIntegerField(default=0)),
                ("last_digest", models.BinaryField(default=b"")),
                ("last_at", models.DateTimeField(null=True)),
                ("key_id", models.CharField(max_length=8)),
                ("mac", models.BinaryField()),
            ],
            options={
                "indexes": [],
                "constraints": [],
            },
        ),
        ppims.db.fields.CreateWithoutRowid(
            name="MonthlyUsage",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "customer_id",
                        "month",
                        blank=True,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                (
                    "customer",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="customers.customer",
                    ),
                ),
                ("month", models.PositiveIntegerField()),
                ("debit_paise", ppims.db.fields.Paise()),
                ("credit_paise", ppims.db.fields.Paise()),
            ],
            options={
                "verbose_name_plural": "monthly usage",
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("credit_paise__gte", 0), ("debit_paise__gte", 0)),
                        name="monthly_usage_is_never_negative",
                    )
                ],
                "indexes": [],
            },
        ),
    ]
