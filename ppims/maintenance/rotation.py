"""The steps by which a new key takes the place of another, while servers go on; and a key that
nothing needs any more taken out.

Servers read their keys when they start, so between two steps some know the new key and some don't.
A step is safe where both kinds work at once. The new key is known to all before one writes by it,
and what is found by a digest has one by the new key before one looks or writes by it alone.
docs/operations.md, "Keys that rotate", has the steps; docs/decisions.md says why they are so.
"""

from collections.abc import Callable, Mapping
from functools import partial

from django.conf import settings

from customers.services import identifier_keys, rekeying
from limits.models import Reconciliation
from limits.services import reconciliations
from ppims.core import clock, key_sources
from ppims.core.keys import NEXT_MARK, Ring
from ppims.core.progress import show_bar
from ppims.models import KeyInUse, KeyRotation
from ppims.reports.keys import LASTING_NEEDS, WORD_BY_PURPOSE, write_needs
from ppims.services import key_rotations, key_usage, sessions

Purpose = KeyRotation.Purpose
Say = Callable[[str], object]
Work = Callable[[rekeying.Progress], object]
PURPOSE_BY_WORD = {word: purpose for purpose, word in WORD_BY_PURPOSE.items()}
# Files, which no key encrypts anew: they need theirs until they are gone.
WAITING_FILES = Reconciliation._meta.db_table
SHORT_LIVED = {rekeying.SHORT_LIVED, WAITING_FILES}
# What only begins with its new key: nothing is left to do once that is in use.
ONLY_BEGUN = (Purpose.LEDGER, Purpose.SESSION)


class Refused(Exception):
    """What was asked isn't to be done; the message says why, and what to do instead."""


def rotate(purpose: Purpose, *, has_restarted: bool, say: Say) -> None:
    """Take the next step of an approved rotation, and say what comes next. Raises Refused, Busy and
    OSError. It may be killed at any moment, and run again.
    """
    rotation = key_rotations.find_approved(purpose)
    if rotation is None:
        raise Refused(
            f"No new {purpose} key is approved: an admin proposes one under Settings, Keys, and"
            " another approves it."
        )
    ring = key_usage.list_rings()[purpose]
    if not rotation.began_at:
        _begin(rotation, ring, say)
        return
    _require_known(rotation, ring)
    if not has_restarted:
        raise Refused(_write_restart(rotation))
    if rotation.first_at:
        _finish(rotation, ring, say)
    else:
        _put_first(rotation, ring, say)


def drop(key_id: str, *, say: Say) -> None:
    """Take a key that nothing needs out of its ring, and off the record. Raises Refused, Busy and
    OSError.
    """
    purpose, ring = _find_ring(key_id)
    if purpose in LASTING_NEEDS:
        raise Refused(f"The {purpose} key {key_id} stays, {LASTING_NEEDS[purpose]}.")
    if ring[0].id == key_id:
        raise Refused(f"The {purpose} key {key_id} is in use: propose a new one first.")
    if key_rotations.find_approved(purpose):
        raise Refused(f"A new {purpose} key is on its way: finish that first.")
    count_needs()
    if needs := _count_needs(purpose).get(key_id):
        raise Refused(f"The {purpose} key {key_id} is still needed: {write_needs(needs)}.")
    # The record first: a key on record that is in no ring would stop the next start.
    key_rotations.drop(purpose=purpose, key_id=key_id)
    if place := settings.PPIMS_KEY_PLACES[purpose]:
        say(f"Nothing needs the {purpose} key {key_id}. Take it out of {place}.")
    else:
        _rewrite_file(purpose, ring, lambda words: key_sources.take_out(words, key_id))
        say(f"The {purpose} key {key_id} is out of its file; servers forget it when they restart.")
    say("Backups of before need it: keep it with them, as long as they are kept.")


def count_needs() -> None:
    """Count what needs each key that may go one day, and keep it for those who look."""
    for purpose in Purpose:
        if purpose not in LASTING_NEEDS:
            key_usage.keep_needs(purpose, _count_needs(purpose), clock.now())


def _count_needs(purpose: Purpose) -> Mapping[str, Mapping[str, int]]:
    if purpose == Purpose.SESSION:
        counts = sessions.count_by_key(clock.now())
        return {key_id: {"ppims_staffsession": count} for key_id, count in counts.items()}
    needs = rekeying.list_needs(purpose)
    if purpose == Purpose.DOCUMENT:
        for key_id, count in reconciliations.count_waiting_by_key().items():
            needs.setdefault(key_id, {})[WAITING_FILES] = count
    return needs


def _begin(rotation: KeyRotation, ring: Ring, say: Say) -> None:
    """Make the new key, unless it is there: from a step that was cut off, or made by hand."""
    purpose = Purpose(rotation.purpose)
    key_id = next((key.id for key in ring if key.is_next), "")
    if key_id and KeyInUse.objects.filter(purpose=purpose, key_id=key_id).exists():
        raise Refused(f"The {purpose} key {key_id} was used before: a new key is to be the next.")
    if not key_id:
        if place := settings.PPIMS_KEY_PLACES[purpose]:
            say(
                f"Add the new key to what {place} gives for {purpose}, after all others and a"
                f" space: {NEXT_MARK}, and 32 random bytes in base64 right behind it. manage"
                " rotate new-key prints such a word. Then run this again."
            )
            return
        key = key_sources.draw_key()
        key_id = key_sources.name_keys([key])[0][0]
        _rewrite_file(purpose, ring, lambda words: key_sources.add_next(words, key))
    began = key_rotations.begin(rotation_id=rotation.pk, key_id=key_id)
    say(f"The {purpose} key {key_id} is the next.")
    say(_write_restart(began))


def _put_first(rotation: KeyRotation, ring: Ring, say: Say) -> None:
    purpose, key_id = Purpose(rotation.purpose), rotation.made_key_id
    is_first = ring[0].id == key_id
    if purpose == Purpose.DIGEST and not rotation.filled_at:
        if is_first:
            raise Refused(
                f"The digest key {key_id} came first too early: put {rotation.from_key_id} first"
                f" again, {NEXT_MARK} before the other, and restart every server."
            )
        _do("adding digests", identifier_keys.redigest_identifiers)
        key_rotations.fill(rotation_id=rotation.pk)
        say(f"All that is unique is found by {key_id}, too.")
    key_usage.record_first(purpose, key_id)
    if not is_first:
        if place := settings.PPIMS_KEY_PLACES[purpose]:
            say(
                f"Put the key {key_id} before all others in what {place} gives for {purpose},"
                f" without {NEXT_MARK}, and leave the others. Restart every server, then run this"
                " again."
            )
            return
        _rewrite_file(purpose, ring, lambda words: key_sources.put_first(words, key_id))
    first = key_rotations.make_first(rotation_id=rotation.pk)
    say(f"The {purpose} key {key_id} is the first.")
    if purpose not in ONLY_BEGUN:
        say(_write_restart(first))
        return
    key_rotations.finish(rotation_id=rotation.pk)
    say(f"Restart every server and runner of jobs: then all use it. {_write_ending(rotation)}")


def _finish(rotation: KeyRotation, ring: Ring, say: Say) -> None:
    purpose = Purpose(rotation.purpose)
    if ring[0].id != rotation.made_key_id:
        raise Refused(
            f"The {purpose} key {rotation.made_key_id} isn't the first here: copy the keys from"
            " where it is."
        )
    if purpose == Purpose.DOCUMENT:
        _do("encrypting anew", rekeying.reencrypt_documents)
    else:
        _do("deleting old digests", identifier_keys.drop_old_identifiers)
    count_needs()
    counted = _count_needs(purpose).get(rotation.from_key_id, {})
    needs = {table: count for table, count in counted.items() if table not in SHORT_LIVED}
    if purpose not in LASTING_NEEDS and needs:
        raise Refused(
            f"{write_needs(needs)} came by the old key meanwhile: restart what has not been, and"
            " run this again."
        )
    key_rotations.finish(rotation_id=rotation.pk)
    say(f"Done: the {purpose} key {rotation.made_key_id} is used alone. {_write_ending(rotation)}")


def _do(what: str, work: Work) -> None:
    """Do a long work, with a bar."""
    with show_bar(what, total=None) as advance:
        work(partial(_move_bar, advance, [0]))


def _move_bar(advance: Callable[..., None], before: list[int], done: int, total: int) -> None:
    advance(done - before[0], note=f"of {total:,}")
    before[0] = done


def _require_known(rotation: KeyRotation, ring: Ring) -> None:
    """Raises Refused where this machine's ring lacks the new key, or has it in a wrong place."""
    key_id, purpose = rotation.made_key_id, rotation.purpose
    (key, *_) = [*(key for key in ring if key.id == key_id), None]
    if key is None:
        raise Refused(
            f"The new {purpose} key {key_id} isn't in the ring here: copy the keys from where it"
            " is."
        )
    if not key.is_next and key != ring[0]:
        raise Refused(f"The new {purpose} key {key_id} needs {NEXT_MARK} before it.")


def _find_ring(key_id: str) -> tuple[Purpose, Ring]:
    for purpose, ring in key_usage.list_rings().items():
        if any(key.id == key_id for key in ring):
            return Purpose(purpose), ring
    raise Refused(f"There is no key {key_id} in the rings here.")


def _rewrite_file(
    purpose: Purpose, ring: Ring, change: Callable[[key_sources.Words], key_sources.Words]
) -> None:
    path = settings.PPIMS_DATA_DIR / "keys" / f"{purpose}.key"
    key_sources.rewrite_key_file(path, change, expected=[(key.id, key.is_next) for key in ring])


def _write_restart(rotation: KeyRotation) -> str:
    word = WORD_BY_PURPOSE[Purpose(rotation.purpose)]
    copied = "" if settings.PPIMS_KEY_PLACES[rotation.purpose] else ", with this key file on each"
    return (
        f"Next: restart every server and runner of jobs on every machine{copied}. Once no process"
        f" of before is left: manage rotate {word} --restarted"
    )


def _write_ending(rotation: KeyRotation) -> str:
    purpose, old = Purpose(rotation.purpose), rotation.from_key_id
    if purpose in LASTING_NEEDS:
        return f"The key {old} stays in the ring, {LASTING_NEEDS[purpose]}."
    when = " in 12 hours, when no session needs it" if purpose == Purpose.SESSION else ""
    return f"The key {old} may go{when}: manage rotate drop {old}"
