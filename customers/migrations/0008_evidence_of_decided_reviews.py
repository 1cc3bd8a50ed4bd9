from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("customers", "0007_who_typed_a_proposal"),
    ]

    operations = [
        migrations.AddField(
            model_name="duplicatereview",
            name="evidence",
            field=models.BinaryField(default=b""),
        ),
        migrations.AddField(
            model_name="duplicatereview",
            name="evidence_key_id",
            field=models.CharField(blank=True, max_length=8),
        ),
    ]
