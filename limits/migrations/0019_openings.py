"""Let an import's opening entries be in the ledger, each once. There is none yet, so the index is of
nothing: it takes one look at the entries, half a minute with 10 lakh customers and their year.
"""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("customers", "0015_imports"),
        ("limits", "0018_password_notices"),
    ]

    operations = [
        migrations.AlterField(
            model_name="ledgerentry",
            name="kind",
            field=models.CharField(
                choices=[
                    ("S", "Posted"),
                    ("F", "Released"),
                    ("R", "Reversed"),
                    ("A", "Adjusted"),
                    ("M", "Moved"),
                    ("O", "Opening"),
                ],
                max_length=1,
            ),
        ),
        migrations.AddConstraint(
            model_name="ledgerentry",
            constraint=models.UniqueConstraint(
                condition=models.Q(("kind", "O")),
                fields=("customer", "ref_id", "unique_id_sent", "month", "direction"),
                name="ledger_entry_opens_once",
            ),
        ),
    ]
