from django.db import migrations


class Migration(migrations.Migration):
    """No list goes through everybody's KYC changes in the order of time any more."""

    dependencies = [("customers", "0008_evidence_of_decided_reviews")]

    operations = [migrations.RemoveIndex(model_name="kycchange", name="kyc_change_by_time")]
