"""The page Demo: a stand-in's clock, its next answers, its people, its traffic, and the way back to
its start. A section is a template in templates/ppims/demo, and its forms' lines in CONTROLS.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.core.exceptions import BadRequest
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _

from ppims.backoffice.access import open_page
from ppims.backoffice.demo.forms import (
    DONE,
    ClearForm,
    ControlForm,
    EndForm,
    NextAnswerForm,
    TimeForm,
)
from ppims.core import clock
from ppims.core.errors import Refusal, Unavailable
from ppims.core.formats import write_ist_second
from ppims.demo import next_answers, turned_clock
from ppims.demo.next_answers import Answer, NextAnswer
from ppims.demo.turned_clock import End
from ppims.models import Processor, User
from ppims.services.accounts import get_staff

SECONDS_BEFORE_AN_END = 10
Cleaned = dict[str, Any]


@dataclass(frozen=True)
class Control:
    """One form of the page: what it does with what is filled in and for whom, and returns what is
    said of it.
    """

    form: type[ControlForm]
    use: Callable[[Cleaned, User], str]


def demo(request: HttpRequest) -> HttpResponseBase:
    """Show the controls of a demo, and use them. There is no such page anywhere else."""
    if not settings.PPIMS_STAND_IN:
        raise Http404
    return _answer(request)


@open_page(methods=("GET", "POST"))
def _answer(request: HttpRequest) -> HttpResponse:
    name = request.POST.get("control", "")
    if request.method == "POST" and name not in CONTROLS:
        raise BadRequest("no such control")
    forms = {
        each: control.form(request.POST if each == name else None, auto_id=f"id_{each}_%s")
        for each, control in CONTROLS.items()
    }
    if name and forms[name].is_valid() and _use(request, name, forms[name]):
        return redirect("demo")
    context = {"forms": forms, **_read_state()}
    return render(request, "ppims/demo/page.html", context, status=422 if name else 200)


def _use(request: HttpRequest, name: str, form: ControlForm) -> bool:
    try:
        said = CONTROLS[name].use(form.cleaned_data, get_staff(request))
    except Unavailable:
        raise
    except Refusal as refusal:
        form.refuse(refusal)
        return False
    messages.success(request, said)
    return True


def _read_state() -> dict[str, object]:
    processors = Processor.objects.order_by("system_id")
    answers = [(each, answer) for each in processors for answer in next_answers.list_next(each)]
    return {
        "now": clock.now(),
        "is_turned": bool(clock.read_offset()),
        "ends": End.choices,
        "next_answers": answers,
    }


# What each control does.


def turn_clock_before_end(cleaned: Cleaned, user: User) -> str:
    everybody = tuple(Processor.objects.all())
    end = turned_clock.find_end(End(cleaned["to"]), processors=everybody)
    turned_clock.turn_before(end, SECONDS_BEFORE_AN_END, user=user)
    return _say_time()


def turn_clock(cleaned: Cleaned, user: User) -> str:
    turned_clock.turn(cleaned["to"], user=user)
    return _say_time()


def _say_time() -> str:
    return _("It is %(now)s.") % {"now": write_ist_second(clock.now())}


def set_next_answer(cleaned: Cleaned, user: User) -> str:
    answer = Answer(cleaned["answer"])
    is_done = answer == Answer.SLOW or cleaned["effect"] == DONE
    operation, times = cleaned["operation"], cleaned["times"]
    asked = NextAnswer(operation, answer, is_done, cleaned["seconds"], times)
    next_answers.set_next(cleaned["processor"], asked, user=user)
    return _("It is set: see below.")


def clear_next_answer(cleaned: Cleaned, user: User) -> str:
    next_answers.clear(cleaned["processor"], cleaned["operation"], user=user)
    return _("Its answers are as they are again.")


CONTROLS: Mapping[str, Control] = {
    "clock_end": Control(EndForm, turn_clock_before_end),
    "clock_time": Control(TimeForm, turn_clock),
    "next_answer": Control(NextAnswerForm, set_next_answer),
    "clear_answer": Control(ClearForm, clear_next_answer),
}
