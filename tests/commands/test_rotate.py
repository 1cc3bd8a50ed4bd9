"""A new key takes the place of another, step by step: approved by two, safe to cut off anywhere;
and nothing goes that is needed.
"""

import json
from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from customers.services import identifier_keys, rekeying
from limits.services import reconciliations
from limits.services.reconciliations import FileBrought
from limits.verify import verify
from ppims.core import clock, key_sources, keys
from ppims.models import AuditEntry, KeyInUse, KeyRotation, StaffSession
from ppims.services import key_rotations, key_usage
from ppims.services.sessions import SessionStore
from tests.factories import make_processor
from tests.web.admin_pages import make_user

PURPOSE_BY_WORD = {
    "documents": "document",
    "digests": "digest",
    "ledger": "ledger",
    "session": "session",
}
RESTARTED_OPTION = "--restarted"
pytestmark = pytest.mark.django_db


class Installation:
    """Keys in files, read as a server that starts does; or in a vault that an operator changes."""

    def __init__(self, folder, settings):
        self.folder, self._settings = folder, settings
        (folder / "keys").mkdir()
        settings.PPIMS_DATA_DIR = folder
        settings.PPIMS_KEY_PLACES = dict.fromkeys(PURPOSE_BY_WORD.values(), "")
        for purpose, ring in key_usage.list_rings().items():
            self.write(purpose, *(key_sources.b64encode(key.secret).decode() for key in ring))
        key_usage.record_use()

    def read(self, purpose):
        return self._find(purpose).read_text().split()

    def write(self, purpose, *words):
        self._find(purpose).write_text("\n".join(words))
        self.restart()

    def restart(self):
        for purpose in PURPOSE_BY_WORD.values():
            if self._find(purpose).exists():
                ring = keys.read_ring(self._find(purpose).read_text())
                setattr(self._settings, f"PPIMS_{purpose.upper()}_KEYS", ring)

    def _find(self, purpose):
        return self.folder / "keys" / f"{purpose}.key"


@pytest.fixture
def installation(tmp_path, settings):
    return Installation(tmp_path, settings)


@pytest.fixture(autouse=True)
def works(monkeypatch):
    """What is done with rows, here by name alone: tests of customers see to the rows."""
    done = []
    for name in ("reencrypt_documents", "redigest_identifiers", "drop_old_identifiers"):
        module = rekeying if hasattr(rekeying, name) else identifier_keys
        monkeypatch.setattr(module, name, lambda _progress, name=name: done.append(name))
    monkeypatch.setattr(rekeying, "list_needs", lambda _purpose: {})
    return done


def approve(purpose):
    row = key_rotations.propose(purpose=purpose, reason="Yearly", user=make_user("admin"))
    key_rotations.KEY_PROPOSALS.decide(
        proposal_id=row.pk, state="APPROVED", user=make_user("admin")
    )
    return row


def rotate(*words):
    said = StringIO()
    call_command("rotate", *words, stdout=said)
    return said.getvalue()


def name_word(word):
    return keys.Key.from_base64(word).id


def list_deeds():
    entries = AuditEntry.objects.filter(user=None, processor=None).order_by("pk")
    return [each.action for each in entries if each.action != "first limit rules loaded"]


WORKS = {
    "documents": [[], ["reencrypt_documents"]],
    "digests": [["redigest_identifiers"], ["drop_old_identifiers"]],
    "ledger": [[], []],
    "session": [[], []],
}


@pytest.mark.parametrize("word", PURPOSE_BY_WORD)
def test_a_key_is_known_to_all_before_it_is_used_and_used_before_its_work_is_done(
    installation, works, word
):
    purpose = PURPOSE_BY_WORD[word]
    approve(purpose)
    (old,) = installation.read(purpose)
    assert f"manage rotate {word} --restarted" in rotate(word)
    kept, marked = installation.read(purpose)
    assert (kept, marked[:5], works) == (old, "next:", [])
    installation.restart()
    rotate(word, RESTARTED_OPTION)
    before, after = WORKS[word]
    assert (installation.read(purpose), works) == ([marked[5:], old], before)
    installation.restart()
    if word in {"documents", "digests"}:
        assert not KeyRotation.objects.get().done_at
        rotate(word, RESTARTED_OPTION)
    assert works == before + after
    row = KeyRotation.objects.get()
    assert (bool(row.done_at), row.made_key_id) == (True, name_word(marked))
    assert KeyInUse.objects.filter(purpose=purpose, key_id=row.made_key_id).exists()
    assert key_usage.list_missing(key_usage.list_keys_in_use()) == []
    filled = ["next key finds all"] if word == "digests" else []
    assert list_deeds() == ["next key known", *filled, "new key in use", "key rotation done"]
    assert list(verify()) == []


@pytest.mark.parametrize("state", [None, "PROPOSED", "REJECTED", "WITHDRAWN"])
def test_without_an_approval_nothing_is_done(installation, state):
    if state:
        user = make_user("admin")
        row = key_rotations.propose(purpose="document", reason="Yearly", user=user)
        decide = key_rotations.KEY_PROPOSALS.decide
        if state == "REJECTED":
            other = make_user("admin")
            decide(proposal_id=row.pk, state=state, user=other, note="Too soon")
        elif state == "WITHDRAWN":
            decide(proposal_id=row.pk, state=state, user=user)
    before = installation.read("document")
    with pytest.raises(CommandError, match="No new document key is approved"):
        rotate("documents", RESTARTED_OPTION)
    assert installation.read("document") == before


def test_no_step_is_taken_before_all_have_restarted(installation, works):
    approve("digest")
    rotate("digests")
    installation.restart()
    ring = installation.read("digest")
    with pytest.raises(CommandError, match="restart every server"):
        rotate("digests")
    assert (installation.read("digest"), works) == (ring, [])


def test_a_key_that_this_command_has_not_read_since_is_no_reason_for_another(installation):
    """Run twice at once, or again in a process that began before."""
    approve("digest")
    rotate("digests")
    ring = installation.read("digest")
    with pytest.raises(CommandError, match="isn't in the ring here"):
        rotate("digests", RESTARTED_OPTION)
    with key_sources.hold_folder(installation.folder), pytest.raises(CommandError, match="another"):
        rotate("digests")
    assert installation.read("digest") == ring


@pytest.mark.parametrize("step", ["begin", "record_first", "make_first", "finish"])
def test_cut_off_after_any_change_it_goes_on_with_the_same_key(installation, monkeypatch, step):
    approve("document")
    module = key_usage if step == "record_first" else key_rotations
    with monkeypatch.context() as cut:
        cut.setattr(module, step, lambda *_, **__: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            rotate_to_the_end(installation)
    installation.restart()
    made = {name_word(word) for word in installation.read("document")}
    rotate_to_the_end(installation)
    words = installation.read("document")
    assert {name_word(word) for word in words} == made
    assert name_word(words[0]) == KeyRotation.objects.get().made_key_id


def rotate_to_the_end(installation):
    while not (row := KeyRotation.objects.get()).done_at:
        rotate("documents", *([RESTARTED_OPTION] if row.began_at else []))
        installation.restart()


def test_a_digest_key_never_comes_first_before_all_is_found_by_it(installation):
    approve("digest")
    rotate("digests")
    old, marked = installation.read("digest")
    KeyInUse.objects.filter(purpose="digest").exclude(key_id=name_word(old)).delete()
    installation.write("digest", marked[5:], old)
    with pytest.raises(CommandError, match=f"lacks the key digest {name_word(old)} as the first"):
        rotate("digests", RESTARTED_OPTION)
    assert not KeyRotation.objects.get().filled_at


def test_where_keys_are_no_files_the_operator_is_told_and_nothing_is_written(
    installation, settings, works
):
    settings.PPIMS_KEY_PLACES = dict.fromkeys(PURPOSE_BY_WORD.values(), "PPIMS_KEY_COMMAND")
    approve("digest")
    (old,) = installation.read("digest")
    assert "Add the new key to what PPIMS_KEY_COMMAND gives for digest" in rotate("digests")
    assert (installation.read("digest"), KeyRotation.objects.get().began_at) == ([old], None)
    marked = rotate("new-key").strip()
    installation.write("digest", old, marked)
    assert f"{name_word(marked)} is the next" in rotate("digests")
    said = rotate("digests", RESTARTED_OPTION)
    assert f"Put the key {name_word(marked)} before all others" in said
    assert (works, KeyRotation.objects.get().first_at) == (["redigest_identifiers"], None)
    installation.write("digest", marked[5:], old)
    rotate("digests", RESTARTED_OPTION)
    rotate("digests", RESTARTED_OPTION)
    assert (works[1:], bool(KeyRotation.objects.get().done_at)) == (["drop_old_identifiers"], True)
    assert old not in said
    assert marked[5:] not in said


def test_a_key_of_before_is_no_new_key(installation):
    approve("document")
    (old,) = installation.read("document")
    former = "Q" * 43 + "="
    KeyInUse.objects.create(purpose="document", key_id=name_word(former), first_used_at=clock.now())
    installation.write("document", old, f"next:{former}")
    with pytest.raises(CommandError, match="was used before"):
        rotate("documents")


def test_what_came_by_the_old_key_meanwhile_keeps_it_from_being_done(installation, monkeypatch):
    approve("document")
    rotate("documents")
    installation.restart()
    rotate("documents", RESTARTED_OPTION)
    installation.restart()
    old = name_word(installation.read("document")[1])
    needs = {old: {"customers_document": 1}}
    monkeypatch.setattr(rekeying, "list_needs", lambda purpose: needs)
    with pytest.raises(CommandError, match="1 document came by the old key meanwhile"):
        rotate("documents", RESTARTED_OPTION)
    assert not KeyRotation.objects.get().done_at


def add_old_key(installation, purpose, *, is_used=True):
    """Let a ring have a key that was in use before the one that is."""
    words = installation.read(purpose)
    former = "g" * 43 + "="
    if is_used:
        at = clock.now() - timedelta(days=400)
        KeyInUse.objects.create(purpose=purpose, key_id=name_word(former), first_used_at=at)
    installation.write(purpose, *words, former)
    return name_word(former)


@pytest.mark.parametrize("purpose", ["document", "session"])
def test_a_key_that_nothing_needs_may_go(installation, purpose):
    old = add_old_key(installation, purpose)
    (kept, _) = installation.read(purpose)
    assert "Backups of before need it" in rotate("drop", old)
    assert installation.read(purpose) == [kept]
    assert not KeyInUse.objects.filter(key_id=old).exists()
    installation.restart()
    assert key_usage.list_missing(key_usage.list_keys_in_use()) == []
    entry = AuditEntry.objects.get(action="key dropped")
    assert json.loads(entry.detail)["key"] == old


@pytest.mark.parametrize(
    ("purpose", "said"),
    [("digest", "stays, for ever: cards, claims"), ("ledger", "stays, for ever: it proves")],
)
def test_digest_and_ledger_keys_never_go(installation, purpose, said):
    old = add_old_key(installation, purpose)
    if purpose == "digest":  # the newest one is in use
        KeyInUse.objects.filter(key_id=old).update(first_used_at=clock.now() - timedelta(days=900))
    before = installation.read(purpose)
    with pytest.raises(CommandError, match=said):
        rotate("drop", old)
    assert installation.read(purpose) == before


def test_a_key_in_use_on_its_way_or_needed_does_not_go(installation, monkeypatch):
    (current,) = installation.read("document")
    with pytest.raises(CommandError, match="is in use: propose a new one first"):
        rotate("drop", name_word(current))
    old = add_old_key(installation, "document")
    needs = {old: {"customers_document": 12_345}}
    with monkeypatch.context() as counted:
        counted.setattr(rekeying, "list_needs", lambda purpose: needs)
        with pytest.raises(CommandError, match="is still needed: 12,345 documents"):
            rotate("drop", old)
        assert f"{old}  Reads" in rotate()
        assert "Needed by: 12,345 documents" in rotate()
    approve("document")
    rotate("documents")
    installation.restart()
    for key_id in (old, name_word(installation.read("document")[-1])):
        with pytest.raises(CommandError, match="is on its way: finish that first"):
            rotate("drop", key_id)
    with pytest.raises(CommandError, match="There is no key 00000000"):
        rotate("drop", "00000000")


def bring_file(key_id):
    """Let a processor's file, encrypted by a key, wait to be compared."""
    day = clock.now().date()
    return reconciliations.begin(
        processor=make_processor("ENT"),
        since=day,
        until=day,
        file=FileBrought("booked.csv", "0f" * 32, 100, stored_as="a" * 32, key_id=key_id),
        user=make_user("maker"),
    )


def test_a_key_is_needed_by_a_processors_file_until_that_is_compared(installation):
    old = add_old_key(installation, "document")
    run = bring_file(old)
    with pytest.raises(CommandError, match="is still needed: 1 reconciliation"):
        rotate("drop", old)
    reconciliations.refuse(run.pk, "unreadable")
    rotate("drop", old)


def test_a_file_that_waits_by_the_old_key_keeps_no_rotation_from_its_end(installation):
    approve("document")
    rotate("documents")
    installation.restart()
    rotate("documents", RESTARTED_OPTION)
    installation.restart()
    old = name_word(installation.read("document")[1])
    bring_file(old)
    rotate("documents", RESTARTED_OPTION)
    assert KeyRotation.objects.get().done_at


def test_a_session_key_is_needed_until_its_last_session_has_ended(installation):
    old = add_old_key(installation, "session")
    store = SessionStore()
    store["a"] = 1
    store.save()
    text = StaffSession.objects.get().session_data
    StaffSession.objects.update(session_data=f"{old}{text[8:]}")
    with pytest.raises(CommandError, match="is still needed: 1 session"):
        rotate("drop", old)
    StaffSession.objects.update(expire_date=clock.now())
    rotate("drop", old)


def test_a_list_names_each_key_and_shows_none(installation):
    row = approve("ledger")
    rotate("ledger")
    installation.restart()
    said = rotate()
    for purpose in PURPOSE_BY_WORD.values():
        for word in installation.read(purpose):
            assert name_word(word) in said
            assert word.removeprefix("next:") not in said
    assert f"{row.from_key_id}  In use, used since" in said
    assert "Next. Needed by: nothing: it was never used" in said
    assert "A new key is approved, for 'Yearly'." in said
    assert "Next: restart every server" in said


@pytest.mark.parametrize("words", [["drop"], ["documents", "1a2b3c4d"]])
def test_a_key_is_named_to_be_dropped_alone(installation, words):
    with pytest.raises(CommandError, match="Name the key to drop"):
        rotate(*words)
