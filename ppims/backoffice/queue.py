"""What the queues share of things that wait for staff: a list of them, the decision on one, and the
way on to the next.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from ppims.backoffice.access import get_posted, render_form, respond
from ppims.backoffice.filters import CURSOR_NAME, write_next_query
from ppims.backoffice.labels import lower_first
from ppims.core.errors import Conflict, Malformed
from ppims.core.free_text import validate
from ppims.models import LONGEST_NOTE, User
from ppims.reports.keyset import Page, Position
from ppims.reports.queue_place import OLDEST_POSITION, Look, Place, find_place
from ppims.services.accounts import get_staff

T = TypeVar("T")
LIST_TEMPLATE = "ppims/queue.html"
# Of a list's address: those that are done with; or, for whoever works on them, the oldest at once.
DONE_PARAMETER, OLDEST_PARAMETER = "done", "oldest"
ONLY_NOTED = "only_note"


@dataclass(frozen=True)
class Queue:
    """What waits in one list: `look` finds it from a position on, before `find_start()` none is;
    `permission` is of those who work on it. `said` says what was decided; where `takes_notes`, one
    may be noted and go on waiting.
    """

    list_name: str
    permission: str
    look: Look
    write_address: Callable[[Position], str]
    find_start: Callable[[], Position] = lambda: OLDEST_POSITION
    said: object = gettext_lazy("Closed: %(finding)s.")
    takes_notes: bool = True


@dataclass(frozen=True)
class Column:
    """A column of a list after the first: what stands above it, and how it is set."""

    label: object
    style: str = ""


@dataclass(frozen=True)
class ListRow:
    """One of a list: its address, what it is, and what stands in each other column."""

    address: str
    title: str
    values: Sequence[object]
    badge: str = ""
    warning: str = ""


@dataclass(frozen=True)
class Choice:
    """One of what a thing may be found to be, and what that leads to."""

    value: str
    label: object
    effect: object

    @property
    def id(self) -> str:
        """Name its radio button in a page."""
        return f"id_finding_{self.value.lower()}"


@dataclass(frozen=True)
class ShownList:
    """A list as it is drawn: how it, its first column and the others are called, its rows, and how
    those are called that are done with.
    """

    title: object
    first: object
    columns: Sequence[Column]
    rows: Sequence[ListRow]
    done: object = gettext_lazy("Closed")


class DecisionForm(forms.Form):
    """What it is, by choice, and what was found out; or the note alone, which decides nothing."""

    finding = forms.ChoiceField(label=gettext_lazy("What is it?"), required=False)
    note = forms.CharField(
        label=gettext_lazy("Note"),
        max_length=LONGEST_NOTE,
        validators=[validate],
        error_messages={"required": gettext_lazy("Write what you found out.")},
        widget=forms.Textarea(attrs={"rows": 3}),
    )

    def __init__(self, data: Any, choices: Sequence[Choice], *, takes_notes: bool) -> None:
        super().__init__(data)
        self.takes_notes = takes_notes
        field = self.fields["finding"]
        assert isinstance(field, forms.ChoiceField)
        field.choices = [(each.value, each.label) for each in choices]
        field.error_messages["invalid_choice"] = _("Choose what it is.")
        field.widget.attrs["id"] = choices[0].id  # an error's link leads to the first of them

    def clean_finding(self) -> str:
        if self.takes_notes and ONLY_NOTED in self.data:
            return ""
        found = str(self.cleaned_data["finding"])
        if not found:
            raise forms.ValidationError(_("Choose what it is."))
        return found


def read_list(report: Callable[[str], Page[T]], request: HttpRequest) -> Page[T]:
    """Read the page of a list that the address asks for."""
    return report(request.GET.get(CURSOR_NAME, ""))


def respond_with_list(
    request: HttpRequest, shown: ShownList, found: Page[Any], *, is_done: bool
) -> HttpResponse:
    """Show a page of what waits, or of what is done with; htmx gets its rows alone."""
    return respond(
        request,
        LIST_TEMPLATE,
        {
            "shown": shown,
            "rows": [
                (row, list(zip(shown.columns, row.values, strict=True))) for row in shown.rows
            ],
            "is_done": is_done,
            "is_cut_short": found.is_cut_short,
            "more": write_next_query(found, {DONE_PARAMETER: "1"} if is_done else {}),
        },
        partial="rows",
    )


def find_oldest(request: HttpRequest, queue: Queue) -> str:
    """Find the address of the oldest that waits, where it is asked for by whoever works on it; ""
    where it is not, or none waits.
    """
    if OLDEST_PARAMETER not in request.GET or not get_staff(request).has_perm(queue.permission):
        return ""
    first = find_place(queue.look, queue.find_start(), OLDEST_POSITION).next
    return queue.write_address(first) if first else ""


def describe_place(user: User, queue: Queue, here: Position) -> dict[str, str]:
    """Say to whoever works on a queue where one is in it, "3 of 8", and what comes next."""
    if not user.has_perm(queue.permission):
        return {}
    place = find_place(queue.look, queue.find_start(), here)
    return {
        "place": write_place(place),
        "next_address": queue.write_address(place.next) if place.next else "",
    }


def write_place(place: Place) -> str:
    """Write a place: "3 of 8", "3 of more than 1,000"."""
    numbers = {"number": f"{place.number or 0:,}", "count": f"{place.count:,}"}
    if not place.is_more:
        return _("%(number)s of %(count)s") % numbers if place.number else ""
    if place.number is None:
        return _("one of more than %(count)s") % numbers
    return _("%(number)s of more than %(count)s") % numbers


def go_on(queue: Queue, here: Position) -> HttpResponse:
    """Lead from one that is done with to the next that waits; to the list, where none does."""
    following = find_place(queue.look, queue.find_start(), here).next
    return redirect(queue.write_address(following) if following else queue.list_name)


def require_to_send(request: HttpRequest, permission: str) -> User:
    """Let whoever may read look, and only who has the permission send: the person."""
    user = get_staff(request)
    if request.method == "POST" and not user.has_perm(permission):
        raise PermissionDenied
    return user


def respond_with_item(
    request: HttpRequest,
    template: str,
    queue: Queue,
    here: Position,
    *,
    choices: Sequence[Choice],
    decide: Callable[[str, str], object],
    describe: Callable[[], dict[str, Any]],
    send_aside: Callable[[str, str], str] = lambda chosen, note: "",
) -> HttpResponse:
    """Show one of a queue, and take a note, or a decision, which leads on to the next. `decide`
    keeps what was chosen ("": nothing) and noted; `describe` says what the page shows of it.
    `send_aside` gives the address of what has to be done before it can be decided so; "": nothing.
    """
    user = get_staff(request)
    form = DecisionForm(get_posted(request), choices, takes_notes=queue.takes_notes)
    if form.is_valid():
        aside = send_aside(form.cleaned_data["finding"], form.cleaned_data["note"])
        if aside:
            return redirect(aside)
    if form.is_valid() and (chosen := _keep(form, decide)) is not None:
        messages.success(request, _describe_done(chosen, choices, queue))
        return go_on(queue, here) if chosen else redirect(request.path)
    shown = describe()
    return render_form(
        request,
        template,
        form,
        {
            **shown,
            **({} if shown["is_closed"] else describe_place(user, queue, here)),
            "choices": choices,
            "may_decide": user.has_perm(queue.permission),
            "takes_notes": queue.takes_notes,
            "list_address": reverse(queue.list_name),
        },
    )


def _keep(form: DecisionForm, decide: Callable[[str, str], object]) -> str | None:
    """Keep what was filled in: what was chosen. None: it was refused, and the form says why."""
    chosen = str(form.cleaned_data["finding"])
    try:
        decide(chosen, form.cleaned_data["note"])
    except (Conflict, Malformed) as refusal:
        form.add_error(None, refusal.describe())
        return None
    return chosen


def _describe_done(chosen: str, choices: Sequence[Choice], queue: Queue) -> str:
    if not chosen:
        return _("The note is kept.")
    label = next(str(each.label) for each in choices if each.value == chosen)
    return str(queue.said) % {"finding": lower_first(label)}
