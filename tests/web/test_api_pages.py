"""The API's own pages: each field and each example in sight, and a demo's form, which makes a call
as a client does.
"""

import json
import re
from html import unescape
from html.parser import HTMLParser

import pytest
from django.test import Client

from limits.models import LimitCheck
from ppims.api import examples, reference, root
from ppims.api.example_words import WHAT_CODES_MEAN, WHEN_ANSWERED, WHEN_CALLED
from ppims.core import errors
from ppims.demo import next_answers
from ppims.demo.next_answers import Answer, NextAnswer
from tests.conftest import PREFIX, WORDS, Caller
from tests.factories import PASSWORD, make_customer
from tests.web.admin_pages import read_words

pytestmark = pytest.mark.django_db
DOCS, CHECK = f"{PREFIX}/docs", "check-customer-limit"
MOST_BYTES = 300_000


def open_docs(name="", **query):
    page = Client().get(f"{DOCS}/{name}" if name else DOCS, query)
    assert page.status_code == 200
    return page


def send(text, operation=CHECK, client=None, **more):
    page = (client or Client()).post(f"{DOCS}/{operation}", {"text": text}, **more)
    assert page.status_code == 200
    return page


def read_codes(page):
    """Read what a page says of its answer: the HTTP status, the Resp_Code."""
    found = re.search(r"HTTP (\d+) Resp_Code (\w+)", read_words(page).rpartition("The answer")[2])
    return found and (int(found[1]), found[2])


@pytest.fixture
def body(ent):
    """A check of a customer of ENT's, as its client would send it."""
    fields = {"Unique_Id": str(make_customer(ent)), "Amount": "2000.00", "Tran_Type": "D"}
    return Caller(ent, Client()).make_body(CHECK, **fields)


# What is described.


def test_the_first_page_has_the_operations_in_order_the_codes_and_the_description():
    page = read_words(open_docs())
    places = [page.index(f"/{name} {when}") for name, when in WHEN_CALLED.items()]
    assert len(places) == len(WORDS)
    assert places == sorted(places)
    for code, status, meaning in WHAT_CODES_MEAN:
        assert f"{code} HTTP {status} {meaning}" in page
    assert f'href="{PREFIX}/openapi.json"' in open_docs().content.decode()


def test_every_code_that_a_refusal_has_is_told():
    told = {(code, status) for code, status, _ in WHAT_CODES_MEAN}
    waiting, refused = [errors.Refusal], set()
    while waiting:
        refusal = waiting.pop()
        refused.add((refusal.code, refusal.http))
        waiting += refusal.__subclasses__()
    assert told == refused | {("000", 200), ("200", 200)}


@pytest.mark.parametrize("name", WORDS)
def test_a_page_has_each_field_in_words(name):
    described, page = reference.find_operation(name), read_words(open_docs(name))
    for field in [*described.request, *described.reply]:
        form = " ".join(f"{each['code']} {each['means']}" for each in field.codes) or field.form
        needed = ("Required " if field.is_required else "Optional ") * (field in described.request)
        shown = f"{field.name} {needed}{field.meaning} {form}"
        assert shown in page.replace("Form: ", ""), field.path
        assert f" {field.holder} " in page


def test_what_is_shown_of_an_operation_is_all_that_it_reads_and_writes():
    described = reference.find_operation("update-customer-limit")
    sent = [field.path for field in described.request]
    answered = [field.path for field in described.reply]
    assert sent[:3] == ["Data.Username", "Data.Password", "Data.Update_Limit.Ref_Id"]
    assert {"Data.Update_Limit.Tran_Id", "Data.Update_Limit.Enquiry_Ref_Id"} <= {*sent}
    assert {"Data.Avail_Limit", "Meta.Flags", "Meta.Month", "Meta.Replayed"} <= {*answered}
    assert {"Meta.Errors", "Meta.Errors[].Field", "Meta.Errors[].Message"} <= {*answered}
    assert not any(path.startswith(("Risk", "Links")) for path in (*sent, *answered))
    reads = [field.path for field in reference.find_operation("check-customer-kyc").reply]
    assert "Meta.Replayed" not in reads


@pytest.mark.parametrize("name", WORDS)
def test_a_page_has_every_golden_answer_with_its_request_and_when_it_comes(name):
    page = unescape(open_docs(name).content.decode())
    words = " ".join(re.sub(r"<[^>]*>", " ", page).split())
    files = {file.name for file in examples.GOLDEN_FOLDER.glob(f"{name}.*")}
    for example in examples.list_examples(name):
        said = f"HTTP {example.status} Resp_Code {example.code} {example.title} {example.when}"
        assert said in words
        reply = examples.GOLDEN_FOLDER / f"{name}.{example.case}.reply.json"
        request = reply.with_name(f"{name}.{example.case}.request.json")
        files -= {request.name, reply.name}
        for file in (reply, request) if request.exists() else (reply,):
            shown = json.dumps(json.loads(file.read_text("utf-8")), indent=2, ensure_ascii=False)
            assert f"<pre>{shown}</pre>" in page, file.name
    assert files == set()


def test_no_words_are_kept_for_an_example_that_is_gone():
    used = {example.words for name in WORDS for example in examples.list_examples(name)}
    assert used == {*WHEN_ANSWERED}


class Loads(HTMLParser):
    """Collects what a page loads, and what of it the CSP would stop."""

    def __init__(self, text):
        super().__init__()
        self.loads, self.inline = [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        attributes = dict(attrs)
        if tag in {"link", "script", "img", "use"}:
            self.loads += [attributes[name] for name in ("src", "href") if attributes.get(name)]
        if tag == "style" or (tag == "script" and "src" not in attributes):
            self.inline.append(tag)
        self.inline += [name for name in attributes if name.startswith("on") or name == "style"]


@pytest.mark.parametrize("name", ["", *WORDS])
def test_a_page_is_light_and_loads_nothing_from_elsewhere(name):
    page = open_docs(name)
    policy = page["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "data:" not in policy
    found = Loads(page.content.decode())
    assert found.inline == []
    sizes = [len(page.content)]
    for address in {each.partition("#")[0] for each in found.loads}:
        assert address.startswith("/static/")
        sizes.append(len(Client().get(address).getvalue()))
    assert len(sizes) > 3
    assert sum(sizes) < MOST_BYTES


def test_there_is_no_page_of_an_operation_that_is_not_there():
    reply = Client().get(f"{DOCS}/nothing")
    assert (reply.status_code, reply.json()["Data"]["Resp_Code"]) == (404, "404")


# The form.


def read_form(page):
    """Read what the form is filled in with."""
    [text] = re.findall(r"<textarea[^>]*>(.*?)</textarea>", page.content.decode(), re.DOTALL)
    return unescape(text)


@pytest.mark.parametrize("name", WORDS)
def test_each_golden_request_can_be_chosen(name):
    ready = [each for each in examples.list_examples(name) if each.request is not None]
    page = open_docs(name)
    assert read_form(page) == ready[0].sent
    for example in ready:
        assert f"?example={example.case}#try" in page.content.decode()
        assert read_form(open_docs(name, example=example.case)) == example.sent
    assert read_form(open_docs(name, example="no such")) == ready[0].sent


def test_what_is_sent_is_a_real_call(body):
    page = send(json.dumps(body))
    assert read_codes(page) == (200, "000")
    [check] = LimitCheck.objects.all()
    assert check.ref_id == body["Data"]["Check_Limit"]["Ref_Id"]
    assert json.loads(read_form(page)) == body
    assert '"Avail_Amount_Limit": "8000.00"' in unescape(page.content.decode())
    again = send(json.dumps(body))
    assert '"Replayed": true' in unescape(again.content.decode())
    assert LimitCheck.objects.count() == 1


def test_a_refusal_is_shown_with_its_fields(body):
    body["Data"]["Check_Limit"] |= {"Amount": "1,000", "Tran_Type": "X"}
    page = send(json.dumps(body))
    assert read_codes(page) == (400, "400")
    shown = read_words(page)
    assert "Data.Check_Limit.Amount must be text like 2000.00" in shown
    assert "Data.Check_Limit.Tran_Type " in shown


@pytest.mark.parametrize("text", ["", "{", "no JSON", "[]", '{"Data": {}}', "नमस्ते <b>"])
def test_what_is_no_json_is_sent_as_it_is_and_refused_by_the_api(text):
    page = send(text)
    assert read_codes(page) == (400, "400")
    assert "Data The body is not JSON with an object Data.Check_Limit in it." in read_words(page)
    assert read_form(page) == text


def test_what_is_too_large_is_refused_by_the_api_too(body):
    assert read_codes(send(json.dumps(body) + " " * 64 * 1024)) == (413, "400")


def test_it_is_sent_as_it_was_typed(body, monkeypatch):
    sent = []
    monkeypatch.setattr(root.envelope, "parse_body", lambda raw, _: sent.append(raw))
    send("{\r\n  }")  # as browsers send a textarea's lines
    assert sent == [b"{\n  }"]


def test_it_is_throttled_and_kept_as_any_call(body, settings):
    settings.PPIMS_FAILED_LOGINS_PER_ADDRESS = 2
    body["Data"]["Check_Limit"]["System_Id"] = "CBS"
    assert read_codes(send(json.dumps(body))) == (403, "403")
    assert root.buffer.write() == 1
    body["Data"]["Password"] = "wrong"
    codes = [read_codes(send(json.dumps(body))) for _ in "123"]
    assert codes == [(401, "401"), (401, "401"), (429, "429")]
    assert "Retry-After: " in read_words(send(json.dumps(body)))


def test_its_password_is_in_no_log_no_session_and_no_address(body, caplog):
    client = Client()
    with caplog.at_level("DEBUG"):
        page = send(json.dumps(body), client=client)
    [line] = [record.details for record in caplog.records if record.name == "ppims.api"]
    assert (line["operation"], line["processor"], line["resp_code"]) == (CHECK, "ENT", "000")
    assert PASSWORD not in str([vars(record) for record in caplog.records])
    assert not client.session.items()
    assert page["Cache-Control"] == "no-store"
    assert not re.findall(rf'(?:href|action|hx-post)="[^"]*{PASSWORD}', page.content.decode())


def test_for_htmx_the_answer_comes_alone(body):
    part = send(json.dumps(body), headers={"HX-Request": "true"})
    assert read_codes(part) == (200, "000")
    assert "<textarea" not in part.content.decode()
    assert "<html" not in part.content.decode()


@pytest.mark.parametrize(
    ("answer", "is_done", "said", "codes"),
    [
        (Answer.LOST, True, "closed after 7 seconds", None),
        (Answer.LOST, False, "closed after 7 seconds", None),
        (Answer.SLOW, True, "would wait 7 seconds longer", (200, "000")),
        (Answer.BUSY, True, "Retry-After: 1", (503, "503")),
    ],
)
def test_what_a_demo_makes_of_an_answer_is_shown_at_once(
    ent, body, settings, tmp_path, answer, is_done, said, codes
):
    settings.PPIMS_STAND_IN, settings.PPIMS_DATA_DIR = True, tmp_path
    next_answers.set_next(ent, NextAnswer(CHECK, answer, is_done=is_done, seconds=7))
    page = send(json.dumps(body))
    assert said in read_words(page)
    assert read_codes(page) == codes
    assert LimitCheck.objects.exists() == is_done
    assert read_codes(send(json.dumps(body))) == (200, "000")


def test_without_its_token_nothing_is_sent(body):
    client = Client(enforce_csrf_checks=True)
    address = f"{DOCS}/{CHECK}"
    assert client.post(address, {"text": json.dumps(body)}).status_code == 403
    assert not LimitCheck.objects.exists()
    page = client.get(address).content.decode()
    token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', page)[1]
    fields = {"text": json.dumps(body), "csrfmiddlewaretoken": token}
    assert client.post(address, fields).status_code == 200
    assert LimitCheck.objects.exists()


def test_in_production_there_is_no_form_and_the_page_stays(body, settings):
    settings.PRODUCTION = True
    for name in WORDS:
        page = open_docs(name).content.decode()
        assert "<form" not in page
        assert "Try it" not in page
    reply = Client().post(f"{DOCS}/{CHECK}", {"text": json.dumps(body)})
    assert (reply.status_code, reply.json()["Data"]["Resp_Code"]) == (405, "405")
    assert reply["Allow"] == "GET, HEAD"
    assert not LimitCheck.objects.exists()


@pytest.mark.parametrize("method", ["put", "delete", "patch", "options"])
def test_no_other_method_is_allowed(method):
    for address in (DOCS, f"{DOCS}/{CHECK}", f"{PREFIX}/openapi.json"):
        reply = getattr(Client(), method)(address)
        assert (reply.status_code, reply["Allow"]) == (405, "GET, HEAD")
    assert Client().post(DOCS).status_code == 405


def test_a_declined_check_is_not_promised_a_t_when_it_is_sent_again():
    fields = {each.name: each for each in reference.find_operation("check-customer-limit").request}
    assert "what was declined stays F" in fields["Ref_Id"].meaning
