"""Proposing a change of the staff; and the one-time password, shown once to who proposed it."""

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _

from customers.forms.fields import focus_first
from ppims.backoffice.access import get_posted, open_page, render_form
from ppims.backoffice.second_factor import ask_code_again
from ppims.backoffice.staff.forms import NewPersonForm, ReasonForm, RoleForm
from ppims.core import clock
from ppims.core.errors import Conflict, Refusal, Unavailable
from ppims.models import ONE_TIME_LASTS, StaffChange, User
from ppims.services import staff_changes, staff_ties
from ppims.services.accounts import get_staff

Kind = StaffChange.Kind
FORM_METHODS = ("GET", "POST")
TITLE_WRITERS: dict[str, Callable[[User], str]] = {
    Kind.ROLE: lambda who: _("Change the role: %(who)s") % {"who": who},
    Kind.RESET: lambda who: _("Reset the password: %(who)s") % {"who": who},
    Kind.FACTOR: lambda who: _("Reset the second factor: %(who)s") % {"who": who},
    Kind.DEACTIVATE: lambda who: _("Deactivate: %(who)s") % {"who": who},
    Kind.ACTIVATE: lambda who: _("Activate: %(who)s") % {"who": who},
}
EFFECT_WRITERS: dict[str, Callable[[], str]] = {
    Kind.ROLE: lambda: _("The new role counts from the next click on, in every open session."),
    Kind.RESET: lambda: _(
        "After the approval you are shown a one-time password, once. From then on the old one"
        " opens nothing."
    ),
    Kind.FACTOR: lambda: _(
        "Every session ends. At the next log-in this person sets up another app, with the password"
        " there is: make sure that you talk to the right one."
    ),
    Kind.DEACTIVATE: lambda: _("Every session ends, and no log-in opens one."),
    Kind.ACTIVATE: lambda: _("The password of before opens again, and so does the role."),
}


@open_page("ppims.propose_staffchange", methods=FORM_METHODS)
@ask_code_again
def staff_add(request: HttpRequest) -> HttpResponse:
    """Propose to add somebody, with one role."""
    user, form = get_staff(request), NewPersonForm(get_posted(request))

    def propose() -> StaffChange:
        reason = form.cleaned_data["reason"]
        return staff_changes.propose_adding(person=form.person, reason=reason, user=user)

    effect = _("After the approval you are shown a one-time password, once, to hand over.")
    return _answer(request, form, propose, title=_("Add a person"), effect=effect)


@open_page("ppims.propose_staffchange", methods=FORM_METHODS)
@ask_code_again
def staff_change(request: HttpRequest, user_id: int, kind: str) -> HttpResponse:
    """Propose another role or password of somebody, or to shut them out or let them in."""
    if kind.upper() not in TITLE_WRITERS:
        raise Http404
    user, person = get_staff(request), get_object_or_404(User, pk=user_id)
    chosen = Kind(kind.upper())
    form: ReasonForm = (RoleForm if chosen == Kind.ROLE else ReasonForm)(get_posted(request))

    def propose() -> StaffChange:
        return staff_changes.propose(
            kind=chosen,
            person_id=person.pk,
            reason=form.cleaned_data["reason"],
            role=form.cleaned_data.get("role", ""),
            user=user,
        )

    title, effect = TITLE_WRITERS[chosen](person), EFFECT_WRITERS[chosen]()
    return _answer(request, form, propose, title=title, effect=effect, person=person)


@open_page("ppims.propose_staffchange", methods=FORM_METHODS)
@ask_code_again
def staff_password(request: HttpRequest, pk: int) -> HttpResponse:
    """Ask, then make and show a one-time password in this very answer: no session, message or
    cookie ever holds it, and no second answer.
    """
    change = get_object_or_404(StaffChange.objects.select_related("person"), pk=pk)
    user, at = get_staff(request), clock.now()
    context: dict[str, Any] = {
        "change": change,
        "hours": int(ONE_TIME_LASTS.total_seconds() // 3600),
        "log_in": request.build_absolute_uri(reverse("login")),
        "obstacle": staff_changes.describe_closed_sheet(change, user, at),
    }
    if request.method != "POST" or context["obstacle"]:
        status = 422 if request.method == "POST" else 200
        return render(request, "ppims/staff/password.html", context, status=status)
    try:
        context["password"] = staff_changes.open_sheet(change_id=pk, user=user)
    except Conflict as refusal:
        context["obstacle"] = refusal.describe()
    status = 200 if "password" in context else 422
    return render(request, "ppims/staff/password.html", context, status=status)


def _answer(
    request: HttpRequest,
    form: ReasonForm,
    propose: Callable[[], StaffChange],
    *,
    title: str,
    effect: str,
    person: User | None = None,
) -> HttpResponse:
    """Show the form, or what is wrong with it; or propose it, and say what comes next."""
    focus_first(form)
    back = reverse("staff-member", args=[person.pk]) if person else reverse("staff")
    if form.is_valid():
        try:
            return _go_on(request, propose(), back)
        except Unavailable:
            raise
        except Refusal as refusal:
            form.refuse(refusal)
    context = {
        "title": title,
        "effect": effect,
        "back": back,
        "is_alone": staff_ties.list_able_admins(clock.now()) == [get_staff(request)],
    }
    return render_form(request, "ppims/staff/form.html", form, context)


def _go_on(request: HttpRequest, change: StaffChange, back: str) -> HttpResponse:
    if change.state != change.State.ALONE:
        said = _("Proposed: it waits for another admin, under Approvals.")
        messages.success(request, said)
        return redirect(back)
    messages.success(
        request, _("It counts, for you are the one admin. A second one is to confirm it.")
    )
    if change.kind in staff_changes.NEEDS_PASSWORD:
        return redirect("staff-password", change.pk)
    return redirect("staff-member", change.person_id)
