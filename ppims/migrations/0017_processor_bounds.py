"""Where a processor may call from, how often, and how old its password is.

Processors and their changes are few: it takes no time, however many customers there are. When a
password was made the audit says; it reads the one chain that is about no customer.
"""

import json

import django.core.validators
from django.db import migrations, models

import ppims.core.networks

NO_CUSTOMER = 0


def find_when_passwords_were_made(apps, schema_editor):
    """Keep when each present password was made, as the audit says; of others nobody knows."""
    using = schema_editor.connection.alias
    entries = (
        apps.get_model("ppims", "AuditEntry")
        .objects.using(using)
        .filter(subject=NO_CUSTOMER, action="processor given a new password")
    )
    made_at = {}
    for at, detail in entries.order_by("number").values_list("at", "detail").iterator():
        made_at[json.loads(detail).get("system_id")] = at
    processors = apps.get_model("ppims", "Processor").objects.using(using)
    for system_id, at in made_at.items():
        processors.filter(system_id=system_id).update(password_at=at)


class Migration(migrations.Migration):
    dependencies = [
        ("ppims", "0016_failed_access"),
    ]

    operations = [
        migrations.AddField(
            model_name="processor",
            name="networks",
            field=models.CharField(
                blank=True, max_length=2200, validators=[ppims.core.networks.require_canonical]
            ),
        ),
        migrations.AddField(
            model_name="processor",
            name="password_at",
            field=models.DateTimeField(editable=False, null=True),
        ),
        migrations.AddField(
            model_name="processor",
            name="requests_per_second",
            field=models.PositiveIntegerField(
                blank=True,
                null=True,
                validators=[
                    django.core.validators.MinValueValidator(1),
                    django.core.validators.MaxValueValidator(100000),
                ],
            ),
        ),
        migrations.AddField(
            model_name="processorchange",
            name="from_networks",
            field=models.CharField(blank=True, max_length=2200),
        ),
        migrations.AddField(
            model_name="processorchange",
            name="from_requests_per_second",
            field=models.PositiveIntegerField(null=True),
        ),
        migrations.AddField(
            model_name="processorchange",
            name="networks",
            field=models.CharField(blank=True, max_length=2200),
        ),
        migrations.AddField(
            model_name="processorchange",
            name="requests_per_second",
            field=models.PositiveIntegerField(null=True),
        ),
        migrations.AlterField(
            model_name="keptcall",
            name="code",
            field=models.CharField(
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
        migrations.AddConstraint(
            model_name="processor",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("requests_per_second__isnull", True),
                    ("requests_per_second__range", (1, 100000)),
                    _connector="OR",
                ),
                name="processor_asks_1_to_100000_times_a_second",
            ),
        ),
        migrations.RunPython(find_when_passwords_were_made, migrations.RunPython.noop),
    ]
