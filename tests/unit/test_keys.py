"""Keys: named by themselves, made once, and what is signed or encrypted can't be changed or
moved.
"""

import errno
import os
import stat
from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path

import pytest
from cryptography.exceptions import InvalidTag

from ppims.core import keys, private_files

OLD_KEY, NEW_KEY = (keys.Key.from_base64(letter * 43 + "=") for letter in "AQ")


def test_a_key_file_is_made_once_and_is_readable_by_its_owner_alone(tmp_path):
    path = tmp_path / "keys" / "ledger.key"
    keys.make_key_file(path)
    first = path.read_text()
    keys.make_key_file(path)
    assert path.read_text() == first
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [file.name for file in path.parent.iterdir()] == ["ledger.key"]


def test_where_a_key_is_there_nothing_is_written_as_on_a_full_disk(tmp_path, monkeypatch):
    path = tmp_path / "keys" / "ledger.key"
    assert keys.make_key_file(path)

    def refuse(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(keys.os, "open", refuse)
    assert not keys.make_key_file(path)


def test_of_two_processes_at_once_the_second_takes_the_first_ones_key(tmp_path, monkeypatch):
    path = tmp_path / "keys" / "ledger.key"
    keys.make_key_file(path)
    first = path.read_text()
    monkeypatch.setattr(keys.Path, "exists", lambda _: False)  # as it was a moment ago
    assert not keys.make_key_file(path)
    assert path.read_text() == first
    assert [file.name for file in path.parent.iterdir()] == ["ledger.key"]


OLD_TEXT, NEW_TEXT = ("A" * 43 + "=", "Q" * 43 + "=")


NO_RINGS = [
    *("", " \n", "c2hvcnQ=", "not base64!", "next:"),
    *(f"next:{OLD_TEXT}", f"next:{OLD_TEXT} {NEW_TEXT}"),
    f"{OLD_TEXT} next:{NEW_TEXT} next:{'g' * 43}=",
    *(f"{OLD_TEXT} {OLD_TEXT}", f"{OLD_TEXT} next:{OLD_TEXT}"),
]


@pytest.mark.parametrize("text", NO_RINGS)
def test_what_is_no_key_is_refused(text):
    with pytest.raises(ValueError):  # noqa: PT011 - whose text differs by what is wrong
        keys.read_ring(text)


def test_the_next_key_is_marked_and_is_the_same_key_once_it_is_the_first():
    assert [(key.id, key.is_next) for key in keys.read_ring(f"{OLD_TEXT} next:{NEW_TEXT}")] == [
        (OLD_KEY.id, False),
        (NEW_KEY.id, True),
    ]
    assert keys.read_ring(f"{NEW_TEXT} {OLD_TEXT}") == (NEW_KEY, OLD_KEY)


def test_a_key_never_shows_its_secret():
    assert OLD_KEY.secret.hex() not in repr(OLD_KEY)
    assert OLD_KEY.id in repr(OLD_KEY)


def test_a_newer_key_is_used_and_an_older_one_still_reads():
    key_id, sealed = keys.encrypt((OLD_KEY,), "123456789012", bound_to="row 1")
    assert keys.encrypt((NEW_KEY, OLD_KEY), "x", bound_to="row 1")[0] == NEW_KEY.id
    assert keys.decrypt((NEW_KEY, OLD_KEY), key_id, sealed, bound_to="row 1") == "123456789012"


def test_a_missing_key_is_named():
    key_id, sealed = keys.encrypt((OLD_KEY,), "123456789012", bound_to="row 1")
    with pytest.raises(keys.KeyMissing, match=OLD_KEY.id):
        keys.decrypt((NEW_KEY,), key_id, sealed, bound_to="row 1")


def test_an_encrypted_number_is_bound_to_its_row():
    key_id, sealed = keys.encrypt((OLD_KEY,), "123456789012", bound_to="row 1")
    with pytest.raises(InvalidTag):
        keys.decrypt((OLD_KEY,), key_id, sealed, bound_to="row 2")


def test_equal_text_is_encrypted_differently_each_time():
    assert (
        keys.encrypt((OLD_KEY,), "x", bound_to="")[1]
        != keys.encrypt((OLD_KEY,), "x", bound_to="")[1]
    )


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (["ab", "c"], ["a", "bc"]),
        ([1], ["1"]),
        ([None], [""]),
        ([b"1"], ["1"]),
        ([1, None], [None, 1]),
    ],
)
def test_different_values_never_sign_alike(one, other):
    assert keys.sign(OLD_KEY, one) != keys.sign(OLD_KEY, other)
    assert keys.sign(OLD_KEY, one) == keys.sign(OLD_KEY, one)


def test_what_is_signed_is_plain_to_the_microsecond_whatever_database_it_came_from():
    at = datetime(2026, 1, 1, 0, 0, 0, 1, tzinfo=UTC)
    assert keys.make_plain(at) == 1_767_225_600_000_001
    assert keys.make_plain(
        at.astimezone(timezone(timedelta(hours=5, minutes=30)))
    ) == keys.make_plain(at)
    assert keys.make_plain(date(2026, 4, 1)) == "2026-04-01"
    assert keys.make_plain(memoryview(b"x")) == b"x"
    assert (keys.make_plain(True), keys.make_plain(None), keys.make_plain(7)) == (1, None, 7)


def test_a_signature_and_a_digest_depend_on_the_key():
    assert keys.sign(OLD_KEY, ["x"]) != keys.sign(NEW_KEY, ["x"])
    assert keys.digest((OLD_KEY,), "x") != keys.digest((NEW_KEY,), "x")


@pytest.fixture
def synced(monkeypatch):
    """What was synced, by its path at that time."""
    found = []
    fsync = os.fsync

    def note(handle):
        found.append(Path(f"/proc/self/fd/{handle}").readlink())
        fsync(handle)

    monkeypatch.setattr(os, "fsync", note)
    return found


@pytest.mark.parametrize("is_first", [True, False])
def test_a_new_key_is_on_the_disk_under_its_name_before_it_is_used(
    tmp_path, synced, monkeypatch, is_first
):
    path, link = tmp_path / "keys" / "ledger.key", os.link

    def lose(draft, place):
        path.write_text(OLD_TEXT)  # another process has just made it
        link(draft, place)

    if not is_first:
        monkeypatch.setattr(os, "link", lose)
    assert keys.make_key_file(path) is is_first
    assert [file.name for file in path.parent.iterdir()] == ["ledger.key"]
    draft, *folders = synced
    assert draft.parent == path.parent
    assert folders == [path.parent, tmp_path]


def test_what_takes_the_place_of_a_file_is_on_the_disk_before_it_does(tmp_path, synced):
    path = tmp_path / "clock.json"
    private_files.write_private(path, "one")
    private_files.write_private(path, "another")
    assert [each.parent for each in synced] == [tmp_path] * 2
    assert path not in synced
    assert path.read_text() == "another"
