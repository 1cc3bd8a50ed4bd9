from typing import Any

import django.db.models.deletion
from django.db import migrations, models


def rename_permissions(apps: Any, editor: Any) -> None:
    """Let whoever might look at refused calls look at what is kept of calls now."""
    permissions = apps.get_model("auth", "Permission").objects.using(editor.connection.alias)
    for row in permissions.filter(
        content_type__app_label="ppims", codename__endswith="_refusedcall"
    ):
        row.codename = row.codename.replace("refusedcall", "keptcall")
        row.name = row.name.replace("refused call", "kept call")
        row.save(update_fields=["codename", "name"])


class Migration(migrations.Migration):
    dependencies = [
        ("ppims", "0011_processor_changes"),
    ]

    operations = [
        migrations.RenameModel("RefusedCall", "KeptCall"),
        migrations.RunPython(rename_permissions, migrations.RunPython.noop),
        migrations.RenameIndex(
            model_name="keptcall",
            new_name="kept_call_of_processor",
            old_name="refused_call_of_processor",
        ),
        migrations.AddField(
            model_name="keptcall",
            name="enquiry_ref_id",
            field=models.CharField(blank=True, max_length=32, verbose_name="Enquiry_Ref_Id"),
        ),
        migrations.AddField(
            model_name="keptcall",
            name="fault",
            field=models.CharField(blank=True, max_length=100),
        ),
        migrations.AddField(
            model_name="keptcall",
            name="http_status",
            field=models.PositiveSmallIntegerField(null=True),
        ),
        migrations.AddField(
            model_name="keptcall",
            name="is_refused",
            field=models.BooleanField(default=True),
        ),
        migrations.AddField(
            model_name="keptcall",
            name="key_id",
            field=models.CharField(blank=True, max_length=8),
        ),
        migrations.AddField(
            model_name="keptcall",
            name="milliseconds",
            field=models.PositiveIntegerField(null=True),
        ),
        migrations.AddField(
            model_name="keptcall",
            name="request_id",
            field=models.CharField(blank=True, max_length=64),
        ),
        migrations.AddField(
            model_name="keptcall",
            name="sealed",
            field=models.BinaryField(default=b""),
        ),
        migrations.AddField(
            model_name="keptcall",
            name="tran_id",
            field=models.CharField(blank=True, max_length=32, verbose_name="Tran_Id"),
        ),
        migrations.AddField(
            model_name="keptcall",
            name="unique_id",
            field=models.BigIntegerField(null=True, verbose_name="Unique_Id"),
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
                    ("429", "Too many failed log-ins"),
                    ("500", "No such customer"),
                    ("503", "Busy"),
                    ("999", "Fault of ours"),
                ],
                max_length=3,
                verbose_name="Resp_Code",
            ),
        ),
        migrations.AlterField(
            model_name="keptcall",
            name="processor",
            field=models.ForeignKey(
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="ppims.processor",
            ),
        ),
        migrations.AddIndex(
            model_name="keptcall",
            index=models.Index(
                condition=models.Q(("is_refused", True)),
                fields=["processor", "id"],
                name="kept_call_refused",
            ),
        ),
        migrations.AddIndex(
            model_name="keptcall",
            index=models.Index(fields=["ref_id", "id"], name="kept_call_by_ref_id"),
        ),
        migrations.AddIndex(
            model_name="keptcall",
            index=models.Index(fields=["tran_id", "id"], name="kept_call_by_tran_id"),
        ),
        migrations.AddIndex(
            model_name="keptcall",
            index=models.Index(fields=["request_id", "id"], name="kept_call_by_request_id"),
        ),
    ]
