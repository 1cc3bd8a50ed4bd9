"""Signed rows and chains of them: how a row is signed, and what is wrong with one that was changed
since. It knows values, keys and macs, but no model and no connection.

A row is signed over its values. A link of a chain is signed over the mac of the link before it too:
so no link can be changed, dropped or moved without a trace. A head is a signed row that says how
far its chain goes: so nobody can cut the end off.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Literal

from ppims.core.keys import Key, Plain, sign

# What a signature is of: a mac of one kind proves nothing of another.
Kind = Literal["check", "entry", "head", "seal", "audit", "audit head"]
KeysByName = Mapping[str, Key]
VERSION_WITH_REF_ID = 3  # since then checks and entries are signed with what their Ref_Id said


def sign_row(key: Key, kind: Kind, values: Sequence[Plain], said: bytes | None = None) -> bytes:
    """Sign a row that is no link, or a head.

    `said` is what the row's Ref_Id said (ReplayKey.digests). It is None where a kind has no Ref_Id,
    and of rows from before version 3.
    """
    if said is None:
        return sign(key, (kind, *values))
    return sign(key, (kind, *values, said), VERSION_WITH_REF_ID)


def sign_link(
    key: Key, kind: Kind, values: Sequence[Plain], previous: bytes, said: bytes | None = None
) -> bytes:
    """Sign a link of a chain. `previous` is the mac of the link before it, of the first b""."""
    return sign_row(key, kind, (previous, *values), said)


def find_mac_problem(
    ring: KeysByName,
    key_id: str,
    mac: bytes,
    sign_again: Callable[[Key], bytes],
    *,
    name: str = "its mac",
    cause: str | None = None,
) -> str | None:
    """Say what is wrong with a signature. `cause` is why a mac may differ: it is said instead."""
    if key_id not in ring:
        return describe_missing_key(key_id)
    expected = sign_again(ring[key_id])
    return None if expected == mac else cause or describe_difference(name, mac, expected)


def find_head_problem(
    ring: KeysByName, kind: Kind, head: Sequence[Any], parts: Iterable[tuple[str, Any, Any]]
) -> str | None:
    """Say what is wrong with a head, whose last columns are its key's name and its mac.

    `parts` are what it says of its chain, each with its name and with what the chain came to.
    Nothing and 0 are the same.
    """
    for name, kept, came in parts:
        if (kept or 0) != (came or 0):
            return describe_difference(name, kept, came)
    *values, key_id, mac = head
    return find_mac_problem(ring, key_id, mac, lambda key: sign_row(key, kind, values))


class Walk:
    """Follows the signed rows of one owner in the order of their numbers, which begin at 1.

    `count` is the number of the newest row, `last_mac` its mac.
    """

    def __init__(
        self, ring: KeysByName, kind: Kind, *, is_linked: bool = True, mac_name: str = "mac"
    ) -> None:
        self._ring, self._kind, self._is_linked = ring, kind, is_linked
        self._mac_name = f"its {mac_name}"
        self.count, self.last_mac = 0, b""

    def follow(
        self,
        values: Sequence[Plain],
        number: int,
        key_id: str,
        mac: bytes,
        *,
        said: bytes | None = None,
        cause: str | None = None,
    ) -> str | None:
        """Take the next row; say what is wrong with its number, its key or its mac."""
        # A row that is wrong is taken too: else all that come after it would be found wrong.
        expected, self.count = self.count + 1, number
        previous, self.last_mac = self.last_mac, mac
        if number != expected:
            return describe_difference("its number", number, expected)
        signed = (previous, *values) if self._is_linked else values
        return find_mac_problem(
            self._ring,
            key_id,
            mac,
            lambda key: sign_row(key, self._kind, signed, said),
            name=self._mac_name,
            cause=cause,
        )


def describe_missing_key(key_id: object) -> str:
    return f"its key {key_id} is not at hand"


def describe_difference(what: str, found: object, expected: object) -> str:
    """Say what was found and what was expected; bytes in hexadecimal."""
    texts = [v.hex() if isinstance(v, bytes) else str(v) for v in (found, expected)]
    return f"{what} is {texts[0]}, expected {texts[1]}"
