"""Names' words are cut anew: joiners and soft hyphens no longer end a word, and accents are left out.

It walks over every customer's name, and writes only the words of names with letters beyond ASCII:
docs/operations.md, "Upgrades", says how long that takes.
"""

import unicodedata

from django.db import migrations

from customers.models.name_words import INSERT_WORD, split_words
from ppims.core.progress import show_bar

AT_ONCE = 10_000
APOSTROPHES = dict.fromkeys(map(ord, "'’`"))
FORGET = "DELETE FROM customers_nameword WHERE word = %s AND customer_id = %s"


def words_of_before(name):
    folded = unicodedata.normalize("NFKC", name.casefold().translate(APOSTROPHES))
    kept = (c if unicodedata.category(c)[0] in ("L", "M", "N") else " " for c in folded)
    return set("".join(kept).split())


def cut_anew(apps, schema_editor):
    database = schema_editor.connection
    customers = apps.get_model("customers", "Customer").objects.using(database.alias)
    names = customers.order_by("pk").values_list("pk", "name")
    with show_bar("names", total=customers.count()) as advance, database.cursor() as cursor:
        last = 0
        while batch := list(names.filter(pk__gt=last)[:AT_ONCE]):
            gone, new = [], []
            for customer, name in batch:
                if not name.isascii():  # of others the words are the same
                    before, now = words_of_before(name), set(split_words(name))
                    gone += [(word, customer) for word in sorted(before - now)]
                    new += [(word, customer) for word in sorted(now - before)]
            cursor.executemany(FORGET, gone)
            cursor.executemany(INSERT_WORD, new)
            last = batch[-1][0]
            advance(len(batch))


class Migration(migrations.Migration):
    dependencies = [("customers", "0005_decision_notes")]

    operations = [migrations.RunPython(cut_anew, migrations.RunPython.noop)]
