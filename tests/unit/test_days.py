"""Days as people in India type and read them: the day first, one reader for all."""

import re
from datetime import UTC, date, datetime, time
from importlib import import_module
from pathlib import Path
from pkgutil import walk_packages

import pytest
from django import forms
from django.conf import settings
from django.contrib import admin
from django.contrib.sessions.models import Session
from django.utils import formats

import customers
import limits
import ppims
from ppims.backoffice.admin_site import Site
from ppims.core import days
from ppims.core.days import DayField, DayInput, MomentField
from ppims.models import User

MOMENT = MomentField(required=False)
FIRST_OF_DECEMBER = date(2026, 12, 1)


@pytest.mark.parametrize(
    "typed",
    [
        *("01/12/2026", "01-12-2026", "01.12.2026", "1/12/2026", " 1-12-2026 ", "1 Dec 2026"),
        *("1 December 2026", "01 dec 2026", "2026-12-01"),
    ],
)
def test_the_day_comes_first(typed):
    assert days.read_day(typed) == FIRST_OF_DECEMBER
    assert DayField().clean(typed) == FIRST_OF_DECEMBER
    assert days.write_wire_day(typed) == "01-12-2026"


@pytest.mark.parametrize(
    "typed", ["12/31/2026", "31-11-2026", "1/12/26", "Dec 1, 2026", "soon", ""]
)
def test_what_is_no_day_of_ours_is_never_guessed_at(typed):
    with pytest.raises(ValueError, match="no day"):
        days.read_day(typed)
    assert days.write_wire_day(typed) == typed
    with pytest.raises(forms.ValidationError):
        DayField().clean(typed)


@pytest.mark.parametrize(
    ("typed", "is_taken"),
    [
        *(("31-12-1899", False), ("01-01-1900", True), ("31-12-2199", True)),
        *(("01-01-2200", False), ("9999-12-31", False), ("0001-01-01", False)),
    ],
)
def test_a_day_lies_between_1900_and_2199(typed, is_taken):
    for read in (days.read_day, DayField().clean, lambda text: MOMENT.clean([text, ""])):
        if is_taken:
            read(typed)
        else:
            with pytest.raises((ValueError, forms.ValidationError)):
                read(typed)


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        (["", ""], None),
        (["01/12/2026", ""], datetime(2026, 11, 30, 18, 30, tzinfo=UTC)),
        (["01-12-2026", "10:15"], datetime(2026, 12, 1, 4, 45, tzinfo=UTC)),
        (["1 Dec 2026", "4:17 PM"], datetime(2026, 12, 1, 10, 47, tzinfo=UTC)),
    ],
)
def test_a_moment_is_a_day_and_a_time_in_india(typed, said):
    assert MOMENT.clean(typed) == said


@pytest.mark.parametrize("typed", [["", "10:15"], ["soon", ""], ["01-12-2026", "25:00"]])
def test_half_a_moment_is_none(typed):
    with pytest.raises(forms.ValidationError):
        MOMENT.clean(typed)


def test_a_day_is_shown_again_as_it_is_meant():
    assert 'value="01-12-2026"' in DayInput().render("day", FIRST_OF_DECEMBER)
    assert 'value="01-12-2026"' in DayInput().render("day", "2026-12-01")
    assert 'value="soon"' in DayInput().render("day", "soon")
    assert 'type="text"' in DayInput().render("day", "")


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("DATE_FORMAT", "1 Dec 2026"),
        ("SHORT_DATE_FORMAT", "01-12-2026"),
        ("DATETIME_FORMAT", "1 Dec 2026, 4:17 PM"),
        ("SHORT_DATETIME_FORMAT", "01-12-2026, 4:17 PM"),
    ],
)
def test_django_writes_the_day_first_too(name, said):
    at = datetime.combine(FIRST_OF_DECEMBER, time(16, 17))
    assert formats.date_format(at, name) == said
    assert forms.DateField().clean("01/12/2026") == FIRST_OF_DECEMBER


def list_day_fields(form):
    """Name a form's fields of days and instants that are read otherwise."""
    own = (DayField, MomentField)
    kinds = (forms.DateField, forms.DateTimeField, forms.SplitDateTimeField)
    return [
        f"{form.__name__}.{name}"
        for name, field in form.base_fields.items()
        if isinstance(field, kinds) and not isinstance(field, own)
    ]


def list_subclasses(kind):
    for each in kind.__subclasses__():
        yield each
        yield from list_subclasses(each)


def test_every_form_reads_days_by_the_one_field(rf):
    for package in (ppims, customers, limits):
        for module in walk_packages(package.__path__, f"{package.__name__}."):
            if not re.search(r"__main__|migrations|wsgi|asgi|worker", module.name):
                import_module(module.name)
    own = [
        form
        for form in list_subclasses(forms.BaseForm)
        if form.__module__.partition(".")[0] in {"ppims", "customers", "limits"}
    ]
    names = {form.__name__ for form in own}
    assert names >= {"FilterForm", "OnboardForm", "EditForm", "KycForm", "ChangeLimitsForm"}
    other = Site("other")
    other.register(Session)
    as_admin = rf.get("/")
    as_admin.user = User(is_superuser=True)
    registered = [*admin.site._registry.values(), *other._registry.values()]
    asked = [offers.get_form(as_admin) for offers in registered]
    assert isinstance(asked[-1].base_fields["expire_date"], MomentField)
    assert [field for form in (*own, *asked) for field in list_day_fields(form)] == []


def test_no_page_has_a_picker_of_the_browsers_or_the_admins():
    files = [*Path(settings.BASE_DIR, "templates").rglob("*.html")]
    files += [Path(settings.BASE_DIR, "static", "app.js")]
    pickers = re.compile(r"type=.?(date|datetime-local|month|week)\b|vDateField|DateTimeShortcuts")
    assert [file.name for file in files if pickers.search(file.read_text())] == []
