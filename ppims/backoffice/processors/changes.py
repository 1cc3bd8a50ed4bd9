"""Changing a processor, or proposing to; and the hand-over sheet with its password, shown once."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from customers.forms.fields import focus_first
from ppims.backoffice.access import get_posted, open_page, render_form
from ppims.backoffice.processors import forms
from ppims.backoffice.processors.sheet import describe_sheet
from ppims.backoffice.second_factor import ask_code_again
from ppims.core import clock
from ppims.core.errors import Conflict, Refusal, Unavailable
from ppims.models import Processor, ProcessorChange, User
from ppims.services import processor_changes, processors, staff_ties
from ppims.services.accounts import get_staff

METHODS_WITH_POST = ("GET", "POST")
Outcome = ProcessorChange | None


@dataclass(frozen=True)
class Action:
    """What an admin may do to a processor: how it is called, what it leads to, its form, and the
    service; None of it: it counts at once, and `done` says so.
    """

    title: object
    effect: object
    make_form: type[forms.ReasonForm]
    act: Callable[[Processor, dict[str, Any], User], Outcome]
    done: object = ""
    button: object = ""


ACTIONS = {
    "rekey": Action(
        gettext_lazy("New password: %(name)s"),
        gettext_lazy(
            "Once it is approved you are shown the new password, once, on a sheet to hand over."
        ),
        forms.PasswordForm,
        lambda row, said, user: processor_changes.propose_password(
            processor_id=row.pk, user=user, **said
        ),
    ),
    "edit": Action(
        gettext_lazy("Change: %(name)s"),
        gettext_lazy("What is new counts for calls from the approval on."),
        forms.EditForm,
        lambda row, said, user: processor_changes.propose_edit(
            processor_id=row.pk, terms=forms.read_terms(said), reason=said["reason"], user=user
        ),
    ),
    "enable": Action(
        gettext_lazy("Enable: %(name)s"),
        gettext_lazy(
            "Then it may add customers, check and report again, with the password it has."
        ),
        forms.ReasonForm,
        lambda row, said, user: processor_changes.propose_enabling(
            processor_id=row.pk, user=user, **said
        ),
    ),
    "wind-down": Action(
        gettext_lazy("Wind down: %(name)s"),
        gettext_lazy(
            "From now on it may report and read, and neither add a customer nor check. To enable it"
            " again takes two admins."
        ),
        forms.ReasonForm,
        lambda row, said, user: processors.wind_down(processor_id=row.pk, user=user, **said),
        done=gettext_lazy("It is winding down."),
        button=gettext_lazy("Wind down"),
    ),
    "disable": Action(
        gettext_lazy("Disable: %(name)s"),
        gettext_lazy(
            "From now on every call of it is refused, reports of what happened too. To enable it"
            " again takes two admins."
        ),
        forms.ReasonForm,
        lambda row, said, user: processors.disable(processor_id=row.pk, user=user, **said),
        done=gettext_lazy("It is disabled: every call is refused from now on."),
        button=gettext_lazy("Disable"),
    ),
    "end-password": Action(
        gettext_lazy("End the old password: %(name)s"),
        gettext_lazy(
            "From now on the new password alone works. What still uses the old one stops."
        ),
        forms.ReasonForm,
        lambda row, said, user: processors.end_former_password(
            processor_id=row.pk, user=user, **said
        ),
        done=gettext_lazy("The old password works no more."),
        button=gettext_lazy("End the old password"),
    ),
}


@open_page("ppims.propose_processorchange", methods=METHODS_WITH_POST)
@ask_code_again
def processor_new(request: HttpRequest) -> HttpResponse:
    """Propose a new processor."""
    form = forms.NewProcessorForm(None, get_posted(request))

    def propose() -> Outcome:
        return processor_changes.propose_adding(
            processor=form.processor, reason=form.cleaned_data["reason"], user=get_staff(request)
        )

    effect = _("Once it is approved you are shown its password, once, on a sheet to hand over.")
    return _answer(
        request,
        form,
        propose,
        {"title": _("New processor"), "effect": effect, "back": reverse("processors")},
    )


@open_page("ppims.propose_processorchange", methods=METHODS_WITH_POST)
@ask_code_again
def processor_change(request: HttpRequest, processor_id: int, action: str) -> HttpResponse:
    """Do something to a processor that one admin may do, or propose what takes two."""
    if action not in ACTIONS:
        raise Http404
    chosen, row = ACTIONS[action], get_object_or_404(Processor, pk=processor_id)
    form = chosen.make_form(row, get_posted(request))

    def act() -> Outcome:
        return chosen.act(row, form.cleaned_data, get_staff(request))

    shown = {
        "title": str(chosen.title) % {"name": row.name},
        "effect": chosen.effect,
        "button": chosen.button,
        "done": chosen.done,
        "back": reverse("processor", args=[row.pk]),
    }
    return _answer(request, form, act, shown)


@open_page("ppims.propose_processorchange", methods=METHODS_WITH_POST)
@ask_code_again
def processor_sheet(request: HttpRequest, change_id: int) -> HttpResponse:
    """Ask, then make a password and show it in this very answer: no session, message or cookie
    ever holds it, and no second answer.
    """
    changes = ProcessorChange.objects.select_related("processor")
    change, user = get_object_or_404(changes, pk=change_id), get_staff(request)
    obstacle = processor_changes.describe_closed_sheet(change, user, clock.now())
    shown: dict[str, Any] = {"change": change, "obstacle": obstacle}
    if request.method == "POST" and not obstacle:
        try:
            row, password = processor_changes.open_sheet(change_id=change_id, user=user)
            shown |= describe_sheet(request, row, password)
        except Conflict as refusal:
            shown["obstacle"] = refusal.describe()
    status = 422 if request.method == "POST" and shown["obstacle"] else 200
    return render(request, "ppims/processors/sheet.html", shown, status=status)


def _answer(
    request: HttpRequest, form: forms.ReasonForm, act: Callable[[], Outcome], shown: dict[str, Any]
) -> HttpResponse:
    """Show the form, or what is wrong with it; or do it, and say what comes next."""
    focus_first(form)
    if form.is_valid():
        try:
            return _go_on(request, act(), shown)
        except Unavailable:
            raise
        except Refusal as refusal:
            form.refuse(refusal)
    is_alone = staff_ties.list_able_admins(clock.now()) == [get_staff(request)]
    context = {**shown, "is_alone": is_alone}
    return render_form(request, "ppims/processors/form.html", form, context)


def _go_on(request: HttpRequest, change: Outcome, shown: dict[str, Any]) -> HttpResponse:
    if change is None:
        messages.success(request, shown["done"])
        return redirect(shown["back"])
    if change.state != ProcessorChange.State.ALONE:
        messages.success(request, _("Proposed: it waits for another admin, under Approvals."))
        return redirect(shown["back"])
    said = _("It counts, for you are the one admin. A second one is to confirm it.")
    messages.success(request, said)
    if change.kind in processor_changes.NEEDS_PASSWORD:
        return redirect("processor-sheet", change.pk)
    return redirect("processor", change.processor_id)
