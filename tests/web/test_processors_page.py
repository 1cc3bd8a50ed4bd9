"""Processors: who calls us, how it goes; two admins add, change and enable them, one takes away;
and the password on its sheet, once.
"""

import json
import shlex
from datetime import timedelta

import pytest
from django.conf import settings
from django.test import Client
from django.urls import reverse

from ppims.api.root import OPERATIONS as CALLED
from ppims.backoffice.labels import OPERATIONS
from ppims.core import clock, roles
from ppims.core.coroutines import run_to_end
from ppims.models import AuditEntry, KeptCall, Processor, ProcessorChange, User
from ppims.services import credentials
from tests.factories import make_check, make_customer, make_password_once, make_processor
from tests.web.admin_pages import make_user, open_browser, read_words

pytestmark = pytest.mark.django_db
A_REASON = {"reason": "Goes live"}
UPI = {"system_id": "UPI", "name": "UPI switch", "username": "", "hold_minutes": "", **A_REASON}
ACTIONS = ("rekey", "edit", "enable", "wind-down", "disable", "end-password")
BOUNDS = {"networks": "2001:DB8::/32\r\n10.0.0.0/8", "requests_per_second": "50"}
BY_TWO = {
    "rekey": {"keep_days": "7"},
    "edit": {"name": "Cards", "hold_minutes": "30", **BOUNDS},
}


def look(role):
    return open_browser(role).get(reverse("processors"))


def open_page(client, processor):
    return client.get(reverse("processor", args=[processor.pk]))


def open_admin():
    client = open_browser("admin")
    User.objects.filter(pk=client.session["_auth_user_id"]).update(
        password=make_password_once("a-password-of-tests")
    )
    client.force_login(User.objects.get(pk=client.session["_auth_user_id"]))
    return client


@pytest.fixture
def one():
    return open_admin()


@pytest.fixture
def two():
    return open_admin()


def act(client, processor, action, **said):
    address = reverse("processor-change", args=[processor.pk, action])
    return client.post(address, {**A_REASON, **BY_TWO.get(action, {}), **said})


def add(client, **said):
    return client.post(reverse("processor-new"), {**UPI, **said})


def approve(client):
    change = ProcessorChange.objects.get(state="PROPOSED")
    address = reverse("approval", args=["processor", change.pk])
    assert client.post(address, {"decision": "approve"}).status_code == 302
    return change


def open_sheet(client, change):
    return client.post(reverse("processor-sheet", args=[change.pk]))


def read_password(page):
    assert page.status_code == 200
    return page.content.decode().split('id="sheet-password">')[1].split("</code>")[0]


def log_in(username, password):
    return run_to_end(credentials.authenticate(username, password, "127.0.0.1"))


# What all see.


def test_a_row_says_name_code_status_and_how_long_holds_last():
    make_processor("CBS", name="Core banking", state="WINDING_DOWN", hold_minutes=1)
    make_processor("ENT", name="Cards")
    words = read_words(look("viewer"))
    assert "Core banking CBS Winding down 1 minute Password Unknown Last call Never" in words
    assert f"Cards ENT Active {settings.PPIMS_HOLD_MINUTES} minutes" in words


def test_a_row_and_a_page_tell_of_calls_and_of_what_was_refused(ent):
    make_check(ent, make_customer(ent), 100)
    at = clock.now()
    for code in ("400", "409", "409"):
        KeptCall.objects.create(at=at, processor=ent, operation="x", code=code)
    client = open_browser("viewer")
    words = read_words(client.get(reverse("processors")))
    assert "4 calls today 0 declined Refused 400: 1, 409: 2" in words
    page = read_words(open_page(client, ent))
    assert "Calls 4 Checks 1 Declined 0 Never answered 0 Reports 0 Late 0" in page
    assert "Field missing or malformed (400) 1 Conflict with the record (409) 2" in page


@pytest.mark.parametrize("role", sorted(roles.ROLES))
def test_only_who_may_change_a_processor_is_led_to_where_that_is_done(ent, role):
    make_processor("CBS", state="DISABLED")
    client = open_browser(role)
    pages = [client.get(reverse("processors")), open_page(client, ent)]
    shown = "".join(page.content.decode() for page in pages)
    for address in (reverse("processor-new"), reverse("processor-change", args=[ent.pk, "rekey"])):
        assert (f'href="{address}"' in shown) == (role == "admin")
    assert 'href="/api/PPIM/v1/docs"' in shown


def test_it_says_that_there_is_none():
    assert "There is no processor yet." in read_words(look("viewer"))


def test_each_operation_that_is_called_for_has_its_words():
    assert set(OPERATIONS) == set(CALLED)


def test_pages_take_a_bounded_number_of_queries(ent, django_assert_max_num_queries):
    for number in range(30):
        make_processor(f"P{number}")
    client = open_browser("admin")
    for address in (reverse("processors"), reverse("processor", args=[ent.pk])):
        client.get(address)
        with django_assert_max_num_queries(16):
            client.get(address)


@pytest.mark.parametrize(
    ("state", "labels"),
    [
        ("ACTIVE", ["New password", "Change", "Wind down", "Disable"]),
        ("WINDING_DOWN", ["New password", "Change", "Enable", "Disable"]),
        ("DISABLED", ["New password", "Change", "Enable"]),
    ],
)
def test_a_page_offers_what_may_be_done_now(ent, state, labels, one, two):
    Processor.objects.update(state=state)
    assert [label for _, label in open_page(one, ent).context["actions"]] == labels
    act(one, ent, "edit")
    later = [label for _, label in open_page(one, ent).context["actions"]]
    assert later == [label for label in labels if label in {"Wind down", "Disable"}]
    assert "waits for another admin" in read_words(open_page(two, ent))


# By two.


def test_one_is_added_by_two_and_its_password_is_shown_once_to_who_proposed_it(one, two):
    assert add(one)["Location"] == reverse("processors")
    assert not Processor.objects.exists()
    change = approve(two)
    assert Processor.objects.get().username == "PPIM_UPI"
    assert "Show the password of UPI" not in read_words(two.get(reverse("processors")))
    assert open_sheet(two, change).status_code == 422
    assert "Show the password of UPI" in read_words(one.get(reverse("processors")))
    page = open_sheet(one, change)
    password = read_password(page)
    assert "no-store" in page["Cache-Control"]
    assert log_in("PPIM_UPI", password).system_id == "UPI"
    again = open_sheet(one, change)
    assert again.status_code == 422
    assert "shown already" in read_words(again)
    assert "Show the password" not in read_words(one.get(reverse("processors")))


def test_a_password_is_kept_nowhere_in_readable_form(one, two):
    add(one)
    change = approve(two)
    password = read_password(open_sheet(one, change))
    addresses = [
        reverse("processors"),
        reverse("processor", args=[Processor.objects.get().pk]),
        reverse("processor-sheet", args=[change.pk]),
        reverse("approval", args=["processor", change.pk]),
    ]
    for client in (one, two):
        assert password not in json.dumps(dict(client.session.items()))
        assert password not in str(client.cookies)
        assert password not in "".join(client.get(it).content.decode() for it in addresses)
    assert password not in "".join(AuditEntry.objects.values_list("detail", flat=True))
    assert password not in str(Processor.objects.values_list().get())


def test_the_first_call_of_a_sheet_works_as_it_stands(one, two):
    add(one, username='it\'s_a_"name"')
    page = open_sheet(one, approve(two))
    curl, silent, address, data, body = shlex.split(page.context["curl"])
    assert (curl, silent, data) == ("curl", "-s", "-d")
    assert address == "http://testserver/api/PPIM/v1/customer-registration-status"
    answer = Client().post(
        address.removeprefix("http://testserver"), body, content_type="application/json"
    )
    assert (answer.status_code, answer.json()["Data"]["Resp_Code"]) == (200, "500")


def test_a_new_password_works_beside_the_old_one(one, two, ent):
    ent.password = make_password_once("o" * 30)
    ent.save()
    act(one, ent, "rekey", keep_days="3")
    page = open_sheet(one, approve(two))
    password = read_password(page)
    assert "Works until" in read_words(page)
    assert log_in(ent.username, password) == log_in(ent.username, "o" * 30) == ent
    assert "Old password Works until" in read_words(open_page(two, ent))
    with clock.freeze(clock.now() + timedelta(days=3)), pytest.raises(credentials.NotAuthenticated):
        log_in(ent.username, "o" * 30)
    assert act(two, ent, "end-password").status_code == 302
    with pytest.raises(credentials.NotAuthenticated):
        log_in(ent.username, "o" * 30)
    assert log_in(ent.username, password) == ent


def test_who_approves_is_told_that_an_old_password_ends(one, two, ent):
    for _ in range(2):
        act(one, ent, "rekey")
        change = ProcessorChange.objects.latest("pk")
        shown = read_words(two.get(reverse("approval", args=["processor", change.pk])))
        open_sheet(one, approve(two))
    assert "It ends once the new one is made." in shown


def test_an_edit_and_an_enabling_are_for_two(one, two, ent):
    act(one, ent, "edit")
    approve(two)
    act(one, ent, "disable")
    assert act(one, ent, "enable").status_code == 302
    assert Processor.objects.get().state == "DISABLED"
    approve(two)
    row = Processor.objects.get()
    assert (row.state, row.name, row.hold_minutes) == ("ACTIVE", "Cards", 30)
    assert (row.networks, row.requests_per_second) == ("10.0.0.0/8 2001:db8::/32", 50)


def test_who_approves_sees_networks_and_rate_before_and_after(one, two, ent):
    act(one, ent, "edit")
    change = ProcessorChange.objects.get()
    shown = read_words(two.get(reverse("approval", args=["processor", change.pk])))
    assert "Calls from Anywhere 10.0.0.0/8, 2001:db8::/32" in shown
    assert "Requests a second No bound 50" in shown
    approve(two)
    assert "Calls from 10.0.0.0/8, 2001:db8::/32 Requests a second 50" in read_words(
        open_page(two, ent)
    )
    form = one.get(reverse("processor-change", args=[ent.pk, "edit"])).context["form"]
    assert form["networks"].value() == "10.0.0.0/8\n2001:db8::/32"
    assert act(one, ent, "edit").status_code == 422  # the same, in another order: nothing changes


def test_each_line_that_is_no_network_is_named_beside_the_field(one, two, ent):
    page = act(one, ent, "edit", networks="10.0.0.0/33\n10.0.0.0/8\n192.0.2.9/24")
    assert page.status_code == 422
    words = read_words(page)
    assert "10.0.0.0/33 is no network." in words
    assert "192.0.2.9/24 is no network: write 192.0.2.0/24, or 192.0.2.9 alone." in words
    assert not ProcessorChange.objects.exists()


def test_a_new_one_has_its_bounds_on_the_sheet(one, two):
    add(one, **BOUNDS)
    shown = read_words(open_sheet(one, approve(two)))
    assert "Calls from 10.0.0.0/8, 2001:db8::/32 Requests a second 50" in shown
    assert "from another network it is 401 too" in shown


@pytest.mark.parametrize(
    ("days", "said"), [(365, "365 days Last"), (366, "366 days Too old Last"), (None, "Unknown")]
)
def test_a_row_and_a_page_say_how_old_the_password_is(ent, days, said):
    at = clock.now() - timedelta(days=days) if days else None
    Processor.objects.update(password_at=at)
    client = open_browser("viewer")
    assert f"Password {said}" in read_words(client.get(reverse("processors")))
    page = read_words(open_page(client, ent))
    assert ("Two admins make a new one" in page) == ("Too old" in page) == (days == 366)
    assert (f"{days} days old" in page) == bool(days)


def test_the_one_admin_is_told_so_and_led_to_the_sheet(one):
    assert "You are the one admin" in read_words(one.get(reverse("processor-new")))
    response = add(one)
    change = ProcessorChange.objects.get()
    assert change.state == "ALONE"
    assert response["Location"] == reverse("processor-sheet", args=[change.pk])
    assert "A second one is to confirm it." in read_words(one.get(response["Location"]))
    assert log_in("PPIM_UPI", read_password(open_sheet(one, change))).system_id == "UPI"
    assert "waits for a second admin to confirm it" in read_words(one.get(reverse("processors")))


@pytest.mark.parametrize(
    ("said", "field"),
    [
        ({"system_id": ""}, "system_id"),
        ({"system_id": "A B"}, "system_id"),
        ({"name": "a\u202eb"}, "name"),
        ({"username": "a b"}, "username"),
        ({"hold_minutes": "0"}, "hold_minutes"),
        ({"hold_minutes": "1441"}, "hold_minutes"),
        ({"hold_minutes": "x"}, "hold_minutes"),
        ({"networks": "10.0.0.0/33"}, "networks"),
        ({"networks": "<b>"}, "networks"),
        ({"requests_per_second": "0"}, "requests_per_second"),
        ({"requests_per_second": "100001"}, "requests_per_second"),
        ({"reason": ""}, "reason"),
        ({"system_id": "ENT"}, "system_id"),
        ({"username": "PPIM_ENT"}, "username"),
    ],
)
def test_a_wrong_field_is_named_and_nothing_proposed(ent, one, two, said, field):
    page = add(one, **said)
    assert page.status_code == 422
    assert list(page.context["form"].errors) == [field]
    assert not ProcessorChange.objects.exists()


@pytest.mark.parametrize("name", ["", " "])
def test_without_a_name_a_new_one_is_called_by_its_code(one, two, name):
    add(one, name=name)
    change = ProcessorChange.objects.get()
    assert change.name == change.system_id != ""


# By one.


@pytest.mark.parametrize(
    ("action", "state"), [("disable", "DISABLED"), ("wind-down", "WINDING_DOWN")]
)
def test_one_admin_takes_away_at_once_with_a_reason(one, two, ent, action, state):
    assert act(one, ent, action, reason="").status_code == 422
    assert Processor.objects.get().state == "ACTIVE"
    assert act(one, ent, action).status_code == 302
    assert Processor.objects.get().state == state
    assert act(one, ent, action).status_code == 422
    entry = AuditEntry.objects.latest("pk")
    assert json.loads(entry.detail)["reason"] == "Goes live"
    assert AuditEntry.objects.filter(action=entry.action).count() == 1


# Nobody else, and nowhere else.


@pytest.mark.parametrize("role", sorted(set(roles.ROLES) - {"admin"}))
def test_no_other_role_changes_anything(role, ent, one, two):
    add(one)
    change = approve(two)
    client = open_browser(role)
    answers = [act(client, ent, action) for action in ACTIONS]
    answers += [add(client, system_id="X"), open_sheet(client, change)]
    assert {answer.status_code for answer in answers} == {403}
    assert ProcessorChange.objects.count() == 1


def test_what_is_no_action_or_no_row_is_not_found(one, ent):
    assert act(one, ent, "delete").status_code == 404
    for name in ("processor", "processor-sheet"):
        assert one.get(reverse(name, args=[ent.pk + 99])).status_code == 404


def test_no_role_adds_or_changes_a_processor_itself():
    permissions = make_user("admin").get_all_permissions()
    assert not permissions & {"ppims.add_processor", "ppims.change_processor"}
