"""One call of a demo: request and answer side by side, masked, with what was refused marked, what
became of it, and a command that sends it again.
"""

import json
import re
import shlex
import subprocess
from html import unescape

import pytest
from django.test import Client

from limits.models import LimitCheck
from ppims.api import root
from ppims.demo.next_answers import Answer, NextAnswer
from ppims.models import KeptCall
from ppims.reports.calls import list_calls
from tests.api.answers import (
    NOBODY,
    add_person,
    check_for_ref,
    make_aadhaar,
    report_posting,
)
from tests.conftest import Caller
from tests.factories import PASSWORD, make_person
from tests.web.admin_pages import open_browser, read_words

pytestmark = pytest.mark.django_db
CHECK, KYC, ADD = "check-customer-limit", "check-customer-kyc", "add-customer"
LIST = "/settings/processors/calls"
CARD, AADHAAR = "6070800000001234", "234567890124"


@pytest.fixture
def ent(ent):
    return Caller(ent, Client())


@pytest.fixture
def auditor():
    return open_browser("auditor")


def write_all():
    while root.buffer.write():
        pass


def open_last(auditor):
    write_all()
    return auditor.get(f"{LIST}/{KeptCall.objects.latest('pk').pk}")


def read_marked(page):
    """Give each marked line with what is said of it."""
    text = page.content.decode()
    found = re.findall(r'<mark>(.*?)</mark> <span class="error">(.*?)</span>', text)
    return {unescape(line): unescape(said) for line, said in found}


def read_curl(page):
    (curl,) = re.findall(r'<pre id="curl">(.*?)</pre>', page.content.decode(), re.DOTALL)
    return unescape(curl)


def list_refs(page):
    return re.findall(r"<code>(.*?)</code>", page.content.decode())


# The page.


def test_refused_fields_are_marked_with_why_and_missing_ones_too(ent, auditor):
    ent.call(CHECK, Unique_Id=NOBODY, Amount="1,000", Ref_Id="R-1")
    page = open_last(auditor)
    marked = read_marked(page)
    assert list(marked) == ['"Amount": "1,000",', '"Tran_Type": –']
    assert "must be text like 2000.00" in marked[next(iter(marked))]
    assert marked['"Tran_Type": –'] == "← missing: is required"
    said = read_words(page)
    assert "Check limit: field missing or malformed (400)" in said
    assert "Refused: nothing is booked." in said
    assert '"Resp_Code": "400"' in said


def test_documents_cards_and_people_are_masked_everywhere_on_it(ent, auditor):
    person = make_person(
        **make_aadhaar(AADHAAR), Card_Number=CARD, Email_Id="asha.rao@example.in", City=CARD
    )
    ent.call(ADD, **{**person, "Cif_Id": "CIF-7654321", "Made_Up": AADHAAR, CARD: "x"})
    page = open_last(auditor)
    said = unescape(page.content.decode())
    for hidden in (CARD, AADHAAR, "asha.rao", person["Mobile_Number"], person["Date_Of_Birth"]):
        assert hidden not in said
    for shown in ('"••••1234"', '"••••0124"', '"a••••@example.in"', person["Customer_Name"]):
        assert shown in said
    assert "Put in what is hidden:" in said
    assert '"<Card_Number ending in 1234>"' in read_curl(page)


def test_a_card_number_is_masked_in_whatever_field_it_was_put(ent, auditor):
    fields = dict.fromkeys(("Amount", "Tran_Type", "System_Id", "Unique_Id"), CARD)
    ent.call(CHECK, **fields, Ref_Id=f"{CARD} {AADHAAR}")
    page = open_last(auditor)
    assert CARD not in page.content.decode()
    assert AADHAAR not in page.content.decode()
    assert "••••1234" in page.content.decode()


def test_an_answered_report_leads_to_its_entry_and_its_check(ent, auditor):
    holder = add_person(ent)
    ref = check_for_ref(ent, holder, "100.00")
    report_posting(ent, holder, "100.00", Enquiry_Ref_Id=ref, Ref_Id="R-1", Tran_Id="T-1")
    report_posting(ent, holder, "100.00", Enquiry_Ref_Id=ref, Ref_Id="R-1", Tran_Id="T-1")
    write_all()
    _, check, first, again = KeptCall.objects.order_by("pk")
    said = read_words(auditor.get(f"{LIST}/{first.pk}"))
    assert "Booked as Posted ₹100.00" in said
    assert "Its check ₹100.00" in said
    page = auditor.get(f"{LIST}/{first.pk}").content.decode()
    assert f'href="{LIST}/{check.pk}"' in page
    assert re.search('href="/transactions/entry/[0-9]+"', page)
    assert "Sent before: the first answer again" in read_words(auditor.get(f"{LIST}/{again.pk}"))
    of_check = read_words(auditor.get(f"{LIST}/{check.pk}"))
    assert "Kept as Allowed, ₹100.00" in of_check
    assert "Its hold Closed Answered by Posted ₹100.00" in of_check


def test_an_open_hold_is_said_to_be_open(ent, auditor):
    check_for_ref(ent, add_person(ent))
    assert "Its hold Open until" in read_words(open_last(auditor))


def test_a_refused_call_leads_to_what_it_left_for_staff(ent, auditor):
    holder = add_person(ent, Mobile_Number="9812345670")
    report_posting(ent, holder, "1.00", Tran_Id="T-1")
    report_posting(ent, holder, "2.00", Tran_Id="T-1", Ref_Id="R-2")
    page = open_last(auditor)
    assert "Refused, and kept for staff: ₹2.00" in read_words(page)
    assert re.search('href="/work/refused/[0-9]+"', page.content.decode())
    other = make_person(Mobile_Number="9812345670", Date_Of_Birth="01-01-1960")
    assert ent.call(ADD, **other)[0] == 409
    page = open_last(auditor)
    assert "Refused, and a review is opened for staff" in read_words(page)
    assert re.search('href="/work/reviews/[0-9]+"', page.content.decode())


@pytest.mark.parametrize(
    ("is_done", "said"),
    [(True, "Kept as Allowed, ₹10.00"), (False, "Refused: nothing is booked for this call.")],
)
def test_what_was_made_of_an_answer_does_not_say_what_was_booked(
    ent, auditor, settings, monkeypatch, is_done, said
):
    holder, answers = add_person(ent), [NextAnswer(CHECK, Answer.BUSY, is_done)]
    settings.PPIMS_STAND_IN = True
    taken = lambda *_: answers.pop() if answers else None  # noqa: E731 - the first call alone
    monkeypatch.setattr(root.next_answers, "take_next", taken)
    asked = {"Unique_Id": holder, "Amount": "10.00", "Tran_Type": "D", "Ref_Id": "R-77"}
    assert [ent.call(CHECK, **asked)[0] for _ in range(2)] == [503, 200]
    write_all()
    changed, answered = KeptCall.objects.filter(ref_id="R-77").order_by("pk")
    words = read_words(auditor.get(f"{LIST}/{changed.pk}"))
    assert said in words
    assert ("Another call with this Ref_Id was." in words) != is_done
    assert "Kept as Allowed" in read_words(auditor.get(f"{LIST}/{answered.pk}"))


def test_an_enquiry_that_nobody_made_is_said(ent, auditor):
    report_posting(ent, add_person(ent), "1.00", Enquiry_Ref_Id="NOBODYS")
    assert "No check has this Enquiry_Ref_Id." in read_words(open_last(auditor))


def test_of_nobody_neither_name_nor_password_is_shown(ent, auditor):
    ent.call(KYC, Unique_Id=NOBODY, _username="somebody-else", _password="S3cret-word")
    page = open_last(auditor)
    said = page.content.decode()
    assert "somebody-else" not in said
    assert "S3cret-word" not in said
    assert "Nobody who is known" in said
    assert "Refused: the username or the password is wrong." in said
    assert '"Username": "\'"$PPIMS_USERNAME"\'"' in read_curl(page)


def test_what_could_not_be_read_is_told_by_size_and_why(ent, auditor):
    ent.send(KYC, "{broken")
    said = read_words(open_last(auditor))
    assert "The body is not the JSON that is asked for. It is not kept. It had 7 bytes." in said
    assert '"Resp_Code": "400"' in said


# The command.


def run_as_said(page, **variables):
    """Run the command in a shell, with a curl that says its arguments: the body that it sends."""
    fake = 'curl() { printf "%s\\0" "$@"; }\n'
    done = subprocess.run(
        ["/bin/sh", "-c", fake + read_curl(page)],
        env={"PATH": "/nowhere", **variables},
        capture_output=True,
        check=True,
    )
    assert done.stderr == b""
    *_, body, _end = done.stdout.decode().split("\0")
    return json.loads(body)


def test_the_command_sends_the_request_again_with_a_password_from_the_shell(ent, auditor):
    ent.call(CHECK, Unique_Id=NOBODY, Amount="1.00", Tran_Type="D", Ref_Id="R-1")
    page = open_last(auditor)
    assert PASSWORD not in page.content.decode()
    body = run_as_said(page, PPIMS_PASSWORD=PASSWORD)
    assert body == ent.make_body(
        CHECK, Ref_Id="R-1", Unique_Id=NOBODY, Amount="1.00", Tran_Type="D"
    )
    assert shlex.split(read_curl(page))[2] == f"http://testserver/api/PPIM/v1/{CHECK}"


@pytest.mark.parametrize(
    "name", ["it's", "';false;'", "$(false)`false`", '"$PPIMS_PASSWORD"', "\\' \\u27 \n\t é"]
)
def test_a_shell_runs_nothing_of_what_was_sent(ent, auditor, name):
    ent.call("update-customer", Unique_Id=NOBODY, Customer_Name=name)
    body = run_as_said(open_last(auditor), PPIMS_PASSWORD=PASSWORD)
    assert body["Data"]["Update_Customer"]["Customer_Name"] == name
    assert body["Data"]["Password"] == PASSWORD


# The list.


def test_a_demo_lists_all_calls_and_leads_to_each(ent, auditor):
    ent.call(KYC, Unique_Id=add_person(ent), Ref_Id="R-1")
    ent.call(KYC, Unique_Id=NOBODY, Ref_Id="R-2")
    ent.call(KYC, Unique_Id=NOBODY, Ref_Id="R-3", _password="wrong")
    write_all()
    page = auditor.get(LIST)
    assert list_refs(page)[:3] == ["R-3", "R-2", "R-1"]
    assert f'href="{LIST}/{KeptCall.objects.latest("pk").pk}"' in page.content.decode()
    assert list_refs(auditor.get(f"{LIST}?outcome=refused")) == ["R-3", "R-2"]
    assert list_refs(auditor.get(f"{LIST}?processor=ENT&outcome=refused")) == ["R-2"]


def test_calls_are_found_by_each_of_their_numbers(ent, auditor, monkeypatch):
    monkeypatch.setitem(list_calls.__kwdefaults__, "rows", 1)
    for ref in ("R-1", "R-2"):
        report_posting(ent, NOBODY, Ref_Id=ref, Tran_Id="T-1")
    write_all()
    first = KeptCall.objects.earliest("pk")
    assert list_refs(auditor.get(f"{LIST}?number=R-1")) == ["R-1"]
    assert list_refs(auditor.get(f"{LIST}?number={first.request_id}")) == ["R-1"]
    page = auditor.get(f"{LIST}?number=T-1")
    assert list_refs(page) == ["R-2"]
    more = unescape(re.search(r'hx-get="(\?.*?)"', page.content.decode())[1])
    assert list_refs(auditor.get(LIST + more)) == ["R-1"]
    assert "Nothing fits." in read_words(auditor.get(f"{LIST}?number=R-9"))
    assert auditor.get(f"{LIST}?number=R 9").status_code == 422


def test_production_lists_the_refused_ones_and_shows_no_bodies(ent, auditor, settings):
    ent.call(KYC, Unique_Id=add_person(ent), Ref_Id="R-1")
    ent.call(KYC, Unique_Id=NOBODY, Ref_Id="R-2")
    ent.call(KYC, Unique_Id=NOBODY, Ref_Id="R-3", _password="wrong")
    write_all()
    settings.PPIMS_KEEPS_BODIES = False
    page = auditor.get(LIST)
    assert list_refs(page) == ["R-2"]
    assert f'href="{LIST}/' not in page.content.decode()
    assert list_refs(auditor.get(f"{LIST}?number=R-2")) == ["R-2"]
    assert auditor.get(f"{LIST}/{KeptCall.objects.latest('pk').pk}").status_code == 404


def test_a_transaction_leads_to_its_call_whoever_may_look_at_calls(ent):
    check_for_ref(ent, add_person(ent))
    write_all()
    link = f'href="{LIST}?number='
    address = f"/transactions/check/{LimitCheck.objects.get().pk}"
    for role, is_there in (("maker", True), ("viewer", False)):
        assert (link in open_browser(role).get(address).content.decode()) == is_there


def test_it_takes_a_bounded_number_of_queries(ent, auditor, django_assert_max_num_queries):
    holder = add_person(ent)
    ref = check_for_ref(ent, holder, "100.00")
    report_posting(ent, holder, "100.00", Enquiry_Ref_Id=ref)
    write_all()
    with django_assert_max_num_queries(16):
        auditor.get(f"{LIST}/{KeptCall.objects.latest('pk').pk}")
