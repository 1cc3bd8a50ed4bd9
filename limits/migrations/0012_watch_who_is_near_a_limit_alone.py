from django.db import migrations, models

import ppims.db.fields


class Migration(migrations.Migration):
    """Spenders are not watched any more. All of it is counted anew, reversals too."""

    dependencies = [
        ("customers", "0008_evidence_of_decided_reviews"),
        ("limits", "0011_transactions_by_their_first_record"),
    ]

    operations = [
        migrations.RunSQL("DELETE FROM limits_watched", migrations.RunSQL.noop),
        migrations.RunSQL(
            "UPDATE limits_figures SET state = '{}', version = version + 1", migrations.RunSQL.noop
        ),
        migrations.RemoveIndex("nearlimit", "watched_by_spend"),
        migrations.RemoveIndex("nearlimit", "watched_near_a_limit"),
        migrations.RemoveField("nearlimit", "debit_paise"),
        migrations.AddIndex(
            "nearlimit",
            models.Index(fields=["month", "permille", "customer"], name="watched_by_use"),
        ),
        migrations.AddIndex(
            "nearlimit",
            ppims.db.fields.ByTime(
                models.F("month"),
                ppims.db.fields.Instant("created_at"),
                models.F("level"),
                name="watched_near_a_limit",
            ),
        ),
    ]
