"""The tables of customers, as the first release has them. A database that began with
the migrations that this replaces has the same, and goes on by them.
"""

import django.db.models.deletion
import django.db.models.expressions
import ppims.db.fields
from django.conf import settings
from django.db import migrations, models

from ppims.db import append_only


ONLY_GROW = ("customers_kin",)


def forbid_changes(apps, schema_editor):
    append_only.install(*ONLY_GROW, using=schema_editor.connection)


def allow_changes(apps, schema_editor):
    append_only.remove(*ONLY_GROW, using=schema_editor.connection)


class Migration(migrations.Migration):
    replaces = [
        ("customers", "0001_first"),
        ("customers", "0002_finding_people"),
        ("customers", "0003_notes_and_rights"),
        ("customers", "0004_kyc_proposals"),
        ("customers", "0005_decision_notes"),
        ("customers", "0006_words_without_joiners_and_accents"),
        ("customers", "0007_who_typed_a_proposal"),
        ("customers", "0008_evidence_of_decided_reviews"),
        ("customers", "0009_no_index_of_kyc_by_time"),
        ("customers", "0010_reviews_by_claimant"),
        ("customers", "0011_states_of_proposals_are_known"),
        ("customers", "0012_merges"),
        ("customers", "0013_raised_and_lowered_by_time"),
        ("customers", "0014_identifier_keys"),
        ("customers", "0015_imports"),
    ]

    initial = True

    dependencies = [("ppims", "0001_first_release")]

    operations = [
        migrations.CreateModel(
            name="Customer",
            fields=[
                (
                    "unique_id",
                    ppims.db.fields.GivenId(
                        primary_key=True, serialize=False, verbose_name="Unique_Id"
                    ),
                ),
                ("name", models.CharField(max_length=100)),
                ("mobile", models.CharField(blank=True, max_length=12)),
                ("date_of_birth", models.DateField()),
                ("maiden_name", models.CharField(blank=True, max_length=100)),
                ("email", models.CharField(blank=True, max_length=254)),
                ("address_line1", models.CharField(blank=True, max_length=100)),
                ("address_line2", models.CharField(blank=True, max_length=100)),
                ("city", models.CharField(blank=True, max_length=100)),
                ("state", models.CharField(blank=True, max_length=100)),
                ("pincode", models.CharField(blank=True, max_length=10)),
                ("nri_flag", models.CharField(blank=True, max_length=1)),
                (
                    "tier",
                    models.CharField(
                        choices=[("N", "Min KYC"), ("P", "New Min KYC"), ("F", "Full KYC")],
                        max_length=1,
                        verbose_name="KYC tier",
                    ),
                ),
                ("tier_since", models.DateTimeField()),
                ("kyc_updated_channel", models.CharField(max_length=100)),
                ("kyc_updated_on", models.DateTimeField()),
                (
                    "status",
                    models.CharField(
                        choices=[("ACTIVE", "Active"), ("BLOCKED", "Blocked by us")],
                        default="ACTIVE",
                        max_length=7,
                    ),
                ),
                ("blocked_reason", models.CharField(blank=True, max_length=500)),
                ("created_at", models.DateTimeField()),
                ("survivor_id", models.BigIntegerField(editable=False, null=True)),
            ],
            options={
                "permissions": [
                    ("block_customer", "Can block a customer"),
                    ("reveal_customer", "Can reveal personal data, with a reason"),
                    ("export_customer", "Can export a statement"),
                ],
                "indexes": [
                    ppims.db.fields.ByTime(
                        ppims.db.fields.Instant("created_at"),
                        models.F("tier"),
                        models.F("status"),
                        name="customer_by_arrival",
                    ),
                    ppims.db.fields.ByTime(
                        ppims.db.fields.Instant("created_at"),
                        models.F("tier"),
                        condition=models.Q(("status", "BLOCKED")),
                        name="customer_blocked",
                    ),
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            ("unique_id__range", (100000000000000, 999999999999999))
                        ),
                        name="customer_unique_id_has_15_digits",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("tier__in", ["N", "P", "F"])),
                        name="customer_tier_is_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("blocked_reason", ""), ("status", "ACTIVE")),
                            models.Q(
                                ("status", "BLOCKED"),
                                models.Q(("blocked_reason", ""), _negated=True),
                            ),
                            _connector="OR",
                        ),
                        name="customer_blocked_has_a_reason",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Account",
            fields=[
                ("id", ppims.db.fields.BigId(primary_key=True, serialize=False)),
                (
                    "customer",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="accounts",
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
                ("number", models.CharField(max_length=32, verbose_name="Account_Number")),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("A", "Active"),
                            ("I", "Inactive"),
                            ("C", "Closed"),
                            ("F", "Frozen"),
                            ("N", "New"),
                        ],
                        max_length=1,
                    ),
                ),
            ],
            options={
                "indexes": [models.Index(fields=["number"], name="account_by_number")],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("customer", "processor", "number"),
                        name="account_once_per_processor",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="Card",
            fields=[
                ("id", ppims.db.fields.BigId(primary_key=True, serialize=False)),
                (
                    "customer",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="cards",
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
                ("digest", models.BinaryField(max_length=16)),
                ("last_four", models.CharField(max_length=4)),
                (
                    "expires",
                    models.CharField(blank=True, max_length=10, verbose_name="Card_Exp_date"),
                ),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("A", "Active"),
                            ("I", "Inactive"),
                            ("C", "Closed"),
                            ("F", "Frozen"),
                            ("N", "New"),
                        ],
                        max_length=1,
                    ),
                ),
            ],
            options={
                "indexes": [
                    models.Index(fields=["last_four", "customer"], name="card_by_last_four")
                ],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("customer", "processor", "digest"), name="card_once_per_processor"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="CustomerNote",
            fields=[
                ("id", ppims.db.fields.BigId(primary_key=True, serialize=False)),
                (
                    "customer",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="notes",
                        to="customers.customer",
                    ),
                ),
                (
                    "author",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                ("at", models.DateTimeField()),
                ("text", models.CharField(max_length=1000, verbose_name="Note")),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("text", ""), _negated=True),
                        name="customer_note_says_something",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="Document",
            fields=[
                ("id", ppims.db.fields.BigId(primary_key=True, serialize=False)),
                (
                    "customer",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="documents",
                        to="customers.customer",
                    ),
                ),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("ADR", "Aadhaar"),
                            ("PAN", "PAN"),
                            ("DRL", "Driving licence"),
                            ("VOT", "Voter id"),
                            ("PSP", "Passport"),
                            ("NRG", "NREGA card"),
                            ("NPR", "NPR letter"),
                        ],
                        max_length=3,
                    ),
                ),
                ("digest", models.BinaryField(max_length=16)),
                ("last_four", models.CharField(max_length=4)),
                ("key_id", models.CharField(max_length=8)),
                ("sealed", models.BinaryField()),
                ("recorded_at", models.DateTimeField()),
                ("replaced_at", models.DateTimeField(blank=True, null=True)),
            ],
            options={
                "indexes": [models.Index(fields=["customer"], name="document_by_customer")],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("replaced_at__isnull", True)),
                        fields=("customer", "kind"),
                        name="document_one_of_a_kind_on_record",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="DuplicateReview",
            fields=[
                ("id", ppims.db.fields.BigId(primary_key=True, serialize=False)),
                (
                    "customer",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="duplicate_reviews",
                        to="customers.customer",
                    ),
                ),
                (
                    "claimant",
                    models.ForeignKey(
                        blank=True,
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="customers.customer",
                    ),
                ),
                ("claim_digest", models.BinaryField(max_length=16)),
                ("key_id", models.CharField(max_length=8)),
                ("claim", models.BinaryField()),
                ("is_by_mobile", models.BooleanField()),
                (
                    "processor",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="ppims.processor",
                    ),
                ),
                ("opened_at", models.DateTimeField()),
                (
                    "outcome",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("SAME_PERSON", "Same person"),
                            ("NUMBER_PASSED_ON", "Number passed on"),
                            ("DIFFERENT_PEOPLE", "Different people"),
                        ],
                        max_length=16,
                    ),
                ),
                ("reason", models.CharField(blank=True, max_length=500)),
                ("evidence_key_id", models.CharField(blank=True, max_length=8)),
                ("evidence", models.BinaryField(default=b"")),
                (
                    "decided_by",
                    models.ForeignKey(
                        blank=True,
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                ("decided_at", models.DateTimeField(blank=True, null=True)),
                ("merged_at", models.DateTimeField(blank=True, null=True)),
            ],
            options={
                "permissions": [("decide_duplicatereview", "Can decide a duplicate review")],
                "indexes": [
                    models.Index(fields=["outcome", "opened_at"], name="duplicate_review_queue"),
                    models.Index(
                        condition=models.Q(("claimant__isnull", False)),
                        fields=["claimant"],
                        name="duplicate_review_by_claimant",
                    ),
                    models.Index(
                        condition=models.Q(
                            ("claimant__isnull", False),
                            ("merged_at__isnull", True),
                            ("outcome", "SAME_PERSON"),
                        ),
                        fields=["opened_at"],
                        name="duplicate_review_to_be_merged",
                    ),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("customer", "claim_digest"), name="duplicate_review_once_a_pair"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(
                                ("decided_at__isnull", True),
                                ("decided_by__isnull", True),
                                ("outcome", ""),
                            ),
                            models.Q(
                                models.Q(("outcome", ""), _negated=True),
                                models.Q(("reason", ""), _negated=True),
                                ("decided_at__isnull", False),
                                ("decided_by__isnull", False),
                            ),
                            _connector="OR",
                        ),
                        name="duplicate_review_outcome_has_who_when_why",
                    ),
                ],
            },
        ),
        ppims.db.fields.CreateWithoutRowid(
            name="Identifier",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "kind",
                        "digest",
                        blank=True,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("kind", models.CharField(max_length=3)),
                ("digest", models.BinaryField(max_length=16)),
                (
                    "customer",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="identifiers",
                        to="customers.customer",
                    ),
                ),
                ("key_id", models.CharField(editable=False, max_length=8, null=True)),
            ],
        ),
        migrations.CreateModel(
            name="ImportFile",
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
                ("name", models.CharField(max_length=100)),
                ("digest", models.CharField(max_length=64)),
                ("size_bytes", models.PositiveIntegerField()),
                ("stored_as", models.CharField(max_length=32)),
                ("key_id", models.CharField(max_length=8)),
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
            ],
            options={
                "indexes": [
                    models.Index(
                        condition=models.Q(("gone_at__isnull", True)),
                        fields=["brought_at"],
                        name="import_file_kept",
                    )
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            (
                                "row_count",
                                django.db.models.expressions.CombinedExpression(
                                    django.db.models.expressions.CombinedExpression(
                                        django.db.models.expressions.CombinedExpression(
                                            django.db.models.expressions.CombinedExpression(
                                                models.F("new_count"),
                                                "+",
                                                models.F("elsewhere_count"),
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
                    models.CheckConstraint(
                        condition=models.Q(
                            ("added_count__lte", models.F("done_count")),
                            ("done_count__lte", models.F("row_count")),
                        ),
                        name="import_file_adds_what_it_has",
                    ),
                ],
            },
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
                    "file",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="imports",
                        to="customers.importfile",
                    ),
                ),
                ("digest", models.CharField(max_length=64)),
                ("reason", models.CharField(max_length=500, verbose_name="Reason")),
            ],
            options={
                "permissions": [
                    ("propose_customerimport", "Can import customers"),
                    ("approve_customerimport", "Can approve an import of customers"),
                ],
                "abstract": False,
                "indexes": [
                    models.Index(
                        condition=models.Q(("state", "PROPOSED")),
                        fields=["proposed_at"],
                        name="customerimport_waiting",
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
                        name="customers_customerimport_maker_is_not_checker",
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
                        name="customers_customerimport_decision_has_two_people",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("state__in", ["PROPOSED", "APPROVED", "REJECTED", "WITHDRAWN"])
                        ),
                        name="customers_customerimport_state_is_known",
                    ),
                    models.UniqueConstraint(
                        condition=models.Q(("state__in", ["PROPOSED", "APPROVED"])),
                        fields=("file",),
                        name="customer_import_once_a_file",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("maker__isnull", False)),
                        name="customer_import_has_a_maker",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("reason", ""), _negated=True),
                        name="customer_import_has_a_reason",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Kin",
            fields=[
                ("id", ppims.db.fields.BigId(primary_key=True, serialize=False)),
                (
                    "customer",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="kin",
                        to="customers.customer",
                    ),
                ),
                ("other_id", models.BigIntegerField()),
            ],
            options={
                "verbose_name_plural": "kin",
                "constraints": [
                    models.UniqueConstraint(fields=("customer", "other_id"), name="kin_once_a_pair")
                ],
            },
        ),
        migrations.CreateModel(
            name="KycChange",
            fields=[
                ("id", ppims.db.fields.BigId(primary_key=True, serialize=False)),
                (
                    "customer",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="kyc_changes",
                        to="customers.customer",
                    ),
                ),
                ("at", models.DateTimeField()),
                (
                    "processor",
                    models.ForeignKey(
                        blank=True,
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="ppims.processor",
                    ),
                ),
                (
                    "user",
                    models.ForeignKey(
                        blank=True,
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                ("channel", models.CharField(max_length=100)),
                ("updated_on", models.DateTimeField()),
                (
                    "from_tier",
                    models.CharField(
                        blank=True,
                        choices=[("N", "Min KYC"), ("P", "New Min KYC"), ("F", "Full KYC")],
                        max_length=1,
                    ),
                ),
                (
                    "to_tier",
                    models.CharField(
                        choices=[("N", "Min KYC"), ("P", "New Min KYC"), ("F", "Full KYC")],
                        max_length=1,
                    ),
                ),
                ("tier_since", models.DateTimeField()),
                ("named_id", models.BigIntegerField(null=True)),
            ],
            options={
                "indexes": [
                    ppims.db.fields.ByTime(
                        ppims.db.fields.Instant("at"),
                        models.F("from_tier"),
                        models.F("to_tier"),
                        condition=models.Q(
                            models.Q(("from_tier", ""), _negated=True),
                            models.Q(("from_tier", models.F("to_tier")), _negated=True),
                        ),
                        name="kyc_raised_or_lowered",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="KycProposal",
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
                        related_name="kyc_proposals",
                        to="customers.customer",
                    ),
                ),
                (
                    "from_tier",
                    models.CharField(
                        choices=[("N", "Min KYC"), ("P", "New Min KYC"), ("F", "Full KYC")],
                        max_length=1,
                    ),
                ),
                ("from_channel", models.CharField(max_length=100)),
                ("from_updated_on", models.DateTimeField()),
                ("documents", models.CharField(blank=True, max_length=200)),
                (
                    "to_tier",
                    models.CharField(
                        choices=[("N", "Min KYC"), ("P", "New Min KYC"), ("F", "Full KYC")],
                        max_length=1,
                    ),
                ),
                ("channel", models.CharField(max_length=100)),
                ("updated_on", models.DateTimeField(blank=True, null=True)),
                (
                    "document_kind",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("ADR", "Aadhaar"),
                            ("PAN", "PAN"),
                            ("DRL", "Driving licence"),
                            ("VOT", "Voter id"),
                            ("PSP", "Passport"),
                            ("NRG", "NREGA card"),
                            ("NPR", "NPR letter"),
                        ],
                        max_length=3,
                    ),
                ),
                ("document_last_four", models.CharField(blank=True, max_length=4)),
                ("document_digest", models.BinaryField(default=b"", max_length=16)),
                ("key_id", models.CharField(blank=True, max_length=8)),
                ("sealed", models.BinaryField(default=b"")),
                ("reason", models.CharField(max_length=500)),
            ],
            options={
                "permissions": [
                    ("propose_kycproposal", "Can propose Full KYC, or a lower one"),
                    ("approve_kycproposal", "Can approve Full KYC, or a lower one"),
                ],
                "abstract": False,
                "indexes": [
                    models.Index(
                        condition=models.Q(("state", "PROPOSED")),
                        fields=["proposed_at"],
                        name="kycproposal_waiting",
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
                        name="customers_kycproposal_maker_is_not_checker",
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
                        name="customers_kycproposal_decision_has_two_people",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("state__in", ["PROPOSED", "APPROVED", "REJECTED", "WITHDRAWN"])
                        ),
                        name="customers_kycproposal_state_is_known",
                    ),
                    models.UniqueConstraint(
                        condition=models.Q(("state", "PROPOSED")),
                        fields=("customer",),
                        name="kyc_proposal_one_open_per_customer",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("maker__isnull", False)),
                        name="kyc_proposal_has_a_maker",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("from_tier", models.F("to_tier")), _negated=True),
                        name="kyc_proposal_changes_the_tier",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("reason", ""), _negated=True),
                        name="kyc_proposal_has_a_reason",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Merge",
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
                        related_name="merges",
                        to="customers.customer",
                    ),
                ),
                ("merged_id", models.BigIntegerField()),
                (
                    "kind",
                    models.CharField(
                        choices=[("MERGE", "Merge"), ("UNMERGE", "Un-merge")], max_length=7
                    ),
                ),
                ("review_id", models.BigIntegerField(null=True)),
                ("has_blocked", models.BooleanField(default=False)),
                ("reason", models.CharField(max_length=500)),
            ],
            options={
                "permissions": [
                    ("propose_merge", "Can propose to merge or un-merge customers"),
                    ("approve_merge", "Can approve that customers are merged or un-merged"),
                ],
                "abstract": False,
                "indexes": [
                    models.Index(
                        condition=models.Q(("state", "PROPOSED")),
                        fields=["proposed_at"],
                        name="merge_waiting",
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
                        name="customers_merge_maker_is_not_checker",
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
                        name="customers_merge_decision_has_two_people",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("state__in", ["PROPOSED", "APPROVED", "REJECTED", "WITHDRAWN"])
                        ),
                        name="customers_merge_state_is_known",
                    ),
                    models.UniqueConstraint(
                        condition=models.Q(("state", "PROPOSED")),
                        fields=("customer", "merged_id"),
                        name="merge_one_open_a_pair",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("customer", models.F("merged_id")), _negated=True),
                        name="merge_is_of_two",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("maker__isnull", False)), name="merge_has_a_maker"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("reason", ""), _negated=True), name="merge_has_a_reason"
                    ),
                ],
            },
        ),
        ppims.db.fields.CreateWithoutRowid(
            name="NameWord",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "word",
                        "customer_id",
                        blank=True,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("word", ppims.db.fields.ByBytes(max_length=100)),
                (
                    "customer",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="customers.customer",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="NumberPassedOn",
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
                        related_name="numbers_passed_on",
                        to="customers.customer",
                    ),
                ),
                (
                    "review",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="numbers_passed_on",
                        to="customers.duplicatereview",
                    ),
                ),
                ("reason", models.CharField(max_length=500)),
            ],
            options={
                "verbose_name_plural": "numbers passed on",
                "permissions": [
                    ("propose_numberpassedon", "Can propose that a number was passed on"),
                    ("approve_numberpassedon", "Can approve that a number was passed on"),
                ],
                "abstract": False,
                "indexes": [
                    models.Index(
                        condition=models.Q(("state", "PROPOSED")),
                        fields=["proposed_at"],
                        name="numberpassedon_waiting",
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
                        name="customers_numberpassedon_maker_is_not_checker",
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
                        name="customers_numberpassedon_decision_has_two_people",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("state__in", ["PROPOSED", "APPROVED", "REJECTED", "WITHDRAWN"])
                        ),
                        name="customers_numberpassedon_state_is_known",
                    ),
                    models.UniqueConstraint(
                        condition=models.Q(("state", "PROPOSED")),
                        fields=("customer",),
                        name="number_passed_on_one_open_per_customer",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("maker__isnull", False)),
                        name="number_passed_on_has_a_maker",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("reason", ""), _negated=True),
                        name="number_passed_on_has_a_reason",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Receipt",
            fields=[
                ("id", ppims.db.fields.BigId(primary_key=True, serialize=False)),
                (
                    "customer",
                    models.ForeignKey(
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
                (
                    "operation",
                    models.CharField(
                        choices=[
                            ("AC", "add-customer"),
                            ("UC", "update-customer"),
                            ("CL", "check-customer-limit"),
                            ("UL", "update-customer-limit"),
                        ],
                        max_length=2,
                    ),
                ),
                ("ref_id", models.CharField(max_length=32)),
                ("at", models.DateTimeField()),
                ("resp_code", models.CharField(max_length=3)),
                ("unique_id", models.BigIntegerField()),
                ("old_unique_id", models.BigIntegerField(blank=True, null=True)),
                (
                    "tier",
                    models.CharField(
                        choices=[("N", "Min KYC"), ("P", "New Min KYC"), ("F", "Full KYC")],
                        max_length=1,
                    ),
                ),
                ("kyc_updated_channel", models.CharField(max_length=100)),
                ("kyc_updated_on", models.DateTimeField()),
            ],
        ),
        migrations.CreateModel(
            name="Registration",
            fields=[
                ("id", ppims.db.fields.BigId(primary_key=True, serialize=False)),
                (
                    "customer",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="registrations",
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
                ("customer_ref", models.CharField(max_length=32, verbose_name="Customer_Id")),
                ("cif_id", models.CharField(blank=True, max_length=32, verbose_name="Cif_Id")),
                ("customer_type", models.CharField(max_length=2)),
                ("ppi_type", models.CharField(blank=True, max_length=2)),
                ("registered_at", models.DateTimeField()),
            ],
            options={
                "indexes": [
                    ppims.db.fields.ByTime(
                        models.F("processor"),
                        ppims.db.fields.Instant("registered_at"),
                        models.F("customer"),
                        name="registration_by_arrival",
                    ),
                    models.Index(
                        condition=models.Q(("customer_ref", ""), _negated=True),
                        fields=["customer_ref"],
                        name="registration_by_customer_ref",
                    ),
                    models.Index(
                        condition=models.Q(("cif_id", ""), _negated=True),
                        fields=["cif_id"],
                        name="registration_by_cif_id",
                    ),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("customer", "processor"), name="registration_once_per_processor"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="Unblocking",
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
                        related_name="unblockings",
                        to="customers.customer",
                    ),
                ),
                ("reason", models.CharField(max_length=500)),
            ],
            options={
                "permissions": [
                    ("propose_unblocking", "Can propose to unblock a customer"),
                    ("approve_unblocking", "Can approve that a customer is unblocked"),
                ],
                "abstract": False,
                "indexes": [
                    models.Index(
                        condition=models.Q(("state", "PROPOSED")),
                        fields=["proposed_at"],
                        name="unblocking_waiting",
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
                        name="customers_unblocking_maker_is_not_checker",
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
                        name="customers_unblocking_decision_has_two_people",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("state__in", ["PROPOSED", "APPROVED", "REJECTED", "WITHDRAWN"])
                        ),
                        name="customers_unblocking_state_is_known",
                    ),
                    models.UniqueConstraint(
                        condition=models.Q(("state", "PROPOSED")),
                        fields=("customer",),
                        name="unblocking_one_open_per_customer",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("reason", ""), _negated=True),
                        name="unblocking_has_a_reason",
                    ),
                ],
            },
        ),
        migrations.RunPython(forbid_changes, allow_changes),
    ]
