"""What is filled in on the page Demo."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from ppims.backoffice import labels
from ppims.backoffice.filters import read_processors
from ppims.core.days import MomentField
from ppims.core.errors import Refusal
from ppims.demo.next_answers import DEFAULT_SECONDS, MOST_SECONDS, MOST_TIMES, Answer
from ppims.demo.traffic_place import DEFAULT_RATE, MOST_RATE
from ppims.demo.traffic_place import MOST_SECONDS as MOST_SECONDS_OF_TRAFFIC
from ppims.demo.turned_clock import End

NOT_DONE_EFFECT, DONE_EFFECT = "not-done", "done"


class ControlForm(forms.Form):
    """A form of the page, of which there are several."""

    marks_required = False

    def refuse(self, refusal: Refusal) -> None:
        """Say why it is refused, beside the field that it names."""
        for name, message in refusal.errors or [("", refusal.message)]:
            self.add_error(name if name in self.visible_names else None, message)

    @property
    def visible_names(self) -> set[str]:
        return {field.name for field in self.visible_fields()}


class EndForm(ControlForm):
    """An end, just before which the clock is turned to: by a button for each."""

    to = forms.ChoiceField(choices=End.choices, widget=forms.HiddenInput)


class TimeForm(ControlForm):
    """A day and a time that the clock is turned to."""

    to = MomentField(label=_("Day and time"))


class ProcessorForm(ControlForm):
    """For which processor."""

    processor = forms.ChoiceField(label=_("Processor"))

    def __init__(self, data: Any = None, **more: Any) -> None:
        super().__init__(data, **more)
        self.processors = read_processors()
        field = self.fields["processor"]
        assert isinstance(field, forms.ChoiceField)
        field.choices = [(each, each) for each in self.processors]

    def clean_processor(self) -> Any:
        return self.processors[self.cleaned_data["processor"]]


class NextAnswerForm(ProcessorForm):
    """What becomes of a processor's next answers to an operation."""

    operation = forms.ChoiceField(label=_("Call"), choices=list(labels.OPERATIONS.items()))
    answer = forms.ChoiceField(label=_("Answer"), choices=Answer.choices)
    effect = forms.ChoiceField(
        label=_("What was asked is"),
        choices=[(NOT_DONE_EFFECT, _("not done")), (DONE_EFFECT, _("done, and booked"))],
        help_text=_("A late answer is always of what was done."),
    )
    seconds = forms.IntegerField(
        label=_("Seconds until then"),
        min_value=0,
        max_value=MOST_SECONDS,
        initial=DEFAULT_SECONDS,
        help_text=_("Before a late answer comes, or the connection is closed."),
    )
    times = forms.IntegerField(
        label=_("How often"),
        min_value=1,
        max_value=MOST_TIMES,
        initial=1,
        required=False,
        help_text=_("Left empty: until it is cleared."),
    )


class PeopleForm(ProcessorForm):
    """Whom the people are to be known to."""

    def __init__(self, data: Any = None, **more: Any) -> None:
        super().__init__(data, **more)
        self.fields["processor"].label = _("Known to")


class TrafficForm(ControlForm):
    """How fast traffic is to run, and for how long."""

    rate = forms.IntegerField(
        label=_("Calls a second"), min_value=1, max_value=MOST_RATE, initial=DEFAULT_RATE
    )
    minutes = forms.IntegerField(
        label=_("Minutes"), min_value=1, max_value=MOST_SECONDS_OF_TRAFFIC // 60, initial=1
    )


class ClearForm(ProcessorForm):
    """Of which operation the answers are to be as they are."""

    operation = forms.ChoiceField(choices=list(labels.OPERATIONS.items()))
