from django.db import migrations, models

from ppims.db.fields import ByTime, Instant


class Migration(migrations.Migration):
    """Whose KYC was raised or lowered in a month is a list: of those changes alone."""

    dependencies = [("customers", "0012_merges")]

    operations = [
        migrations.AddIndex(
            model_name="kycchange",
            index=ByTime(
                Instant("at"),
                models.F("from_tier"),
                models.F("to_tier"),
                condition=models.Q(
                    models.Q(("from_tier", ""), _negated=True),
                    models.Q(("from_tier", models.F("to_tier")), _negated=True),
                ),
                name="kyc_raised_or_lowered",
            ),
        )
    ]
