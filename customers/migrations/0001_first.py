import django.db.models.deletion
import ppims.db.fields
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("ppims", "0001_first"),
    ]

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
            ],
            options={
                "permissions": [("block_customer", "Can block a customer")],
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
                "indexes": [],
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
            ],
            options={
                "indexes": [],
                "constraints": [],
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
                "constraints": [
                    models.UniqueConstraint(
                        fields=("customer", "processor"), name="registration_once_per_processor"
                    )
                ],
                "indexes": [],
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
                "constraints": [
                    models.UniqueConstraint(
                        fields=("customer", "processor", "number"),
                        name="account_once_per_processor",
                    )
                ],
                "indexes": [],
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
                "constraints": [
                    models.UniqueConstraint(
                        fields=("customer", "processor", "digest"), name="card_once_per_processor"
                    )
                ],
                "indexes": [],
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
            ],
            options={
                "indexes": [],
                "constraints": [],
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
            options={
                "indexes": [],
                "constraints": [],
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
            ],
            options={
                "permissions": [("decide_duplicatereview", "Can decide a duplicate review")],
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
                "indexes": [],
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
                "indexes": [],
            },
        ),
    ]
