"""Name the key of an identifier's digest; of those there are, nothing: it is the oldest one.

A column that may be empty is added without a look at the rows: under a second, however many.
"""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("customers", "0013_raised_and_lowered_by_time"),
    ]

    operations = [
        migrations.AddField(
            model_name="identifier",
            name="key_id",
            field=models.CharField(editable=False, max_length=8, null=True),
        ),
    ]
