"""What a Ref_Id said, as a short keyed digest of each field: enough to tell in which fields a
repeat differs, and nothing of a person. Pure.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import cache

from ppims.core import keys

DIGEST_BYTES = 6
ABSENT_DIGEST = bytes(DIGEST_BYTES)
_framed_name = cache(keys.frame_text)


def digest_fields(ring: keys.Ring, ref_id: str, content: Mapping[str, str | None]) -> bytes:
    """Digest each field of what a call says: DIGEST_BYTES each, in order."""
    begun = keys.begin_digest(ring, ref_id, size=DIGEST_BYTES)
    digests = []
    for name, text in content.items():
        if text is None:
            digests.append(ABSENT_DIGEST)
        else:
            digest = begun.copy()
            digest.update(_framed_name(name) + keys.frame_text(text))
            digests.append(digest.digest())
    return b"".join(digests)


def list_differing_by_any(
    names: Sequence[str], first: bytes, now: bytes, digest_by_older: Callable[[], Sequence[bytes]]
) -> list[str]:
    """Name the fields in which what is said now differs from what was said first, digested by
    whichever key. By the right one fewest differ: a field that says the same, or is absent, is the
    same by it.
    """
    differing = list_differing(names, first, now)
    if differing:
        others = (list_differing(names, first, each) for each in digest_by_older())
        differing = min([differing, *others], key=len)
    return differing


def list_differing(names: Sequence[str], first: bytes, now: bytes) -> list[str]:
    """Name the fields in which what is said now differs from what was said first."""
    # A field that the operation has gained since the first call was absent from it.
    first = first.ljust(len(now), b"\0")
    places = [slice(i, i + DIGEST_BYTES) for i in range(0, len(now), DIGEST_BYTES)]
    return [name for name, at in zip(names, places, strict=True) if first[at] != now[at]]
