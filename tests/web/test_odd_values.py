"""What no page can make anything of: a NUL, a day at the end of time, a number beyond all rows.
Every address of ours, and each field, answers with a message: never a fault.
"""

import re

import pytest
from django import forms
from django.contrib import admin
from django.test import Client
from django.urls import reverse

from ppims.backoffice.filters import FilterForm
from tests.factories import make_check, make_customer, make_posting, make_processor
from tests.web.admin_pages import (
    open_browser,
    read_words,
    write_add_url,
    write_change_url,
    write_list_url,
)
from tests.web.test_who_opens_what import OPEN_TO

pytestmark = pytest.mark.django_db
FAR_DAYS = [
    "9999-12-31",
    "31-12-9999",
    "31/12/9999",
    "0001-01-01",
    "01-01-0001",
    "31-12-2200",
    "99999",
]
BEYOND_ALL_IDS = 10**30
NUL = "a\0b"


def list_pages():
    """Give every address of the back office and of the admin, about nobody in particular."""
    addresses = {name: reverse(name, args=arguments) for name, (_, _, arguments) in OPEN_TO.items()}
    for model in admin.site._registry:
        name = f"{model._meta.app_label}_{model._meta.model_name}"
        addresses |= {f"{name} list": write_list_url(name), f"{name} add": write_add_url(name)}
        addresses[f"{name} row"] = reverse(f"admin:{name}_change", args=[1])
    return addresses


PAGE_ADDRESSES = list_pages()


def list_faults(answers):
    return {asked: status for asked, status in answers.items() if status >= 500}


@pytest.mark.parametrize("role", ["maker", "auditor", "admin"])
def test_a_nul_is_refused_wherever_it_is_sent(role):
    client = open_browser(role)
    answers = {}
    for name, address in PAGE_ADDRESSES.items():
        if name in {"healthz", "readyz"}:  # which look at nothing that is sent
            continue
        answers[name, "query"] = client.get(address, {"q": NUL}).status_code
        answers[name, "name"] = client.get(address, {NUL: "q"}).status_code
        if name not in {"api:docs", "api:openapi"}:  # the API's own 405 comes before
            answers[name, "form"] = client.post(address, {"reason": NUL}).status_code
    if role != "maker":  # the body of a page that takes a file is read for who may bring one alone
        for name in ("reconciliation-bring", "import-new"):
            assert answers.pop((name, "form")) == 403
    assert {asked: status for asked, status in answers.items() if status != 400} == {}


def test_a_nul_is_refused_in_a_path_a_header_and_a_cookie():
    client = open_browser("auditor")
    assert client.get("/customers/\0").status_code == 400
    assert client.get("/settings/limits", headers={"HX-Current-URL": NUL}).status_code == 400
    client.cookies["sessionid"] = "\\000"  # a quoted cookie's way to write it
    assert (
        client.get("/settings/limits", headers={"Cookie": r'sessionid="a\000b"'}).status_code == 400
    )


@pytest.mark.parametrize("headers", [{}, {"HX-Request": "true"}])
def test_the_refusal_is_a_page_and_a_fragment_and_says_nothing_of_it(headers):
    for client in (Client(), open_browser("viewer")):
        page = client.get("/log-in", {"next": NUL}, headers=headers)
        assert page.status_code == 400
        assert "something in it that this page doesn’t take" in read_words(page)
        assert NUL not in page.content.decode()


# Days.


@pytest.fixture
def meera():
    ent = make_processor("ENT")
    pk = make_customer(ent)
    make_check(ent, pk, 100)
    make_posting(ent, pk, 100)
    return pk


@pytest.mark.parametrize("day", FAR_DAYS)
def test_a_day_at_the_end_of_time_is_a_message_in_each_filter(meera, day):
    client = open_browser("auditor")
    for field in [
        f for f, each in FilterForm.base_fields.items() if isinstance(each, forms.DateField)
    ]:
        for address in ("/transactions", f"/customers/{meera}"):
            page = client.get(address, {"when": "own", field: day})
            assert page.status_code == 422, (address, field)
            assert "day" in read_words(page)
        frame = {"when": "own", field: day}
        sent = client.post(reverse("customer-statement", args=[meera]), frame, follow=True)
        assert "no time frame: nothing was exported" in read_words(sent)


@pytest.mark.parametrize("day", FAR_DAYS)
def test_a_day_at_the_end_of_time_is_a_message_in_each_form(meera, day):
    """Of when KYC was done, any day until 9999 may be told by a processor, and so by staff."""
    maker = open_browser("maker")
    form = {
        "date_of_birth": day,
        "kyc_updated_on": day,
        "kyc_flag": "P",
        "kyc_updated_channel": "X",
    }
    for name in ("onboard", "customer-edit", "customer-kyc"):
        address = reverse(name, args=OPEN_TO[name][2] and [meera])
        assert maker.post(address, form).status_code < 500
        assert maker.post(address, {**form, "looking": ""}).status_code < 500
    assert open_browser("viewer").get(f"/customers/{meera}").status_code == 200


# What a list of ours, and the admin's, can be asked for.
PARAMETERS = ["after", "when", "since", "until", "kind", "processor", "outcome", "flag", "tier"]
PARAMETERS += ["status", "limit", "theirs", "next"]
ASKED_OF_ADMIN = ["p", "all", "q", "o", "state", "tier__exact", "is_allowed__exact"]
ASKED_OF_ADMIN += ["groups__id__exact", "is_active__exact", "state__isnull"]
LIST_NAMES = ["overview", "reviews", "flagged", "transactions", "customers", "customer", "search"]


@pytest.mark.parametrize(
    "name", [*LIST_NAMES, *(name for name in sorted(PAGE_ADDRESSES) if " list" in name)]
)
def test_no_parameter_of_a_page_takes_it_down(name):
    """A day, a number or a word where the page expects another."""
    client = open_browser("auditor")
    answers = {}
    for value in ("9999-12-31", str(BEYOND_ALL_IDS), "fffffffffffff-99-ffffffffffffffff"):
        for parameter in ASKED_OF_ADMIN if " list" in name else PARAMETERS:
            asked = {parameter: value, "when": "own"} if parameter in {"since", "until"} else {}
            answered = client.get(PAGE_ADDRESSES[name], {parameter: value, **asked})
            answers[parameter, value] = answered.status_code
    assert list_faults(answers) == {}


def test_a_number_beyond_all_rows_is_nobodys():
    client = open_browser("admin")
    answers = {}
    for address in PAGE_ADDRESSES.values():
        parts = address.split("/")
        beyond = "/".join(str(BEYOND_ALL_IDS) if part.isdecimal() else part for part in parts)
        answers[beyond] = client.get(beyond).status_code
    row = write_change_url(make_processor())
    for odd in ("_00", "-1", str(BEYOND_ALL_IDS), "x" * 300, "%00", "_5F"):
        answers[odd] = client.get(re.sub(r"/\d+/", f"/{odd}/", row)).status_code
    assert list_faults(answers) == {}
