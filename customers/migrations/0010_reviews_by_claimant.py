from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("customers", "0009_no_index_of_kyc_by_time"),
    ]

    operations = [
        migrations.AddIndex(
            model_name="duplicatereview",
            index=models.Index(
                condition=models.Q(("claimant__isnull", False)),
                fields=["claimant"],
                name="duplicate_review_by_claimant",
            ),
        ),
    ]
