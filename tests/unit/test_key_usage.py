"""Which keys a database needs, and what of them is missing."""

import pytest

from ppims.core import keys
from ppims.services import key_usage

FIRST_TEXT, SECOND_TEXT, THIRD_TEXT = (letter * 43 + "=" for letter in "AQg")
FIRST_ID, SECOND_ID, _ = (
    keys.Key.from_base64(text).id for text in (FIRST_TEXT, SECOND_TEXT, THIRD_TEXT)
)


@pytest.mark.parametrize(
    ("written_by", "ring", "missing"),
    [
        ([], FIRST_TEXT, []),
        ([FIRST_ID], FIRST_TEXT, []),
        ([FIRST_ID], f"{FIRST_TEXT} next:{SECOND_TEXT}", []),
        ([FIRST_ID, SECOND_ID], f"{FIRST_TEXT} next:{SECOND_TEXT}", []),
        ([FIRST_ID, SECOND_ID], f"{SECOND_TEXT} {FIRST_TEXT}", []),
        ([FIRST_ID, SECOND_ID], f"{SECOND_TEXT} {FIRST_TEXT} next:{THIRD_TEXT}", []),
        # A key that nothing was found by yet, and one that not everything is found by any more.
        ([FIRST_ID], f"{SECOND_TEXT} {FIRST_TEXT}", [f"{FIRST_ID} as the first of its ring"]),
        (
            [FIRST_ID, SECOND_ID],
            f"{FIRST_TEXT} {SECOND_TEXT}",
            [f"{SECOND_ID} as the first of its ring"],
        ),
        ([FIRST_ID], SECOND_TEXT, [FIRST_ID]),
        ([FIRST_ID, SECOND_ID], SECOND_TEXT, [FIRST_ID]),
        ([FIRST_ID, SECOND_ID], FIRST_TEXT, [SECOND_ID]),
    ],
)
def test_the_newest_digest_key_is_the_first_or_the_next_and_no_other_is_missing(
    settings, written_by, ring, missing
):
    settings.PPIMS_DIGEST_KEYS = keys.read_ring(ring)
    names = [f"digest {key_id}" for key_id in written_by]
    assert key_usage.list_missing(names) == [f"digest {each}" for each in missing]


@pytest.mark.parametrize("purpose", ["document", "ledger"])
def test_other_keys_may_stand_anywhere_in_their_ring(settings, purpose):
    ring = keys.read_ring(f"{SECOND_TEXT} {FIRST_TEXT}")
    setattr(settings, f"PPIMS_{purpose.upper()}_KEYS", ring)
    assert key_usage.list_missing([f"{purpose} {FIRST_ID}"]) == []
    assert key_usage.list_missing([f"{purpose} 00000000"]) == [f"{purpose} 00000000"]


@pytest.mark.django_db
def test_a_session_key_is_recorded_and_never_missed(settings):
    key_usage.record_use()
    assert key_usage.KeyInUse.objects.filter(purpose="session").count() == 1
    settings.PPIMS_SESSION_KEYS = keys.read_ring(FIRST_TEXT)
    assert key_usage.list_missing(key_usage.list_keys_in_use()) == []
