"""A processor's file is brought, compared in the background, looked at, and settled."""

import csv
import hashlib
import io
import os
import time
from datetime import datetime
from pathlib import Path

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import CommandError, call_command
from django.urls import reverse

from limits.models import Reconciliation, ReconciliationDifference
from limits.reconcile import storing
from limits.services import reconciliations
from ppims.core import clock, uploads
from ppims.core.calendar import IST
from ppims.maintenance import jobs as runner
from ppims.maintenance.reconciling import GONE_TEXT
from ppims.models import AuditEntry, Job
from ppims.services import jobs
from tests.factories import make_customer, make_posting, make_processor
from tests.web.admin_pages import make_user, open_browser, read_words

pytestmark = pytest.mark.django_db
AT = datetime(2031, 6, 17, 12, tzinfo=IST)
HEAD = "Tran_Id,Tran_Type,Amount,Tran_Date,Unique_Id\n"
HTMX = {"HX-Request": "true"}


@pytest.fixture(autouse=True)
def folder(settings, tmp_path):
    """Where what is brought lies."""
    settings.PPIMS_DATA_DIR = tmp_path
    with clock.freeze(AT):
        yield tmp_path / "brought"


@pytest.fixture
def ent():
    return make_processor("ENT")


@pytest.fixture
def customer(ent):
    return make_customer(ent, kyc_flag="F")


@pytest.fixture
def maker():
    return open_browser("maker")


def bring(client, ent, text, **more):
    content = text if isinstance(text, bytes) else text.encode()
    fields = {
        "processor": ent.pk,
        "since": "01-06-2031",
        "until": "17-06-2031",
        "file": SimpleUploadedFile("their.csv", content, "text/csv"),
    }
    return client.post("/reconcile/bring", {**fields, **more})


def compare(client, ent, *lines):
    """Bring lines, and let the background work be done: the run."""
    text = HEAD + "".join(f"{line}\n" for line in lines)
    response = bring(client, ent, text)
    assert response.status_code == 302, read_words(response)
    runner.run_next("a-runner")
    return Reconciliation.objects.latest("id")


def list_files(folder):
    return list(folder.glob("*")) if folder.exists() else []


def test_a_file_is_compared_in_the_background_and_then_gone(ent, customer, maker, folder):
    make_posting(ent, customer, 10_000, tran_id="T1")
    text = f"{HEAD}T1,D,100,17-06-2031,{customer}\n"
    response = bring(maker, ent, text)
    run = Reconciliation.objects.get()
    assert response["Location"] == f"/reconcile/{run.pk}"
    (stored,) = list_files(folder)
    assert b"T1" not in stored.read_bytes()
    assert (stored.stat().st_mode & 0o777, folder.stat().st_mode & 0o777) == (0o600, 0o700)
    waiting = maker.get(response["Location"])
    assert "It begins as soon as the work before it is done." in read_words(waiting)
    assert f'hx-get="/reconcile/{run.pk}?poll=1"' in waiting.content.decode()
    runner.run_next("a-runner")
    run.refresh_from_db()
    assert run.digest == hashlib.sha256(text.encode()).hexdigest()
    assert (run.state, run.difference_count, run.size_bytes) == ("DONE", 0, len(text))
    assert list_files(folder) == []
    polled = maker.get(f"{response['Location']}?poll=1", headers=HTMX)
    assert (polled.status_code, polled["HX-Redirect"]) == (204, response["Location"])
    assert "The file and our books agree." in read_words(maker.get(response["Location"]))


def test_a_run_is_shown_with_its_sums_and_each_difference(ent, customer, maker):
    make_posting(ent, customer, 10_000, tran_id="T1")
    make_posting(ent, customer, 20_000, direction="C", ref_id="U7")
    run = compare(maker, ent, "T1,D,100.01,17-06-2031,", "T2,D,5,17-06-2031,", "T3,X,5,1,")
    page = maker.get(f"/reconcile/{run.pk}")
    said = read_words(page)
    assert "3 differences are to be settled." in said
    assert "1 row could not be read: have the file mended, and bring it again." in said
    assert "Amount differs, spend 1 Theirs ₹100.01 Ours ₹100.00" in said
    assert "Only in our books, load 1 Theirs ₹0.00 Ours ₹200.00" in said
    assert "Only in our books, load, Ref_Id U7 Ours ₹200.00 To settle" in said
    assert "Row 4 refused Tran_Type Input should be 'D' or 'C'" in said
    found = maker.get(f"/reconcile/{run.pk}?kind=ONLY_THEIRS&state=open", headers=HTMX)
    assert [each.tran_id for each in found.context["rows"]] == ["T2"]
    assert maker.get(f"/reconcile/{run.pk}?kind=nonsense").status_code == 422
    assert "ENT, 1 Jun 2031 to 17 Jun 2031" in read_words(maker.get("/reconcile"))


def test_a_difference_leads_to_where_it_is_put_right(ent, customer, maker):
    posting, _ = make_posting(ent, customer, 10_000, tran_id="T1")
    run = compare(maker, ent, "T1,D,99.5,17-06-2031,", f"T2,C,5,17-06-2031,{customer}")
    amount, only_theirs = run.differences.order_by("id")
    page = maker.get(f"/reconcile/differences/{amount.pk}")
    ways = {str(way.label): way.address for way in page.context["ways"]}
    assert list(ways) == ["Correct the posting", "Flagged posting", "Customer"]
    assert f"/transactions/entry/{posting.pk}" in page.content.decode()
    assert 'value="0.50"' in maker.get(ways["Correct the posting"]).content.decode()
    assert maker.get(ways["Flagged posting"]).status_code == 200
    page = maker.get(f"/reconcile/differences/{only_theirs.pk}")
    ways = {str(way.label): way.address for way in page.context["ways"]}
    form = maker.get(ways["Add by a correction"]).context["form"]
    assert [form[name].value() for name in ("amount", "way", "direction", "month")] == [
        *("5.00", "add", "C", 203106)
    ]


def test_a_maker_settles_one_after_another_and_others_look(ent, maker):
    run = compare(maker, ent, "T1,D,1,17-06-2031,", "T2,D,1,17-06-2031,")
    first, second = run.differences.order_by("id")
    address = f"/reconcile/differences/{first.pk}"
    assert maker.post(address, {"note": " "}).status_code == 422
    assert open_browser("checker").post(address, {"note": "n"}).status_code == 403
    response = maker.post(address, {"note": "They report it late"})
    assert response["Location"] == f"/reconcile/differences/{second.pk}"
    assert maker.post(address, {"note": "Again"}).status_code == 422
    response = maker.post(response["Location"], {"note": "Likewise"})
    assert response["Location"] == f"/reconcile/{run.pk}"
    run.refresh_from_db()
    assert run.open_count == 0
    assert "All differences are settled." in read_words(maker.get(response["Location"]))
    assert "They report it late" in read_words(open_browser("auditor").get(address))


def test_the_differences_leave_as_a_file_that_is_on_record(ent, customer, maker):
    make_posting(ent, customer, 10_000, tran_id="-T1")
    run = compare(maker, ent, "T2,D,1,17-06-2031,", "=1+1,D,1,17-06-2031,")
    sent = maker.post(f"/reconcile/{run.pk}/export").getvalue().decode("utf-8-sig")
    head, *rows = csv.reader(io.StringIO(sent))
    assert (head[0], [row[:6] for row in rows]) == (
        "Outcome",
        [
            ["Only in their file", "T2", "", "Spend", "1.00", ""],
            ["Only in our books", "'-T1", "", "Spend", "", "100.00"],
            ["Row refused", "", "", "", "", ""],
        ],
    )
    assert "=1+1" not in sent
    assert AuditEntry.objects.latest("id").action == "differences exported"


@pytest.mark.parametrize(
    ("text", "more", "said"),
    [
        ("Amount,Nonsense\n", {}, "The file has an unknown column, Nonsense"),
        ("", {}, "The file is empty: choose another."),
        (HEAD.encode("utf-16"), {}, "is not text in UTF-8"),
        (HEAD, {"until": "18-06-2031"}, "The until is not over yet"),
        (HEAD, {"since": "18-06-2031"}, "The until is before the first day"),
        (HEAD, {"processor": "999"}, "Choose the processor from the list."),
        (HEAD, {"file": ""}, "Choose the file."),
    ],
)
def test_what_can_not_be_compared_is_said_beside_its_field(ent, maker, folder, text, more, said):
    response = bring(maker, ent, text, **more)
    assert response.status_code == 422
    assert said in read_words(response)
    assert list_files(folder) == []
    assert not Reconciliation.objects.exists()


def test_a_file_over_the_limit_is_refused_and_one_at_it_is_not(ent, maker, folder, settings):
    settings.PPIMS_FILE_BYTES = len(HEAD)
    assert bring(maker, ent, HEAD).status_code == 302
    response = bring(maker, ent, f"{HEAD}\n")
    assert (response.status_code, len(list_files(folder))) == (422, 1)
    assert "larger than may be brought at once" in read_words(response)


def test_nothing_is_stored_for_who_may_not_bring_a_file(ent, client, folder):
    assert bring(client, ent, HEAD).status_code == 302
    assert bring(open_browser("checker"), ent, HEAD).status_code == 403
    strict = open_browser("maker")
    strict.handler.enforce_csrf_checks = True
    assert bring(strict, ent, HEAD).status_code == 403
    assert bring(open_browser("maker"), ent, HEAD, since="1\0").status_code == 400
    assert list_files(folder) == []
    assert not Reconciliation.objects.exists()


def test_the_pages_that_take_a_file_are_those_whose_body_may_be_large():
    assert {
        reverse(name) for name in ("reconciliation-bring", "import-new")
    } == uploads.UPLOAD_PATHS


def test_a_file_that_is_gone_ends_its_run_in_words(ent, maker, folder):
    bring(maker, ent, HEAD)
    for path in list_files(folder):
        path.unlink()
    runner.run_next("a-runner")
    run = Reconciliation.objects.get()
    assert (run.state, run.fault) == ("REFUSED", GONE_TEXT)
    assert f"Not compared: {GONE_TEXT}." in read_words(maker.get(f"/reconcile/{run.pk}"))


def test_what_nobody_compared_is_deleted_after_a_week(ent, maker, folder):
    bring(maker, ent, HEAD)
    (path,) = list_files(folder)
    for seconds, left in ((-60, [path]), (60, [])):
        then = time.time() - storing.KEPT_FOR.total_seconds() - seconds
        os.utime(path, (then, then))
        storing.purge()
        assert list_files(folder) == left


def test_a_job_that_runs_again_tells_what_the_first_time_found(ent, maker):
    run = compare(maker, ent, "T1,D,1,17-06-2031,")
    Job.objects.update(state="WAITING", ended_at=None, result="")
    runner.run_next("another")
    job = jobs.find_newest(Job.Kind.RECONCILE, reconciliations.name_job(run))
    assert jobs.read_result(job)["differences"] == 1
    assert ReconciliationDifference.objects.count() == 1


def test_the_command_compares_a_file_and_says_what_it_found(ent, customer, tmp_path, capsys):
    make_posting(ent, customer, 10_000, tran_id="T1")
    path = tmp_path / "their.csv"
    path.write_text(f"{HEAD}T1,D,100,17-06-2031,\nT2,D,1,17-06-2031,\n")
    asha = make_user("maker").username
    days = {"since": "01-06-2031", "until": "17-06-2031"}
    asked = {"processor": "ENT", "user": asha, **days}
    call_command("reconcile", path, **asked)
    run = Reconciliation.objects.get()
    assert capsys.readouterr().out.splitlines() == [
        f"Run {run.pk}: 2 rows, of them refused: 0; to settle: 1",
        "Matched: 1, theirs ₹100.00, ours ₹100.00",
        "Only in their file: 1, theirs ₹1.00, ours ₹0.00",
        f"Settle the differences in the browser: /reconcile/{run.pk}",
    ]
    for wrong in ({"processor": "XYZ"}, {"since": "yesterday"}, {"user": "nobody"}):
        with pytest.raises(CommandError):
            call_command("reconcile", path, **{**asked, **wrong})
    for gone in (Path("/nowhere"), None):
        with pytest.raises(CommandError):
            call_command("reconcile", *([gone] if gone else []), **asked)
    path.write_text("Tran_Id\n")
    with pytest.raises(CommandError, match="lacks the column"):
        call_command("reconcile", path, **asked)


def test_the_template_is_a_file_that_can_be_compared(ent, maker, capsys):
    sent = maker.get("/reconcile/template").content.decode()
    assert sent.splitlines()[0] == "Tran_Id,Tran_Type,Amount,Tran_Date,Tran_Status,Unique_Id,Ref_Id"
    call_command("reconcile", template=True)
    assert capsys.readouterr().out.splitlines() == sent.splitlines()
    assert bring(maker, ent, sent).status_code == 302
