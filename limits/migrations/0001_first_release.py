"""The tables of limits and the ledger, as the first release has them. A database that began with
the migrations that this replaces has the same, and goes on by them.
"""

import django.db.models.deletion
import ppims.db.fields
from django.conf import settings
from django.db import migrations, models

from ppims.db import append_only


ONLY_GROW = (
    "limits_limitcheck",
    "limits_ledgerentry",
    "limits_seal",
    "limits_postingfinding",
    "limits_refusedreport",
    "limits_reportfinding",
)


def forbid_changes(apps, schema_editor):
    append_only.install(*ONLY_GROW, using=schema_editor.connection)


def allow_changes(apps, schema_editor):
    append_only.remove(*ONLY_GROW, using=schema_editor.connection)


class Migration(migrations.Migration):
    replaces = [
        ("limits", "0001_first"),
        ("limits", "0002_adjustments_and_seals"),
        ("limits", "0003_figures_and_lists_by_time"),
        ("limits", "0004_findings_of_flagged_postings"),
        ("limits", "0005_decision_notes"),
        ("limits", "0006_one_tran_id_both_ways"),
        ("limits", "0007_refused_reports"),
        ("limits", "0008_who_typed_a_proposal"),
        ("limits", "0009_take_rows_as_they_are"),
        ("limits", "0010_counted_rows_named_for_what_they_are"),
        ("limits", "0011_transactions_by_their_first_record"),
        ("limits", "0012_watch_who_is_near_a_limit_alone"),
        ("limits", "0013_states_of_proposals_are_known"),
        ("limits", "0014_tran_ids_of_two_in_one_ledger"),
        ("limits", "0015_corrections_that_name_their_posting"),
        ("limits", "0016_limits_changed_as_one"),
        ("limits", "0017_notices"),
        ("limits", "0018_password_notices"),
        ("limits", "0019_openings"),
        ("limits", "0020_reconciliations"),
    ]

    initial = True

    dependencies = [("customers", "0001_first_release"), ("ppims", "0001_first_release")]

    operations = [
        migrations.CreateModel(
            name="Adjustment",
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
                (
                    "customer",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="adjustments",
                        to="customers.customer",
                    ),
                ),
                ("month", models.PositiveIntegerField()),
                (
                    "direction",
                    models.CharField(choices=[("D", "Spend"), ("C", "Load")], max_length=1),
                ),
                ("amount_paise", ppims.db.fields.Paise()),
                ("reason", models.CharField(max_length=500)),
                ("posting_id", models.BigIntegerField(null=True)),
            ],
            options={
                "permissions": [
                    ("propose_adjustment", "Can propose an adjustment"),
                    ("approve_adjustment", "Can approve an adjustment"),
                ],
                "abstract": False,
                "indexes": [
                    models.Index(
                        condition=models.Q(("state", "PROPOSED")),
                        fields=["proposed_at"],
                        name="adjustment_waiting",
                    )
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            ("maker__isnull", True),
                            ("checker__isnull", True),
                            models.Q(("maker", models.F("checker")), _negated=True),
                            _connector="OR",
                        ),
                        name="limits_adjustment_maker_is_not_checker",
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
                        name="limits_adjustment_decision_has_two_people",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("state__in", ["PROPOSED", "APPROVED", "REJECTED", "WITHDRAWN"])
                        ),
                        name="limits_adjustment_state_is_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("maker__isnull", False)), name="adjustment_has_a_maker"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("amount_paise", 0), _negated=True),
                        name="adjustment_amount_is_not_zero",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("reason", ""), _negated=True),
                        name="adjustment_has_a_reason",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("posting_id__isnull", True), ("amount_paise__lt", 0), _connector="OR"
                        ),
                        name="adjustment_of_a_posting_takes_away",
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
            },
        ),
        migrations.CreateModel(
            name="NearLimit",
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
                ("created_at", models.DateTimeField()),
                ("month", models.PositiveIntegerField()),
                (
                    "level",
                    models.PositiveSmallIntegerField(
                        choices=[(0, "Below 80 %"), (1, "Near the limit"), (2, "At the limit")]
                    ),
                ),
                ("permille", models.PositiveIntegerField()),
            ],
            options={
                "verbose_name_plural": "near limits",
                "db_table": "limits_watched",
                "indexes": [
                    models.Index(fields=["month", "permille", "customer"], name="watched_by_use"),
                    ppims.db.fields.ByTime(
                        models.F("month"),
                        ppims.db.fields.Instant("created_at"),
                        models.F("level"),
                        name="watched_near_a_limit",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Notice",
            fields=[
                ("id", ppims.db.fields.BigId(primary_key=True, serialize=False)),
                (
                    "kind",
                    models.CharField(
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
                ("matter", models.CharField(max_length=60)),
                ("unique_id", models.BigIntegerField(null=True, verbose_name="Unique_Id")),
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
                ("day", models.DateField()),
                ("step", models.PositiveIntegerField(default=0)),
                ("count", models.BigIntegerField(default=0)),
                ("has_failed", models.BooleanField(default=False)),
                ("urgency", models.PositiveIntegerField()),
                ("found_at", models.DateTimeField()),
                (
                    "state",
                    models.CharField(
                        choices=[("OPEN", "Open"), ("CLOSED", "Closed")],
                        default="OPEN",
                        max_length=6,
                    ),
                ),
                ("closed_at", models.DateTimeField(null=True)),
                (
                    "closed_by",
                    models.ForeignKey(
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                ("note", models.CharField(blank=True, max_length=500)),
            ],
            options={
                "permissions": [
                    ("close_notice", "Can close a notice about customers and processors")
                ],
                "default_permissions": ("view",),
                "indexes": [
                    models.Index(
                        condition=models.Q(("state", "OPEN")),
                        fields=["urgency", "id"],
                        name="notice_open",
                    ),
                    models.Index(
                        condition=models.Q(("state", "OPEN")),
                        fields=["found_at", "id"],
                        name="notice_open_by_time",
                    ),
                    models.Index(
                        condition=models.Q(("state", "CLOSED")),
                        fields=["closed_at", "id"],
                        name="notice_closed",
                    ),
                    models.Index(
                        condition=models.Q(("unique_id__isnull", False)),
                        fields=["unique_id"],
                        name="notice_of_customer",
                    ),
                ],
                "constraints": [
                    models.UniqueConstraint(fields=("matter",), name="notice_is_once_a_matter"),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("closed_at__isnull", True), ("state", "OPEN")),
                            models.Q(("closed_at__isnull", False), ("state", "CLOSED")),
                            _connector="OR",
                        ),
                        name="notice_closed_has_its_time",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("closed_by__isnull", True), ("note", "")),
                            models.Q(
                                ("closed_by__isnull", False),
                                ("state", "CLOSED"),
                                models.Q(("note", ""), _negated=True),
                            ),
                            _connector="OR",
                        ),
                        name="notice_closed_by_somebody_has_a_note",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="OverviewSnapshot",
            fields=[
                ("number", ppims.db.fields.GivenId(primary_key=True, serialize=False)),
                ("version", models.PositiveIntegerField(default=0)),
                ("at", models.DateTimeField()),
                ("claimed_until", models.DateTimeField()),
                ("state", models.TextField()),
            ],
            options={
                "db_table": "limits_figures",
            },
        ),
        migrations.CreateModel(
            name="Reconciliation",
            fields=[
                ("id", ppims.db.fields.BigId(primary_key=True, serialize=False)),
                (
                    "processor",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="ppims.processor",
                    ),
                ),
                ("since", models.DateField()),
                ("until", models.DateField()),
                ("file_name", models.CharField(max_length=100)),
                ("digest", models.CharField(max_length=64)),
                ("size_bytes", models.PositiveIntegerField()),
                ("stored_as", models.CharField(blank=True, max_length=32)),
                ("key_id", models.CharField(blank=True, max_length=8)),
                (
                    "brought_by",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
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
            ],
            options={
                "default_permissions": ("add",),
                "indexes": [models.Index(fields=["brought_at"], name="reconciliation_by_time")],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("since__lte", models.F("until"))),
                        name="reconciliation_ends_after_it_begins",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("ended_at__isnull", True), ("state", "WAITING")),
                            models.Q(
                                ("ended_at__isnull", False), ("state__in", ["DONE", "REFUSED"])
                            ),
                            _connector="OR",
                        ),
                        name="reconciliation_has_an_end_once_compared",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="ReconciliationDifference",
            fields=[
                ("id", ppims.db.fields.BigId(primary_key=True, serialize=False)),
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
                ("settled_at", models.DateTimeField(null=True)),
                ("note", models.CharField(blank=True, max_length=500)),
            ],
            options={
                "default_permissions": (),
                "indexes": [
                    models.Index(fields=["reconciliation", "kind", "id"], name="difference_of_run"),
                    models.Index(
                        condition=models.Q(("kind__in", ["ONLY_OURS", "OTHER_DAY"])),
                        fields=["entry_id"],
                        name="difference_of_posting",
                    ),
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(
                                ("note", ""),
                                ("settled_at__isnull", True),
                                ("settled_by__isnull", True),
                            ),
                            models.Q(
                                ("settled_at__isnull", False),
                                ("settled_by__isnull", False),
                                models.Q(("note", ""), _negated=True),
                            ),
                            _connector="OR",
                        ),
                        name="reconciliation_difference_settled_has_a_note",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="RuleSet",
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
                ("pack", models.CharField(blank=True, max_length=100)),
                ("effect", models.TextField(blank=True)),
            ],
            options={
                "verbose_name": "change of limits",
                "abstract": False,
                "default_permissions": (),
                "indexes": [
                    models.Index(
                        condition=models.Q(("state", "PROPOSED")),
                        fields=["proposed_at"],
                        name="ruleset_waiting",
                    )
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            ("maker__isnull", True),
                            ("checker__isnull", True),
                            models.Q(("maker", models.F("checker")), _negated=True),
                            _connector="OR",
                        ),
                        name="limits_ruleset_maker_is_not_checker",
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
                        name="limits_ruleset_decision_has_two_people",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("state__in", ["PROPOSED", "APPROVED", "REJECTED", "WITHDRAWN"])
                        ),
                        name="limits_ruleset_state_is_known",
                    ),
                ],
            },
        ),
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
                            ("ALONE", "Counts, to be confirmed"),
                            ("OBJECTED", "Counts, objected to"),
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
                (
                    "rule_set",
                    models.ForeignKey(
                        blank=True,
                        editable=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="rules",
                        to="limits.ruleset",
                    ),
                ),
            ],
            options={
                "permissions": [("approve_limitrule", "Can approve a limit rule")],
                "abstract": False,
                "indexes": [
                    models.Index(
                        condition=models.Q(("state", "PROPOSED")),
                        fields=["proposed_at"],
                        name="limitrule_waiting",
                    )
                ],
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
                            ("state__in", ["PROPOSED", "APPROVED", "REJECTED", "WITHDRAWN"])
                        ),
                        name="limits_limitrule_state_is_known",
                    ),
                    models.UniqueConstraint(
                        condition=models.Q(("rule_set__isnull", False)),
                        fields=("rule_set", "tier", "direction", "window"),
                        name="limit_rule_is_once_in_its_set",
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
                "indexes": [
                    ppims.db.fields.ByTime(
                        ppims.db.fields.Instant("at"), models.F("processor"), name="check_by_time"
                    ),
                    ppims.db.fields.ByTime(
                        ppims.db.fields.Instant("at"),
                        models.F("processor"),
                        models.F("reason"),
                        condition=models.Q(("is_allowed", False)),
                        name="check_declined",
                    ),
                ],
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
                            ("O", "Opening"),
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
                (
                    "adjustment",
                    models.ForeignKey(
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="limits.adjustment",
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
                "permissions": [
                    ("export_ledgerentry", "Can export transactions"),
                    ("read_reports", "Can read a month's figures"),
                ],
                "indexes": [
                    models.Index(fields=["customer", "month"], name="ledger_entry_by_month"),
                    ppims.db.fields.ByTime(
                        ppims.db.fields.Instant("at"),
                        models.F("processor"),
                        models.F("kind"),
                        name="entry_by_time",
                    ),
                    ppims.db.fields.ByTime(
                        ppims.db.fields.Instant("at"),
                        models.F("processor"),
                        models.F("kind"),
                        models.F("flags"),
                        condition=models.Q(("flags", ""), _negated=True),
                        name="entry_flagged",
                    ),
                    ppims.db.fields.ByTime(
                        ppims.db.fields.Instant("at"),
                        models.F("processor"),
                        models.F("kind"),
                        condition=models.Q(("limit_check", None), ("reverses", None)),
                        name="entry_head_by_time",
                    ),
                    ppims.db.fields.ByTime(
                        ppims.db.fields.Instant("at"),
                        models.F("processor"),
                        models.F("kind"),
                        condition=models.Q(("kind", "A")),
                        name="entry_adjusted_by_time",
                    ),
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
                        fields=("tran_id", "customer", "processor", "direction", "unique_id_sent"),
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
                            models.Q(("amount_paise__lt", 0), ("kind", "A")),
                            models.Q(
                                models.Q(("kind", "R"), _negated=True), ("reverses__isnull", True)
                            ),
                            _connector="OR",
                        ),
                        name="ledger_entry_reversal_names_its_posting",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(
                                ("adjustment__isnull", False),
                                ("kind", "A"),
                                ("processor__isnull", True),
                            ),
                            models.Q(
                                models.Q(("kind", "A"), _negated=True), ("adjustment__isnull", True)
                            ),
                            _connector="OR",
                        ),
                        name="ledger_entry_adjustment_names_its_proposal",
                    ),
                    models.UniqueConstraint(
                        condition=models.Q(("kind", "A")),
                        fields=("customer", "adjustment"),
                        name="ledger_entry_adjusts_once",
                    ),
                    models.UniqueConstraint(
                        condition=models.Q(("kind", "O")),
                        fields=("customer", "ref_id", "unique_id_sent", "month", "direction"),
                        name="ledger_entry_opens_once",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="PostingFinding",
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
                (
                    "entry",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="limits.ledgerentry",
                    ),
                ),
                (
                    "finding",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("GENUINE", "Happened as posted"),
                            ("PUT_RIGHT", "A mistake, and put right"),
                            ("REPORTED", "Suspicious, and reported"),
                        ],
                        max_length=9,
                    ),
                ),
                ("note", models.CharField(max_length=500)),
                (
                    "user",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                ("at", models.DateTimeField()),
            ],
            options={
                "indexes": [
                    models.Index(fields=["customer", "entry"], name="posting_finding_of_entry")
                ],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("finding", ""), _negated=True),
                        fields=("customer", "entry"),
                        name="posting_finding_closes_once",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("note", ""), _negated=True),
                        name="posting_finding_has_a_note",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="RefusedReport",
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
                ("direction", models.CharField(max_length=1)),
                ("amount_paise", ppims.db.fields.Paise()),
                ("balance_paise", ppims.db.fields.Paise(null=True)),
                ("tran_id", models.CharField(max_length=32, verbose_name="Tran_Id")),
                (
                    "enquiry_ref_id",
                    models.CharField(blank=True, max_length=32, verbose_name="Enquiry_Ref_Id"),
                ),
                (
                    "posting",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="limits.ledgerentry",
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=("customer", "processor", "ref_id"),
                        name="refused_report_is_kept_once",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("amount_paise__gt", 0)),
                        name="refused_report_amount_is_positive",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="ReportFinding",
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
                (
                    "report",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="limits.refusedreport",
                    ),
                ),
                (
                    "finding",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("ANOTHER", "Another transaction, and corrected"),
                            ("AMOUNT", "The posted amount was wrong, and corrected"),
                            ("REPEAT", "Nothing to book: it was posted rightly"),
                            ("REPORTED", "Suspicious, and reported"),
                        ],
                        max_length=9,
                    ),
                ),
                ("note", models.CharField(max_length=500)),
                (
                    "user",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                ("at", models.DateTimeField()),
            ],
            options={
                "indexes": [
                    models.Index(fields=["customer", "report"], name="report_finding_of_report")
                ],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("finding", ""), _negated=True),
                        fields=("customer", "report"),
                        name="report_finding_closes_once",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("note", ""), _negated=True),
                        name="report_finding_has_a_note",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Seal",
            fields=[
                ("number", ppims.db.fields.GivenId(primary_key=True, serialize=False)),
                ("at", models.DateTimeField()),
                ("last_entry_id", models.BigIntegerField()),
                ("last_check_id", models.BigIntegerField()),
                ("last_audit_id", models.BigIntegerField()),
                ("entry_count", models.BigIntegerField()),
                ("check_count", models.BigIntegerField()),
                ("audit_count", models.BigIntegerField()),
                ("ledger_digest", models.BinaryField()),
                ("audit_digest", models.BinaryField()),
                ("key_id", models.CharField(max_length=8)),
                ("mac", models.BinaryField()),
            ],
            options={
                "permissions": [("make_seal", "Can make a seal")],
            },
        ),
        migrations.RunPython(forbid_changes, allow_changes),
    ]
