"""Commands on a terminal that can't show every sign."""

import io
import runpy
import sys

import pytest
from django.conf import settings
from django.core.management import get_commands, load_command_class

from limits.services import adjustments
from limits.services.adjustments import Correction
from ppims import __main__ as start
from ppims.core import calendar, clock
from ppims.core.terminal import write_on_any_terminal
from tests.bench import __main__ as bench
from tests.factories import make_customer, make_processor
from tests.web.admin_pages import make_user

OUR_COMMANDS = sorted(
    (name, app) for name, app in get_commands().items() if app in {"ppims", "limits"}
)


@pytest.fixture(params=["ascii", "iso-8859-1"])
def sit_down(monkeypatch, request):
    """Sit down at a terminal of few signs: what is written to it. pytest takes standard output
    back between a fixture and its test.
    """
    monkeypatch.setenv("PPIMS_STATEMENT_SECONDS", "30")  # manage.py sets it

    def sit_down():
        raw = io.BytesIO()
        monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, request.param, write_through=True))
        return raw

    return sit_down


def manage(*arguments, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["manage.py", *arguments])
    runpy.run_path(str(settings.BASE_DIR / "manage.py"), run_name="__main__")


def test_what_a_terminal_lacks_is_written_in_ascii(sit_down):
    written = sit_down()
    write_on_any_terminal()
    print("₹1,00,000.00 – the month’s limit, अमित \udce9")
    assert written.getvalue() == (
        b"Rs 1,00,000.00 - the month's limit, \\u0905\\u092e\\u093f\\u0924 \\udce9\n"
    )


@pytest.mark.django_db
@pytest.mark.parametrize(("name", "app"), OUR_COMMANDS)
def test_each_command_can_say_rupees(name, app, sit_down, monkeypatch):
    written = sit_down()
    kind = type(load_command_class(app, name))
    known = {"database": "default"}  # of which migrate asks before it is handled
    monkeypatch.setattr(kind, "add_arguments", lambda _, parser: parser.set_defaults(**known))
    monkeypatch.setattr(kind, "handle", lambda command, **_: command.stdout.write("₹1.00 अ"))
    manage(name, monkeypatch=monkeypatch)
    assert written.getvalue() == b"Rs 1.00 \\u0905\n"


@pytest.mark.django_db
def test_a_correction_is_listed_there(sit_down, monkeypatch):
    written = sit_down()
    customer = make_customer(make_processor())
    month = calendar.number_ist_month(clock.now())
    correction = Correction(customer, month, "D", 25_000, "घर")
    adjustments.propose(correction=correction, user=make_user("maker"))
    manage("adjust", "list", monkeypatch=monkeypatch)
    assert b"Rs 250.00" in written.getvalue()


def test_the_start_and_the_bench_can_say_it_too(sit_down, monkeypatch):
    written = sit_down()
    monkeypatch.setenv("PPIMS_DATA_DIR", "/srv/₹")
    monkeypatch.setitem(start.COMMANDS, "", lambda _: print(start.write_welcome("http://here")))
    start.run_command([])
    assert b"/srv/Rs " in written.getvalue()
    sys.stdout.reconfigure(errors="strict")
    with pytest.raises(SystemExit):
        bench.main(["--help"])
    print("–")
    assert written.getvalue().endswith(b"-\n")
