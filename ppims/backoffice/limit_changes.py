"""Changing limits: one limit by a form, or what differs in a pack; and what it would have done."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _

from limits import queries
from limits.forms import ChangeLimitsForm, EffectForm
from limits.models import LimitRule
from limits.services import rules
from limits.services.rules import Proposal
from ppims.backoffice.access import get_posted, open_page, render_form
from ppims.backoffice.limit_effect import PROPOSE_PERMISSION, ask_for_effect
from ppims.core import clock
from ppims.core.errors import Refusal, Unavailable
from ppims.core.formats import ist_start
from ppims.services.accounts import get_staff

METHODS_WITH_POST = ("GET", "POST")


@dataclass(frozen=True)
class Difference:
    """One limit that a pack would change: what it is about, what is in force, what it would be
    and from when on, where that is said.
    """

    what: str
    before: str
    after: str
    start: str
    source: str


@open_page(PROPOSE_PERMISSION, methods=METHODS_WITH_POST)
def change_limits(request: HttpRequest) -> HttpResponse:
    """Propose one limit for some KYC and directions, as one change; or choose a pack."""
    at = clock.now()
    form = ChangeLimitsForm(get_posted(request), at=at)
    if form.is_valid():
        proposals = rules.pick_different(form.list_proposals(), at)
        if not proposals:
            form.add_error(None, _("That is in force then already: change something, or cancel."))
        elif proposed := _propose(request, form, proposals):
            return proposed
    context = {"packs": rules.list_packs()}
    return render_form(request, "limits/change.html", form, context)


@open_page(PROPOSE_PERMISSION, methods=METHODS_WITH_POST)
def limits_pack(request: HttpRequest, name: str) -> HttpResponse:
    """Show a pack as differences from what is in force, and propose all of them as one change."""
    pack = next((pack for pack in rules.list_packs() if pack.name == name), None)
    if pack is None:
        raise Http404
    form, at = EffectForm(get_posted(request)), clock.now()
    proposals = rules.pick_different(pack.proposals, at)
    unsaved = [_make_unsaved(number, each) for number, each in enumerate(proposals, start=1)]
    if form.is_valid():
        if not proposals:
            form.add_error(None, _("All of it is in force already."))
        elif proposed := _propose(request, form, proposals, pack=pack.name):
            return proposed
    context = {
        "pack": pack,
        "differences": list_differences(unsaved, at),
        "same": len(pack.proposals) - len(proposals),
        "warning": rules.describe_late(unsaved, at),
    }
    return render_form(request, "limits/pack.html", form, context)


def list_differences(proposed: Sequence[LimitRule], at: datetime) -> list[Difference]:
    """List what each rule would take the place of."""
    befores = queries.find_rules_before(proposed, at)
    return [
        Difference(
            str(rule),
            before.amount_text if (before := befores[rule.pk]) else _("No rule"),
            rule.amount_text,
            ist_start(rule.in_force_from) if rule.in_force_from else "",
            rule.source,
        )
        for rule in proposed
    ]


def _make_unsaved(number: int, proposal: Proposal) -> LimitRule:
    return LimitRule(pk=-number, **asdict(proposal))


def _propose(
    request: HttpRequest, form: EffectForm, proposals: Sequence[Proposal], *, pack: str = ""
) -> HttpResponse | None:
    """Propose, have it worked out what it would have done, and lead to the proposal; None: it is
    refused, which the form says.
    """
    user = get_staff(request)
    try:
        rule_set = rules.propose(proposals=proposals, user=user, pack=pack)
    except Unavailable:
        raise
    except Refusal as refusal:
        form.add_error(None, refusal.describe())
        return None
    messages.success(request, _("It is proposed: another admin approves it, under Approvals."))
    if not ask_for_effect(rule_set, months=form.cleaned_data["months"], user=user):
        messages.warning(request, _("Too much of yours waits already to show its effect now."))
    return redirect("approval", "limit-change", rule_set.pk)
