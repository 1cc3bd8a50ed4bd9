"""The words of customers' names, by which staff find them."""

import re
import unicodedata

from django.db import connection, models

from ppims.db.fields import ByBytes

APOSTROPHES = dict.fromkeys(map(ord, "'’`\u2018\u00b4\u02bc"))  # D'Souza is one word
# Accents of Latin, Greek and Cyrillic letters, and what chooses between forms of a letter. Signs of
# Indian scripts stand elsewhere: they are letters of the word.
ACCENTS = re.compile("[\u0300-\u036f\u1ab0-\u1aff\u1dc0-\u1dff\ufe00-\ufe0f\ufe20-\ufe2f]")
WORD_CHARACTERS = 100
LETTERS = ("L", "M", "N")  # and digits; what stands between others ends a word

INSERT_WORD = """
    INSERT INTO customers_nameword (word, customer_id) VALUES (%s, %s) ON CONFLICT DO NOTHING
"""


class NameWord(models.Model):
    """A word of a customer's name, as `split_words` writes it."""

    pk = models.CompositePrimaryKey("word", "customer_id")
    word = ByBytes(max_length=WORD_CHARACTERS)
    customer = models.ForeignKey(
        "customers.Customer", models.PROTECT, related_name="+", db_index=False
    )

    def __str__(self) -> str:
        return f"a word of {self.customer_id}"


def split_words(name: str) -> list[str]:
    """Return a name's words as they are looked for: each once, in one case, without signs,
    accents, joiners and soft hyphens; at most WORD_CHARACTERS of each.
    """
    # Decomposed twice: casefold composes some letters anew. Cut last: a word may have grown, as
    # ß becomes ss.
    apart = unicodedata.normalize("NFKD", name.translate(APOSTROPHES))
    folded = ACCENTS.sub("", unicodedata.normalize("NFKD", apart.casefold()))
    kept = "".join(_keep_character(c) for c in folded)
    words = (word[:WORD_CHARACTERS] for word in unicodedata.normalize("NFC", kept).split())
    return list(dict.fromkeys(words))


def _keep_character(character: str) -> str:
    category = unicodedata.category(character)
    if category == "Cf":  # joiners, soft hyphens: nobody sees them, and the word goes on
        return ""
    return character if category[0] in LETTERS else " "


def learn(customer_id: int, name: str, *, before: str = "") -> None:
    """Let the words of a name find the customer, and those of the name before no longer."""
    new, old = set(split_words(name)), set(split_words(before))
    if old - new:  # Django makes a query of none too, which costs an add a fifth of its time
        NameWord.objects.filter(customer_id=customer_id, word__in=old - new).delete()
    with connection.cursor() as cursor:
        cursor.executemany(INSERT_WORD, [(word, customer_id) for word in sorted(new - old)])
