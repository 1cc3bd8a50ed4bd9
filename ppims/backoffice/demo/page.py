"""The page Demo: a stand-in's clock, its next answers, its people, its traffic, and the way back to
its start. A section is a template in templates/ppims/demo, and its forms' lines in CONTROL_BY_NAME.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.csrf import csrf_exempt, csrf_protect

from ppims.backoffice.access import hide_outside_stand_in, open_page
from ppims.backoffice.demo.forms import (
    DONE_EFFECT,
    ClearForm,
    ControlForm,
    EndForm,
    NextAnswerForm,
    PeopleForm,
    TimeForm,
    TrafficForm,
)
from ppims.core import clock
from ppims.core.errors import Refusal, Unavailable
from ppims.core.formats import write_ist_second
from ppims.demo import next_answers, people, reset, traffic_place, turned_clock
from ppims.demo.next_answers import Answer, NextAnswer, is_carried_out
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


@csrf_exempt  # only until it is known whether there is such a page: the next but one asks for it
@hide_outside_stand_in
@csrf_protect
@open_page(methods=("GET", "POST"))
def demo(request: HttpRequest) -> HttpResponse:
    """Show the controls of a demo, and use them."""
    name = request.POST.get("control", "")
    if request.method == "POST" and name not in CONTROL_BY_NAME:
        raise Http404  # a form of another version
    forms = {
        each: control.form(request.POST if each == name else None, auto_id=f"id_{each}_%s")
        for each, control in CONTROL_BY_NAME.items()
    }
    if name and forms[name].is_valid() and _use(request, name, forms[name]):
        return redirect("demo")
    context = {"forms": forms, **_read_state()}
    return render(request, "ppims/demo/page.html", context, status=422 if name else 200)


def _use(request: HttpRequest, name: str, form: ControlForm) -> bool:
    try:
        said = CONTROL_BY_NAME[name].use(form.cleaned_data, get_staff(request))
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
    known_to, made = people.list_newest()
    return {
        "now": clock.now(),
        "is_turned": bool(clock.read_offset()),
        "ends": End.choices,
        "next_answers": answers,
        "traffic": traffic_place.find_running(),
        "known_to": known_to,
        "people": made,
    }


# What each control does.


def turn_before_end(cleaned: Cleaned, user: User) -> str:
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
    is_done = is_carried_out(answer, asked=cleaned["effect"] == DONE_EFFECT)
    operation, times = cleaned["operation"], cleaned["times"]
    asked = NextAnswer(operation, answer, is_done, cleaned["seconds"], times)
    next_answers.set_next(cleaned["processor"], asked, user=user)
    return _("It is set: see below.")


def clear_next_answer(cleaned: Cleaned, user: User) -> str:
    next_answers.clear(cleaned["processor"], cleaned["operation"], user=user)
    return _("Its answers are as they are again.")


def make_people(cleaned: Cleaned, user: User) -> str:
    people.make_people(processor=cleaned["processor"], user=user)
    return _("They are made: see below.")


def start_traffic(cleaned: Cleaned, user: User) -> str:
    seconds = cleaned["minutes"] * 60
    running = traffic_place.start_in_background(rate=cleaned["rate"], seconds=seconds, user=user)
    return _("Traffic runs until %(until)s.") % {"until": write_ist_second(running.until)}


def stop_traffic(cleaned: Cleaned, user: User) -> str:
    traffic_place.stop(user=user)
    return _("No traffic runs.")


def put_back(cleaned: Cleaned, user: User) -> str:
    reset.put_back_to_start(user=user)
    return _("The demo is as it was at its start.")


CONTROL_BY_NAME: Mapping[str, Control] = {
    "clock_end": Control(EndForm, turn_before_end),
    "clock_time": Control(TimeForm, turn_clock),
    "next_answer": Control(NextAnswerForm, set_next_answer),
    "clear_answer": Control(ClearForm, clear_next_answer),
    "people": Control(PeopleForm, make_people),
    "traffic": Control(TrafficForm, start_traffic),
    "stop_traffic": Control(ControlForm, stop_traffic),
    "reset": Control(ControlForm, put_back),
}
