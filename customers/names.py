"""The words of customers' names, by which staff find them."""

import unicodedata

from django.db import connection, models

from ppims.tables import ByBytes

APOSTROPHES = dict.fromkeys(map(ord, "'’`"))  # D'Souza is one word
WORD_CHARACTERS = 100
LETTERS = ("L", "M", "N")  # and digits; what stands between others ends a word

INSERT = """
    INSERT INTO customers_nameword (word, customer_id) VALUES (%s, %s) ON CONFLICT DO NOTHING
"""


class NameWord(models.Model):
    """A word of a customer's name, as `words_of` writes it."""

    pk = models.CompositePrimaryKey("word", "customer_id")
    word = ByBytes(max_length=WORD_CHARACTERS)
    customer = models.ForeignKey(
        "customers.Customer", models.PROTECT, related_name="+", db_index=False
    )

    def __str__(self) -> str:
        return f"a word of {self.customer_id}"


def words_of(name: str) -> list[str]:
    """Write a name's words as they are looked for: in one case, without signs, each once; of each
    as much as its column holds, for a word can grow by that (ß is ss then).
    """
    folded = unicodedata.normalize("NFKC", name.casefold().translate(APOSTROPHES))
    kept = (c if unicodedata.category(c)[0] in LETTERS else " " for c in folded)
    words = (word[:WORD_CHARACTERS] for word in "".join(kept).split())
    return list(dict.fromkeys(words))


def learn(customer_id: int, name: str, *, before: str = "") -> None:
    """Let the words of a name find the customer, and those of the name before no longer."""
    new, old = set(words_of(name)), set(words_of(before))
    if old - new:
        gone = NameWord.objects.filter(customer_id=customer_id, word__in=old - new)
        gone.delete()
    with connection.cursor() as cursor:
        cursor.executemany(INSERT, [(word, customer_id) for word in sorted(new - old)])
