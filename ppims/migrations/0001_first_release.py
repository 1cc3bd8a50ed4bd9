"""The kernel's tables, as the first release has them. A database that began with
the migrations that this replaces has the same, and goes on by them.
"""

import django.contrib.auth.validators
import django.core.validators
import django.db.models.deletion
import django.utils.timezone
import ppims.core.networks
import ppims.db.fields
import ppims.models.sessions
import ppims.models.users
from django.conf import settings
from django.db import migrations, models

from ppims.db import append_only


ONLY_GROW = ("ppims_auditentry",)


def forbid_changes(apps, schema_editor):
    append_only.install(*ONLY_GROW, using=schema_editor.connection)


def allow_changes(apps, schema_editor):
    append_only.remove(*ONLY_GROW, using=schema_editor.connection)


class Migration(migrations.Migration):
    replaces = [
        ("ppims", "0001_first"),
        ("ppims", "0002_keys_in_use_and_append_only"),
        ("ppims", "0003_one_time_passwords"),
        ("ppims", "0004_audit_by_time"),
        ("ppims", "0005_proofs_of_credentials"),
        ("ppims", "0006_passwords_of_staff"),
        ("ppims", "0007_refused_calls"),
        ("ppims", "0008_widen_audit_by_staff"),
        ("ppims", "0009_jobs"),
        ("ppims", "0010_staff_changes"),
        ("ppims", "0011_processor_changes"),
        ("ppims", "0012_kept_calls"),
        ("ppims", "0013_watch"),
        ("ppims", "0014_second_factor"),
        ("ppims", "0015_staff_sessions"),
        ("ppims", "0016_failed_access"),
        ("ppims", "0017_processor_bounds"),
        ("ppims", "0018_key_rotation"),
        ("ppims", "0019_job_kinds"),
    ]

    initial = True

    dependencies = [("auth", "0012_alter_user_first_name_max_length"), ("sessions", "0001_initial")]

    operations = [
        migrations.CreateModel(
            name="AuditHead",
            fields=[
                ("subject", ppims.db.fields.GivenId(primary_key=True, serialize=False)),
                ("entry_count", models.PositiveIntegerField(default=0)),
                ("last_mac", models.BinaryField(default=b"")),
                ("last_at", models.DateTimeField(null=True)),
                ("key_id", models.CharField(max_length=8)),
                ("mac", models.BinaryField()),
            ],
        ),
        migrations.CreateModel(
            name="KeyInUse",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "purpose",
                        "key_id",
                        blank=True,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("purpose", models.CharField(max_length=8)),
                ("key_id", models.CharField(max_length=8)),
                ("first_used_at", models.DateTimeField()),
                ("needs", models.TextField(default="", editable=False)),
                ("counted_at", models.DateTimeField(editable=False, null=True)),
            ],
            options={
                "verbose_name_plural": "keys in use",
            },
        ),
        migrations.CreateModel(
            name="Processor",
            fields=[
                (
                    "id",
                    ppims.db.fields.BigId(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "system_id",
                    models.CharField(
                        max_length=32,
                        unique=True,
                        validators=[
                            django.core.validators.RegexValidator(
                                "\\A[A-Za-z0-9_-]+\\Z", "Only A–Z, a–z, 0–9, - and _."
                            )
                        ],
                        verbose_name="System id",
                    ),
                ),
                ("name", models.CharField(max_length=100)),
                (
                    "username",
                    models.CharField(
                        max_length=64,
                        unique=True,
                        validators=[
                            django.core.validators.RegexValidator(
                                "\\A[!-~]+\\Z", "Letters, digits and signs, without spaces."
                            )
                        ],
                    ),
                ),
                ("password", models.CharField(editable=False, max_length=128)),
                ("password_at", models.DateTimeField(editable=False, null=True)),
                ("proof", models.BinaryField(null=True)),
                ("former_password", models.CharField(blank=True, editable=False, max_length=128)),
                ("former_proof", models.BinaryField(null=True)),
                ("former_until", models.DateTimeField(editable=False, null=True)),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("ACTIVE", "Active"),
                            ("WINDING_DOWN", "Winding down"),
                            ("DISABLED", "Disabled"),
                        ],
                        default="ACTIVE",
                        max_length=12,
                    ),
                ),
                (
                    "hold_minutes",
                    models.PositiveSmallIntegerField(
                        blank=True,
                        help_text="How long its holds last, 1 to 1440; empty: the installation's own.",
                        null=True,
                        validators=[
                            django.core.validators.MinValueValidator(1),
                            django.core.validators.MaxValueValidator(1440),
                        ],
                    ),
                ),
                (
                    "networks",
                    models.CharField(
                        blank=True,
                        max_length=2200,
                        validators=[ppims.core.networks.require_canonical],
                    ),
                ),
                (
                    "requests_per_second",
                    models.PositiveIntegerField(
                        blank=True,
                        null=True,
                        validators=[
                            django.core.validators.MinValueValidator(1),
                            django.core.validators.MaxValueValidator(100000),
                        ],
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            ("hold_minutes__isnull", True),
                            ("hold_minutes__range", (1, 1440)),
                            _connector="OR",
                        ),
                        name="processor_holds_last_1_to_1440_minutes",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("requests_per_second__isnull", True),
                            ("requests_per_second__range", (1, 100000)),
                            _connector="OR",
                        ),
                        name="processor_asks_1_to_100000_times_a_second",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("state__in", ["ACTIVE", "WINDING_DOWN", "DISABLED"])),
                        name="processor_state_is_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("former_password", ""), ("former_until__isnull", True)),
                            models.Q(
                                models.Q(("former_password", ""), _negated=True),
                                ("former_until__isnull", False),
                            ),
                            _connector="OR",
                        ),
                        name="processor_former_password_has_an_end",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="KeptCall",
            fields=[
                ("id", ppims.db.fields.BigId(primary_key=True, serialize=False)),
                ("at", models.DateTimeField()),
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
                ("operation", models.CharField(max_length=30)),
                ("request_id", models.CharField(blank=True, max_length=64)),
                ("ref_id", models.CharField(blank=True, max_length=32, verbose_name="Ref_Id")),
                ("tran_id", models.CharField(blank=True, max_length=32, verbose_name="Tran_Id")),
                (
                    "enquiry_ref_id",
                    models.CharField(blank=True, max_length=32, verbose_name="Enquiry_Ref_Id"),
                ),
                ("unique_id", models.BigIntegerField(null=True, verbose_name="Unique_Id")),
                (
                    "code",
                    models.CharField(
                        choices=[
                            ("000", "Done"),
                            ("200", "Registered already"),
                            ("400", "Field missing or malformed"),
                            ("401", "Wrong credentials"),
                            ("403", "Not allowed"),
                            ("409", "Conflict with the record"),
                            ("429", "Too many failed log-ins or calls"),
                            ("500", "No such customer"),
                            ("503", "Busy"),
                            ("999", "Fault of ours"),
                        ],
                        max_length=3,
                        verbose_name="Resp_Code",
                    ),
                ),
                ("is_refused", models.BooleanField(default=True)),
                ("fields", models.TextField(blank=True)),
                ("http_status", models.PositiveSmallIntegerField(null=True)),
                ("milliseconds", models.PositiveIntegerField(null=True)),
                ("fault", models.CharField(blank=True, max_length=100)),
                ("key_id", models.CharField(blank=True, max_length=8)),
                ("sealed", models.BinaryField(default=b"")),
            ],
            options={
                "indexes": [
                    models.Index(fields=["processor", "id"], name="kept_call_of_processor"),
                    models.Index(
                        condition=models.Q(("is_refused", True)),
                        fields=["processor", "id"],
                        name="kept_call_refused",
                    ),
                    models.Index(fields=["ref_id", "id"], name="kept_call_by_ref_id"),
                    models.Index(fields=["tran_id", "id"], name="kept_call_by_tran_id"),
                    models.Index(fields=["request_id", "id"], name="kept_call_by_request_id"),
                ],
            },
        ),
        ppims.db.fields.CreateWithoutRowid(
            name="ReplayKey",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "processor_id",
                        "operation",
                        "ref_id",
                        blank=True,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                (
                    "processor",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
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
                ("customer_id", models.BigIntegerField()),
                ("row_id", models.BigIntegerField()),
                ("digests", models.BinaryField()),
            ],
        ),
        migrations.CreateModel(
            name="User",
            fields=[
                (
                    "id",
                    ppims.db.fields.BigId(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("password", models.CharField(max_length=128, verbose_name="password")),
                (
                    "last_login",
                    models.DateTimeField(blank=True, null=True, verbose_name="last login"),
                ),
                (
                    "is_superuser",
                    models.BooleanField(
                        default=False,
                        help_text="Designates that this user has all permissions without explicitly assigning them.",
                        verbose_name="superuser status",
                    ),
                ),
                (
                    "username",
                    models.CharField(
                        error_messages={"unique": "A user with that username already exists."},
                        help_text="Required. 150 characters or fewer. Letters, digits and @/./+/-/_ only.",
                        max_length=150,
                        unique=True,
                        validators=[django.contrib.auth.validators.UnicodeUsernameValidator()],
                        verbose_name="username",
                    ),
                ),
                (
                    "first_name",
                    models.CharField(blank=True, max_length=150, verbose_name="first name"),
                ),
                (
                    "last_name",
                    models.CharField(blank=True, max_length=150, verbose_name="last name"),
                ),
                (
                    "email",
                    models.EmailField(blank=True, max_length=254, verbose_name="email address"),
                ),
                (
                    "is_staff",
                    models.BooleanField(
                        default=False,
                        help_text="Designates whether the user can log into this admin site.",
                        verbose_name="staff status",
                    ),
                ),
                (
                    "is_active",
                    models.BooleanField(
                        default=True,
                        help_text="Designates whether this user should be treated as active. Unselect this instead of deleting accounts.",
                        verbose_name="active",
                    ),
                ),
                (
                    "date_joined",
                    models.DateTimeField(
                        default=django.utils.timezone.now, verbose_name="date joined"
                    ),
                ),
                ("one_time_password_at", models.DateTimeField(editable=False, null=True)),
                ("former_passwords", models.TextField(blank=True, editable=False)),
                (
                    "wrong_passwords",
                    models.PositiveSmallIntegerField(
                        default=0,
                        editable=False,
                        help_text="Old ones, told wrong by who was changing it.",
                    ),
                ),
                ("last_login_source", models.CharField(blank=True, editable=False, max_length=64)),
                (
                    "groups",
                    models.ManyToManyField(
                        blank=True,
                        help_text="The groups this user belongs to. A user will get all permissions granted to each of their groups.",
                        related_name="user_set",
                        related_query_name="user",
                        to="auth.group",
                        verbose_name="groups",
                    ),
                ),
                (
                    "user_permissions",
                    models.ManyToManyField(
                        blank=True,
                        help_text="Specific permissions for this user.",
                        related_name="user_set",
                        related_query_name="user",
                        to="auth.permission",
                        verbose_name="user permissions",
                    ),
                ),
            ],
            options={
                "verbose_name": "user",
                "verbose_name_plural": "users",
                "abstract": False,
            },
            managers=[
                ("objects", ppims.models.users.StaffManager()),
            ],
        ),
        migrations.CreateModel(
            name="AuditEntry",
            fields=[
                ("id", ppims.db.fields.BigId(primary_key=True, serialize=False)),
                ("subject", models.BigIntegerField(default=0)),
                ("number", models.PositiveIntegerField()),
                ("at", models.DateTimeField()),
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
                ("action", models.CharField(max_length=40)),
                ("detail", models.TextField()),
                ("key_id", models.CharField(max_length=8)),
                ("mac", models.BinaryField()),
            ],
            options={
                "verbose_name_plural": "audit entries",
                "indexes": [
                    ppims.db.fields.ByTime(
                        ppims.db.fields.Instant("at"),
                        models.F("processor"),
                        models.F("action"),
                        name="audit_entry_by_time",
                    ),
                    ppims.db.fields.ByTime(
                        ppims.db.fields.Instant("at"),
                        models.F("user"),
                        models.F("processor"),
                        models.F("action"),
                        condition=models.Q(
                            ("processor__isnull", True), ("user__isnull", False), _connector="OR"
                        ),
                        name="audit_entry_by_staff",
                    ),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("subject", "number"), name="audit_entry_has_its_place"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="FailedAccess",
            fields=[
                ("id", ppims.db.fields.BigId(primary_key=True, serialize=False)),
                ("quarter", models.DateTimeField()),
                (
                    "user",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("LOG_IN", "Passwords refused"),
                            ("CODE", "Codes refused"),
                            ("PAGE", "Pages denied"),
                            ("REVEAL", "Reveals refused"),
                        ],
                        max_length=6,
                    ),
                ),
                ("source", models.CharField(blank=True, max_length=64)),
                ("count", models.PositiveIntegerField(default=1)),
            ],
            options={
                "verbose_name_plural": "failed accesses",
                "constraints": [
                    models.UniqueConstraint(
                        fields=("quarter", "user", "kind", "source"),
                        name="failed_access_is_counted_once",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="Job",
            fields=[
                ("id", ppims.db.fields.BigId(primary_key=True, serialize=False)),
                (
                    "kind",
                    models.CharField(
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
                (
                    "owner",
                    models.ForeignKey(
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                ("arguments", models.TextField(default="{}")),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("WAITING", "Waiting"),
                            ("RUNNING", "Running"),
                            ("DONE", "Done"),
                            ("FAILED", "Failed"),
                        ],
                        default="WAITING",
                        max_length=7,
                    ),
                ),
                ("done", models.BigIntegerField(default=0)),
                ("total", models.BigIntegerField(default=0)),
                ("asked_at", models.DateTimeField()),
                ("started_at", models.DateTimeField(null=True)),
                ("beat_at", models.DateTimeField(null=True)),
                ("ended_at", models.DateTimeField(null=True)),
                ("claim", models.CharField(blank=True, max_length=40)),
                ("attempts", models.PositiveSmallIntegerField(default=0)),
                ("result", models.TextField(blank=True)),
                ("error", models.CharField(blank=True, max_length=200)),
            ],
            options={
                "indexes": [
                    models.Index(fields=["kind", "id"], name="job_of_kind"),
                    models.Index(
                        condition=models.Q(("state__in", ["WAITING", "RUNNING"])),
                        fields=["id"],
                        name="job_open",
                    ),
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(
                                ("ended_at__isnull", True), ("state__in", ["WAITING", "RUNNING"])
                            ),
                            models.Q(
                                ("ended_at__isnull", False), ("state__in", ["DONE", "FAILED"])
                            ),
                            _connector="OR",
                        ),
                        name="job_has_an_end_once_it_has_ended",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(
                                ("beat_at__isnull", False),
                                ("state", "RUNNING"),
                                models.Q(("claim", ""), _negated=True),
                            ),
                            models.Q(models.Q(("state", "RUNNING"), _negated=True), ("claim", "")),
                            _connector="OR",
                        ),
                        name="job_is_somebodys_while_it_runs",
                    ),
                    models.UniqueConstraint(
                        condition=models.Q(("kind", "WATCH"), ("owner__isnull", True)),
                        fields=("kind", "arguments"),
                        name="job_of_a_day_is_asked_for_once",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="KeyRotation",
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
                ("alone_at", models.DateTimeField(editable=False, null=True)),
                ("id", ppims.db.fields.BigId(primary_key=True, serialize=False)),
                (
                    "purpose",
                    models.CharField(
                        choices=[
                            ("document", "Document key"),
                            ("digest", "Digest key"),
                            ("ledger", "Ledger key"),
                            ("session", "Session key"),
                        ],
                        max_length=8,
                    ),
                ),
                ("from_key_id", models.CharField(max_length=8)),
                ("made_key_id", models.CharField(blank=True, editable=False, max_length=8)),
                ("began_at", models.DateTimeField(editable=False, null=True)),
                ("filled_at", models.DateTimeField(editable=False, null=True)),
                ("first_at", models.DateTimeField(editable=False, null=True)),
                ("done_at", models.DateTimeField(editable=False, null=True)),
                ("reason", models.CharField(max_length=500)),
            ],
            options={
                "permissions": [
                    ("propose_keyrotation", "Can propose a new key"),
                    ("approve_keyrotation", "Can approve a new key"),
                ],
                "abstract": False,
                "indexes": [
                    models.Index(
                        condition=models.Q(("state__in", ["PROPOSED", "ALONE"])),
                        fields=["proposed_at"],
                        name="keyrotation_waiting",
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
                        name="ppims_keyrotation_maker_is_not_checker",
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
                        name="ppims_keyrotation_decision_has_two_people",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("state__in", ["PROPOSED", "APPROVED", "REJECTED", "WITHDRAWN"]),
                            models.Q(
                                ("alone_at__isnull", False),
                                ("checker__isnull", True),
                                ("decided_at__isnull", True),
                                ("maker__isnull", False),
                                ("state", "ALONE"),
                            ),
                            models.Q(
                                ("alone_at__isnull", False),
                                ("checker__isnull", False),
                                ("decided_at__isnull", False),
                                ("maker__isnull", False),
                                ("state", "OBJECTED"),
                            ),
                            _connector="OR",
                        ),
                        name="ppims_keyrotation_state_is_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("state__in", ["APPROVED", "ALONE", "OBJECTED"]),
                            ("alone_at__isnull", True),
                            _connector="OR",
                        ),
                        name="ppims_keyrotation_alone_counts",
                    ),
                    models.UniqueConstraint(
                        condition=models.Q(
                            ("done_at__isnull", True),
                            ("state__in", ["PROPOSED", "APPROVED", "ALONE", "OBJECTED"]),
                        ),
                        fields=("purpose",),
                        name="key_rotation_one_open_per_purpose",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("maker__isnull", False)),
                        name="key_rotation_has_a_maker",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("reason", ""), _negated=True),
                        name="key_rotation_has_a_reason",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(
                                ("began_at__isnull", True),
                                ("done_at__isnull", True),
                                ("filled_at__isnull", True),
                                ("first_at__isnull", True),
                                ("made_key_id", ""),
                            ),
                            models.Q(
                                models.Q(
                                    ("first_at__isnull", False),
                                    ("done_at__isnull", True),
                                    _connector="OR",
                                ),
                                ("began_at__isnull", False),
                                ("made_key_id__gt", ""),
                                ("state__in", ["APPROVED", "ALONE", "OBJECTED"]),
                            ),
                            _connector="OR",
                        ),
                        name="key_rotation_goes_step_by_step",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="ProcessorChange",
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
                ("alone_at", models.DateTimeField(editable=False, null=True)),
                ("id", ppims.db.fields.BigId(primary_key=True, serialize=False)),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("ADD", "Add"),
                            ("REKEY", "New password"),
                            ("EDIT", "Change"),
                            ("ENABLE", "Enable"),
                        ],
                        max_length=6,
                    ),
                ),
                (
                    "processor",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="changes",
                        to="ppims.processor",
                    ),
                ),
                ("system_id", models.CharField(max_length=32)),
                ("username", models.CharField(blank=True, max_length=64)),
                ("name", models.CharField(blank=True, max_length=100)),
                ("hold_minutes", models.PositiveSmallIntegerField(null=True)),
                ("from_name", models.CharField(blank=True, max_length=100)),
                ("from_hold_minutes", models.PositiveSmallIntegerField(null=True)),
                ("networks", models.CharField(blank=True, max_length=2200)),
                ("from_networks", models.CharField(blank=True, max_length=2200)),
                ("requests_per_second", models.PositiveIntegerField(null=True)),
                ("from_requests_per_second", models.PositiveIntegerField(null=True)),
                ("from_state", models.CharField(blank=True, max_length=12)),
                ("keep_days", models.PositiveSmallIntegerField(null=True)),
                ("reason", models.CharField(max_length=500)),
                ("password_given_at", models.DateTimeField(editable=False, null=True)),
            ],
            options={
                "permissions": [
                    ("propose_processorchange", "Can propose a change of a processor"),
                    ("approve_processorchange", "Can approve a change of a processor"),
                ],
                "abstract": False,
                "indexes": [
                    models.Index(
                        condition=models.Q(("state__in", ["PROPOSED", "ALONE"])),
                        fields=["proposed_at"],
                        name="processorchange_waiting",
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
                        name="ppims_processorchange_maker_is_not_checker",
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
                        name="ppims_processorchange_decision_has_two_people",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("state__in", ["PROPOSED", "APPROVED", "REJECTED", "WITHDRAWN"]),
                            models.Q(
                                ("alone_at__isnull", False),
                                ("checker__isnull", True),
                                ("decided_at__isnull", True),
                                ("maker__isnull", False),
                                ("state", "ALONE"),
                            ),
                            models.Q(
                                ("alone_at__isnull", False),
                                ("checker__isnull", False),
                                ("decided_at__isnull", False),
                                ("maker__isnull", False),
                                ("state", "OBJECTED"),
                            ),
                            _connector="OR",
                        ),
                        name="ppims_processorchange_state_is_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("state__in", ["APPROVED", "ALONE", "OBJECTED"]),
                            ("alone_at__isnull", True),
                            _connector="OR",
                        ),
                        name="ppims_processorchange_alone_counts",
                    ),
                    models.UniqueConstraint(
                        condition=models.Q(("state", "PROPOSED")),
                        fields=("system_id",),
                        name="processor_change_one_open_per_processor",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("maker__isnull", False)),
                        name="processor_change_has_a_maker",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("kind", "ADD"), ("name__gt", ""), ("username__gt", "")),
                            models.Q(
                                ("keep_days__isnull", False),
                                ("kind", "REKEY"),
                                ("processor__isnull", False),
                            ),
                            models.Q(
                                ("kind", "EDIT"), ("name__gt", ""), ("processor__isnull", False)
                            ),
                            models.Q(
                                ("from_state__gt", ""),
                                ("kind", "ENABLE"),
                                ("processor__isnull", False),
                            ),
                            _connector="OR",
                        ),
                        name="processor_change_has_what_it_needs",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("keep_days__isnull", True), ("keep_days__lte", 7), _connector="OR"
                        ),
                        name="processor_change_keeps_a_week_at_most",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("reason", ""), _negated=True),
                        name="processor_change_has_a_reason",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="RecoveryCode",
            fields=[
                ("id", ppims.db.fields.BigId(primary_key=True, serialize=False)),
                (
                    "user",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="recovery_codes",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                ("key_id", models.CharField(max_length=8)),
                ("digest", models.BinaryField(max_length=16)),
                ("used_at", models.DateTimeField(null=True)),
            ],
            options={
                "indexes": [models.Index(fields=["user"], name="recovery_code_by_user")],
            },
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
        migrations.CreateModel(
            name="StaffChange",
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
                ("alone_at", models.DateTimeField(editable=False, null=True)),
                ("id", ppims.db.fields.BigId(primary_key=True, serialize=False)),
                (
                    "kind",
                    models.CharField(
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
                (
                    "person",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="changes",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                ("username", models.CharField(max_length=150)),
                ("first_name", models.CharField(blank=True, max_length=150)),
                ("last_name", models.CharField(blank=True, max_length=150)),
                ("email", models.CharField(blank=True, max_length=254)),
                ("from_role", models.CharField(blank=True, max_length=20)),
                ("to_role", models.CharField(blank=True, max_length=20)),
                ("reason", models.CharField(max_length=500)),
                ("password_given_at", models.DateTimeField(editable=False, null=True)),
            ],
            options={
                "permissions": [
                    ("propose_staffchange", "Can propose a change of the staff"),
                    ("approve_staffchange", "Can approve a change of the staff"),
                ],
                "abstract": False,
                "indexes": [
                    models.Index(
                        condition=models.Q(("state__in", ["PROPOSED", "ALONE"])),
                        fields=["proposed_at"],
                        name="staffchange_waiting",
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
                        name="ppims_staffchange_maker_is_not_checker",
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
                        name="ppims_staffchange_decision_has_two_people",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("state__in", ["PROPOSED", "APPROVED", "REJECTED", "WITHDRAWN"]),
                            models.Q(
                                ("alone_at__isnull", False),
                                ("checker__isnull", True),
                                ("decided_at__isnull", True),
                                ("maker__isnull", False),
                                ("state", "ALONE"),
                            ),
                            models.Q(
                                ("alone_at__isnull", False),
                                ("checker__isnull", False),
                                ("decided_at__isnull", False),
                                ("maker__isnull", False),
                                ("state", "OBJECTED"),
                            ),
                            _connector="OR",
                        ),
                        name="ppims_staffchange_state_is_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("state__in", ["APPROVED", "ALONE", "OBJECTED"]),
                            ("alone_at__isnull", True),
                            _connector="OR",
                        ),
                        name="ppims_staffchange_alone_counts",
                    ),
                    models.UniqueConstraint(
                        condition=models.Q(("state", "PROPOSED")),
                        fields=("username",),
                        name="staff_change_one_open_per_person",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            (
                                "kind__in",
                                ["ADD", "ROLE", "RESET", "DEACTIVATE", "ACTIVATE", "FACTOR"],
                            )
                        ),
                        name="staff_change_kind_is_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("maker__isnull", False)),
                        name="staff_change_has_a_maker",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("kind", "ADD"), ("to_role__gt", "")),
                            models.Q(
                                ("kind", "ROLE"), ("person__isnull", False), ("to_role__gt", "")
                            ),
                            models.Q(
                                ("kind__in", ["RESET", "DEACTIVATE", "ACTIVATE", "FACTOR"]),
                                ("person__isnull", False),
                            ),
                            _connector="OR",
                        ),
                        name="staff_change_has_what_it_needs",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("person__isnull", True),
                            models.Q(("person", models.F("maker")), _negated=True),
                            _connector="OR",
                        ),
                        name="staff_change_is_not_about_its_maker",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("reason", ""), _negated=True),
                        name="staff_change_has_a_reason",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="StaffSession",
            fields=[
                (
                    "session_key",
                    models.CharField(
                        max_length=40, primary_key=True, serialize=False, verbose_name="session key"
                    ),
                ),
                ("session_data", models.TextField(verbose_name="session data")),
                ("expire_date", models.DateTimeField(db_index=True, verbose_name="expire date")),
                (
                    "user",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
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
            ],
            options={
                "verbose_name": "session",
                "verbose_name_plural": "sessions",
                "abstract": False,
            },
        ),
        migrations.RunPython(forbid_changes, allow_changes),
    ]
