import django.contrib.auth.validators
import django.db.models.deletion
import django.utils.timezone
import ppims.db.fields
import ppims.models.users
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("auth", "0012_alter_user_first_name_max_length"),
    ]

    operations = [
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
                "indexes": [],
                "constraints": [],
            },
            managers=[
                ("objects", ppims.models.users.StaffManager()),
            ],
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
                    models.CharField(max_length=32, unique=True, verbose_name="System_Id"),
                ),
                ("name", models.CharField(max_length=100)),
                ("username", models.CharField(max_length=64, unique=True)),
                ("password", models.CharField(editable=False, max_length=128)),
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
                        condition=models.Q(("state__in", ["ACTIVE", "WINDING_DOWN", "DISABLED"])),
                        name="processor_state_is_known",
                    ),
                ],
                "indexes": [],
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
            options={
                "indexes": [],
                "constraints": [],
            },
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
                "constraints": [
                    models.UniqueConstraint(
                        fields=("subject", "number"), name="audit_entry_has_its_place"
                    )
                ],
                "indexes": [],
            },
        ),
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
            options={
                "indexes": [],
                "constraints": [],
            },
        ),
    ]
