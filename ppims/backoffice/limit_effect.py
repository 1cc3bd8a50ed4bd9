"""What a change of limits would have done, as its page shows it; and asking for it."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from limits.forms import EffectForm
from limits.models import RuleSet
from limits.services.what_if import MOST_MONTHS
from ppims.backoffice import labels
from ppims.backoffice.access import is_fragment, open_page
from ppims.backoffice.jobs import JobLine, make_job_line, write_poll_address
from ppims.backoffice.transaction_rows import write_customer_address
from ppims.core import clock
from ppims.core.errors import Conflict
from ppims.core.formats import write_month
from ppims.models import Job, Processor, User
from ppims.services import jobs
from ppims.services.accounts import get_staff

PROPOSE_PERMISSION = "limits.add_limitrule"
CHANGE_NAMES = {False: _("Newly declined"), True: _("Newly let through")}
EFFECT_TEMPLATE = "limits/effect.html"


class Line(NamedTuple):
    """Sums of one KYC at one processor, or of all."""

    tier: str
    processor: str
    change: str
    checks: int
    customers: int
    paise: int


class Largest(NamedTuple):
    """One of the largest checks that would have been answered otherwise."""

    paise: int
    change: str
    check_address: str
    customer: int
    customer_address: str


@dataclass(frozen=True)
class ShownEffect:
    """What is known of a change's effect: what was found, empty where nothing was, and the job that
    was asked for last.
    """

    rule_set: RuleSet
    found: Mapping[str, Any]
    job: Job | None
    names: Mapping[int, str]

    @property
    def is_waiting(self) -> bool:
        return self.rule_set.state == RuleSet.State.PROPOSED

    @property
    def form(self) -> EffectForm:
        return EffectForm()

    @property
    def poll(self) -> str:
        """The address that the page asks by itself until the job has ended."""
        if not (self.job and self.job.is_open):
            return ""
        return write_poll_address(reverse("limits-effect", args=[self.rule_set.pk]))

    @property
    def line(self) -> JobLine | None:
        return make_job_line(self.job, clock.now()) if self.job else None

    @property
    def has_failed(self) -> bool:
        return bool(self.job and self.job.state == Job.State.FAILED)

    @property
    def months(self) -> str:
        """Say over which months: "Sep 2026 to Nov 2026"."""
        first, last = self.found["months"][0], self.found["months"][-1]
        if first == last:
            return write_month(first)
        return gettext("%(first)s to %(last)s") % {
            "first": write_month(first),
            "last": write_month(last),
        }

    @property
    def until(self) -> datetime:
        return datetime.fromisoformat(self.found["until"])

    @property
    def totals(self) -> list[Line]:
        """List the sums of all: what was newly declined, what was newly let through."""
        return [
            Line("", "", str(CHANGE_NAMES[is_let_through]), **self.found[name])
            for name, is_let_through in (("declined", False), ("let_through", True))
        ]

    @property
    def lines(self) -> list[Line]:
        sums = ("checks", "customers", "paise")
        return [
            Line(
                labels.name_tier(each["tier"]),
                self.names.get(each["processor"], str(each["processor"])),
                str(CHANGE_NAMES[each["is_let_through"]]),
                **{name: each[name] for name in sums},
            )
            for each in self.found["lines"]
        ]

    @property
    def largest(self) -> Sequence[Largest]:
        return [
            Largest(
                each["paise"],
                str(CHANGE_NAMES[each["is_let_through"]]),
                reverse("transaction", args=["check", each["check"]]),
                each["customer"],
                write_customer_address(each["customer"]),
            )
            for each in self.found["largest"]
        ]


def read_effect(rule_set: RuleSet) -> ShownEffect:
    """Read what is known of a change's effect, and how far its job is."""
    asked = [_write_arguments(rule_set.pk, months) for months in range(1, MOST_MONTHS + 1)]
    names = dict(Processor.objects.values_list("pk", "system_id")) if rule_set.effect else {}
    found = json.loads(rule_set.effect or "{}")
    return ShownEffect(rule_set, found, jobs.find_newest(Job.Kind.WHAT_IF, *asked), names)


def ask_for_effect(rule_set: RuleSet, *, months: int, user: User) -> bool:
    """Ask for it to be worked out; False: too much of theirs waits already."""
    try:
        jobs.ask(Job.Kind.WHAT_IF, owner=user, arguments=_write_arguments(rule_set.pk, months))
    except Conflict:
        return False
    return True


@open_page("limits.view_limitrule", methods=["GET", "POST"])
def limits_effect(request: HttpRequest, pk: int) -> HttpResponse:
    """Show how far it is, in the page that asks; or ask for it to be worked out anew."""
    rule_set = get_object_or_404(RuleSet, pk=pk)
    if request.method == "POST":
        return _ask(request, rule_set)
    if not is_fragment(request):
        return redirect("approval", "limit-change", pk)
    may_ask = get_staff(request).has_perm(PROPOSE_PERMISSION)
    context = {"it": read_effect(rule_set), "may_ask": may_ask}
    return render(request, EFFECT_TEMPLATE, context)


def _ask(request: HttpRequest, rule_set: RuleSet) -> HttpResponse:
    user = get_staff(request)
    if not user.has_perm(PROPOSE_PERMISSION):
        raise PermissionDenied
    form = EffectForm(request.POST)
    if rule_set.state != RuleSet.State.PROPOSED:
        messages.error(request, _("It is decided already: what it would have done stays as it is."))
    elif not form.is_valid():
        messages.error(request, _("Choose over how many months."))
    elif not ask_for_effect(rule_set, months=form.cleaned_data["months"], user=user):
        messages.error(request, _("Too much of yours waits already: try again when it is done."))
    return redirect("approval", "limit-change", rule_set.pk)


def _write_arguments(rule_set_id: int, months: int) -> dict[str, object]:
    return {"rule_set": rule_set_id, "months": months}
