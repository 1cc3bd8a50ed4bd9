"""The keys of each ring: where each stands, since when it was used, and what still needs it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from django.apps import apps
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from ppims.core.formats import write_count
from ppims.core.keys import Ring
from ppims.models import KeyInUse, KeyRotation
from ppims.services import key_usage

Purpose = KeyRotation.Purpose
# What an operator types: `manage rotate documents`.
WORD_BY_PURPOSE = {
    Purpose.DOCUMENT: "documents",
    Purpose.DIGEST: "digests",
    Purpose.LEDGER: "ledger",
    Purpose.SESSION: "session",
}
# What no key of these purposes ever loses: the reason why it stays in its ring.
LASTING_NEEDS: Mapping[str, object] = {
    Purpose.DIGEST: _("for ever: cards, claims and Ref_Ids keep their digests"),
    Purpose.LEDGER: _("for ever: it proves what was signed by it"),
}


class Place(Enum):
    """Where a key stands in its ring."""

    FIRST = _("In use")
    NEXT = _("Next")
    OLDER = _("Reads")
    MISSING = _("Not in the ring here")


@dataclass(frozen=True)
class KeyLine:
    """One key. `needs` is None where it was never counted."""

    key_id: str
    place: Place
    first_used_at: datetime | None = None
    needs: Mapping[str, int] | None = None
    counted_at: datetime | None = None
    lasts: str = ""

    @property
    def need_text(self) -> str:
        """Say what needs it: "5 documents"; by the first key all that comes is written."""
        if self.lasts:
            return self.lasts
        if self.place == Place.FIRST:
            return gettext("all that is written from now on")
        if self.first_used_at is None:
            return gettext("nothing: it was never used")
        if self.needs is None:
            return gettext("not counted yet")
        return write_needs(self.needs) or gettext("nothing")


def list_keys() -> dict[str, list[KeyLine]]:
    """List the keys by purpose, those in use first, as of the last count: one query."""
    used: dict[str, list[KeyInUse]] = {}
    for row in KeyInUse.objects.order_by("first_used_at", "key_id"):
        used.setdefault(row.purpose, []).append(row)
    rings = key_usage.list_rings()
    return {
        purpose: list(_list_of_ring(purpose, ring, used.get(purpose, [])))
        for purpose, ring in rings.items()
    }


def write_needs(needs: Mapping[str, int]) -> str:
    """Say "12,300 documents, 5 kept calls"."""
    named = [(_name_rows(table, count), count) for table, count in needs.items() if count]
    return ", ".join(f"{write_count(count)} {name}" for name, count in named)


def describe_next_step(rotation: KeyRotation) -> str:
    """Say what is to be done next of a rotation that isn't done."""
    if not rotation.counts:
        return gettext("It waits for another admin, under Approvals.")
    if not rotation.began_at:
        said = gettext("Next: run manage rotate %(word)s, which makes the new key known.")
    elif not rotation.first_at:
        said = gettext(
            "Next: restart every server, then run manage rotate %(word)s, which puts the new key"
            " first."
        )
    else:
        said = gettext(
            "Next: restart every server, then run manage rotate %(word)s, which does the rest."
        )
    return said % {"word": WORD_BY_PURPOSE[Purpose(rotation.purpose)]}


def _list_of_ring(purpose: str, ring: Ring, used: list[KeyInUse]) -> Iterator[KeyLine]:
    rows = {row.key_id: row for row in used}
    lasts = str(LASTING_NEEDS.get(purpose, ""))
    for number, key in enumerate(ring):
        older = Place.NEXT if key.is_next else Place.OLDER
        yield _make_line(key.id, older if number else Place.FIRST, rows.pop(key.id, None), lasts)
    for key_id, row in rows.items():
        yield _make_line(key_id, Place.MISSING, row, lasts)


def _make_line(key_id: str, place: Place, row: KeyInUse | None, lasts: str) -> KeyLine:
    if row is None:
        return KeyLine(key_id, place)
    needs = key_usage.read_needs(row) if row.counted_at else None
    return KeyLine(key_id, place, row.first_used_at, needs, row.counted_at, lasts)


def _name_rows(table: str, count: int) -> str:
    for model in apps.get_models():
        if model._meta.db_table == table:
            named = model._meta.verbose_name if count == 1 else model._meta.verbose_name_plural
            return str(named)
    return table
