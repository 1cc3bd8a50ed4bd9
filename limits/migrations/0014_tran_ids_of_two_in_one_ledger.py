"""Of two customers who were merged, and are two again, each may have posted a Tran_Id of its own in
the same ledger.

The index is made anew: 2 s for each ten lakh entries on SQLite, so for 10 lakh customers with a
year of entries about half a minute, of which it tells.
"""

import sys

from django.db import migrations, models
from django.db.models import Max

ONCE = "ledger_entry_posts_a_tran_id_once"
TOLD_FROM_ENTRIES, A_SECOND_FOR_ENTRIES = 5_000_000, 500_000


def tell_how_long(apps, schema_editor):
    entries = apps.get_model("limits", "LedgerEntry").objects
    last = entries.using(schema_editor.connection.alias).aggregate(last=Max("pk"))["last"] or 0
    if last > TOLD_FROM_ENTRIES:
        seconds = last // A_SECOND_FOR_ENTRIES
        said = f"Making the index of Tran_Ids anew: {last:,} entries, some {seconds} seconds."
        print(said, file=sys.stderr, flush=True)  # noqa: T201 - to whoever waits for it


class Migration(migrations.Migration):
    dependencies = [("limits", "0013_states_of_proposals_are_known")]

    operations = [
        migrations.RunPython(tell_how_long, migrations.RunPython.noop),
        migrations.RemoveConstraint(model_name="ledgerentry", name=ONCE),
        migrations.AddConstraint(
            model_name="ledgerentry",
            constraint=models.UniqueConstraint(
                condition=models.Q(("kind", "S"), models.Q(("tran_id", ""), _negated=True)),
                fields=("tran_id", "customer", "processor", "direction", "unique_id_sent"),
                name=ONCE,
            ),
        ),
    ]
