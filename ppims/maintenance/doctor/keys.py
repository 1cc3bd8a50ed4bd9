"""The keys: those that the data need are at hand, and no rotation was left half-way."""

from collections.abc import Iterator
from datetime import datetime

from ppims.core.formats import name_count
from ppims.maintenance.doctor.files import KEYS_LOST
from ppims.maintenance.doctor.findings import Finding, approve, refuse, warn
from ppims.models import KeyRotation
from ppims.reports import keys as key_lines
from ppims.services import key_usage


def check_keys(at: datetime) -> Iterator[Finding]:
    """Check that each key in use is at hand, in its place."""
    in_use = key_usage.list_keys_in_use()
    if missing := key_usage.list_missing(in_use):
        yield refuse("keys.in_use", f"not at hand: {', '.join(missing)}", KEYS_LOST)
    else:
        yield approve("keys.in_use", f"{name_count(len(in_use), 'key')} in use, all at hand")


def check_rotations(at: datetime) -> Iterator[Finding]:
    """Check that no rotation of keys is half-way, and that no next key waits without one."""
    open_ones = {each.purpose: each for each in KeyRotation.objects.filter(KeyRotation.OPEN)}
    for purpose, rotation in open_ones.items():
        said = f"the {purpose} key is being changed"
        yield warn("keys.rotation", said, key_lines.describe_next_step(rotation))
    if not open_ones:
        yield approve("keys.rotation", "no key is being changed")
    waiting = [
        f"{purpose} {key.id}"
        for purpose, ring in key_usage.list_rings().items()
        for key in ring
        if key.is_next and purpose not in open_ones
    ]
    if waiting:
        mend = "propose the new key under Settings, Keys, or take it out of its ring"
        yield warn(
            "keys.next", f"marked next:, and nobody changes to it: {', '.join(waiting)}", mend
        )
