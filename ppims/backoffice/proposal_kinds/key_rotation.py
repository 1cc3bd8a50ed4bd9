"""New keys."""

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from ppims.backoffice.proposal_kinds.kind import Changes, Kind
from ppims.models import KeyRotation
from ppims.services import key_rotations


def _summarize(row: KeyRotation) -> str:
    """Say "new document key"."""
    return _("new %(key)s") % {"key": row.get_purpose_display().lower()}


def _list_changes(row: KeyRotation) -> Changes:
    return [(row.get_purpose_display(), row.from_key_id, row.made_key_id or _("A new one"))]


KEY_ROTATION_KIND = Kind(
    "key-rotation",
    gettext_lazy("Key"),
    key_rotations.KEY_PROPOSALS,
    "ppims.propose_keyrotation",
    "ppims.approve_keyrotation",
    _summarize,
    _list_changes,
    key_rotations.find_stale,
    gettext_lazy("Stale: another key is in use by now. It can’t be approved; propose it anew."),
    beside=(),
)
