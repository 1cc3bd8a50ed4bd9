"""Changes of people of the staff."""

from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from ppims.backoffice.audit_text import say_staff_change
from ppims.backoffice.proposal_kinds.kind import Changes, Kind
from ppims.core import clock
from ppims.core.formats import NO_VALUE, mask_email
from ppims.models import StaffChange, User
from ppims.services import staff_changes


def _summarize(row: StaffChange) -> str:
    return say_staff_change(row.kind, row.username, row.from_role, row.to_role)


def _list_changes(row: StaffChange) -> Changes:
    kind = StaffChange.Kind
    active = (_("Not active"), _("Active"))
    if row.kind == kind.ROLE:
        return [(_("Role"), row.from_role or NO_VALUE, row.to_role)]
    if row.kind == kind.RESET:
        return [(_("Password"), _("Their own"), _("For one log-in"))]
    if row.kind == kind.FACTOR:
        return [(_("Second factor"), _("Set up"), _("None, until the next log-in"))]
    if row.kind == kind.DEACTIVATE:
        return [(_("Status"), active[1], active[0])]
    if row.kind == kind.ACTIVATE:
        return [(_("Status"), active[0], active[1]), (_("Role"), row.from_role, row.from_role)]
    name = f"{row.first_name} {row.last_name}".strip()
    return [
        (_("Username"), NO_VALUE, row.username),
        (_("Name"), NO_VALUE, name or NO_VALUE),
        (_("Email"), NO_VALUE, mask_email(row.email) if row.email else NO_VALUE),
        (_("Role"), NO_VALUE, row.to_role),
    ]


def _write_hand_over(row: StaffChange, user: User) -> str:
    if staff_changes.describe_closed_sheet(row, user, clock.now()):
        return ""
    return reverse("staff-password", args=[row.pk])


STAFF_KIND = Kind(
    "staff",
    gettext_lazy("Staff"),
    staff_changes.STAFF_PROPOSALS,
    "ppims.propose_staffchange",
    "ppims.approve_staffchange",
    _summarize,
    _list_changes,
    staff_changes.find_stale,
    gettext_lazy(
        "Stale: this person is no longer as when it was proposed. It can’t be approved; propose it"
        " anew."
    ),
    beside=("person",),
    subject="person",
    hand_over=_write_hand_over,
)
