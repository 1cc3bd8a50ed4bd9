"""Keys: where each stands and what needs it, and the proposal of a new one. None is shown: names
alone.
"""

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _

from customers.forms.fields import focus_first
from ppims.backoffice.access import get_posted, open_page, render_form
from ppims.backoffice.second_factor import ask_code_again
from ppims.backoffice.staff.forms import ReasonForm
from ppims.core import clock
from ppims.core.errors import Refusal, Unavailable
from ppims.models import KeyRotation
from ppims.reports import keys as report
from ppims.services import key_rotations, staff_ties
from ppims.services.accounts import get_staff

Purpose = KeyRotation.Purpose


@open_page("ppims.propose_keyrotation")
def keys(request: HttpRequest) -> HttpResponse:
    """List the keys of each ring, as of the last count, and what is on its way."""
    open_by_purpose = {row.purpose: row for row in KeyRotation.objects.filter(KeyRotation.OPEN)}
    keys_by_purpose = report.list_keys()
    counts = [line.counted_at for ring in keys_by_purpose.values() for line in ring]
    context = {
        "rings": [
            {"purpose": Purpose(purpose), "lines": ring, "is_free": purpose not in open_by_purpose}
            for purpose, ring in keys_by_purpose.items()
        ],
        "open": [
            (
                row,
                report.describe_next_step(row),
                reverse("approval", args=["key-rotation", row.pk]),
            )
            for row in open_by_purpose.values()
        ],
        "counted_at": max(filter(None, counts), default=None),
    }
    return render(request, "ppims/keys/keys.html", context)


@open_page("ppims.propose_keyrotation", methods=("GET", "POST"))
@ask_code_again
def key_new(request: HttpRequest, purpose: str) -> HttpResponse:
    """Propose a new key for a purpose."""
    if purpose not in Purpose.values:
        raise Http404
    user, form = get_staff(request), ReasonForm(get_posted(request))
    focus_first(form)
    if form.is_valid():
        try:
            rotation = key_rotations.propose(
                purpose=purpose, reason=form.cleaned_data["reason"], user=user
            )
        except Unavailable:
            raise
        except Refusal as refusal:
            form.refuse(refusal)
        else:
            messages.success(request, _describe_proposed(rotation))
            return redirect("keys")
    context = {
        "ring": str(Purpose(purpose).label).lower(),
        "lasts": report.LASTING_NEEDS.get(purpose, ""),
        "is_alone": staff_ties.list_able_admins(clock.now()) == [user],
    }
    return render_form(request, "ppims/keys/new.html", form, context)


def _describe_proposed(rotation: KeyRotation) -> str:
    if rotation.state == rotation.State.ALONE:
        return _("It counts, for you are the one admin. A second one is to confirm it.")
    return _("Proposed: it waits for another admin, under Approvals.")
