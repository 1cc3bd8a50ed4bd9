"""Rings: printed by a command, which is never quoted; written anew into a file, whole or not at
all.
"""

import os
import stat

import pytest

from ppims.core import key_sources, keys
from ppims.core.key_sources import Busy, CommandFailed, hold_folder, run_key_command

OLD_TEXT, NEW_TEXT = ("A" * 43 + "=", "Q" * 43 + "=")
OLD_ID, NEW_ID = (keys.Key.from_base64(text).id for text in (OLD_TEXT, NEW_TEXT))
SECRET = "s3cret-of-the-vault"


def make_command(folder, body):
    path = folder / "a vault"
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o700)
    return f"'{path}' ring"


def test_a_command_is_asked_for_a_purpose_and_prints_its_ring(tmp_path):
    command = make_command(
        tmp_path, f'[ "$*" = "ring digest" ] && echo "{OLD_TEXT} next:{NEW_TEXT}"'
    )
    ring = keys.read_ring(run_key_command(command, "digest"))
    assert [(key.id, key.is_next) for key in ring] == [(OLD_ID, False), (NEW_ID, True)]


def test_a_command_is_run_without_a_shell(tmp_path):
    gone = tmp_path / "gone"
    with pytest.raises(CommandFailed):
        run_key_command(f"false; touch {gone}", "digest")
    assert not gone.exists()


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (f"echo {SECRET}; echo {SECRET} >&2; exit 3", "ended with 3"),
        ("exit 0", "printed nothing"),
        (f"printf '\\377{SECRET}'", "printed something else than keys"),
        ("exec sleep 9", "had not ended after 0.2 seconds"),
    ],
)
def test_a_command_that_fails_is_never_quoted(tmp_path, monkeypatch, capfd, body, said):
    monkeypatch.setattr(key_sources, "COMMAND_SECONDS", 0.2)
    with pytest.raises(CommandFailed) as failed:
        run_key_command(make_command(tmp_path, body), "document")
    assert (str(failed.value), failed.value.__cause__) == (said, None)
    assert SECRET not in "".join(capfd.readouterr())


@pytest.mark.parametrize("command", ["/no/such/vault", "'unended", "/"])
def test_what_is_no_command_is_said(command):
    with pytest.raises(CommandFailed, match="can't be run"):
        run_key_command(command, "document")


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "digest.key"
    path.write_text(f"{OLD_TEXT}\n")
    path.chmod(0o600)
    return path


def test_a_key_is_added_as_the_next_put_first_and_taken_out(file):
    for change, before, after in (
        (
            lambda words: key_sources.add_next(words, NEW_TEXT),
            [OLD_TEXT],
            [OLD_TEXT, f"next:{NEW_TEXT}"],
        ),
        (
            lambda words: key_sources.put_first(words, NEW_ID),
            [OLD_TEXT, f"next:{NEW_TEXT}"],
            [NEW_TEXT, OLD_TEXT],
        ),
        (lambda words: key_sources.take_out(words, OLD_ID), [NEW_TEXT, OLD_TEXT], [NEW_TEXT]),
    ):
        key_sources.rewrite_key_file(file, change, expected=key_sources.name_keys(before))
        assert file.read_text().split() == after
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert list(file.parent.iterdir()) == [file]


def test_a_file_that_is_another_by_now_is_left_alone(file):
    with pytest.raises(Busy):
        key_sources.rewrite_key_file(file, lambda _: [NEW_TEXT], expected=[(NEW_ID, False)])
    assert file.read_text() == f"{OLD_TEXT}\n"


def test_a_change_that_fails_leaves_the_file_and_nothing_beside_it(file, monkeypatch):
    monkeypatch.setattr(os, "fsync", lambda _: (_ for _ in ()).throw(OSError("disk full")))
    with pytest.raises(OSError, match="disk full"):
        key_sources.rewrite_key_file(file, lambda _: [NEW_TEXT], expected=[(OLD_ID, False)])
    assert (file.read_text(), list(file.parent.iterdir())) == (f"{OLD_TEXT}\n", [file])


@pytest.mark.skipif(os.geteuid() != 0, reason="only root writes for others")
def test_what_root_rewrites_stays_the_servers_file(file):
    os.chown(file, 1234, 1234)
    key_sources.rewrite_key_file(
        file, lambda words: key_sources.add_next(words, NEW_TEXT), expected=[(OLD_ID, False)]
    )
    found = file.stat()
    assert (found.st_uid, found.st_gid, stat.S_IMODE(found.st_mode)) == (1234, 1234, 0o600)


def test_one_at_a_time_changes_the_keys_of_a_folder(tmp_path):
    with hold_folder(tmp_path), pytest.raises(Busy), hold_folder(tmp_path):
        pass
    with hold_folder(tmp_path):
        pass


def test_a_drawn_key_is_a_key_and_another_each_time():
    assert len({keys.Key.from_base64(key_sources.draw_key()).id for _ in range(3)}) == 3
