"""Background work on pages: who asks for it, who sees it, how far it is, and what came of it."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from django.core.management import call_command
from django.urls import reverse

from limits.models import Seal
from limits.services import seals
from ppims.backoffice.seals import SEALS_SHOWN
from ppims.core import clock
from ppims.core.errors import Unavailable
from ppims.maintenance import jobs as runner
from ppims.models import AuditEntry, Job, User
from ppims.services import audit, jobs
from tests.factories import make_customer, make_posting
from tests.web.admin_pages import open_browser, read_words

pytestmark = pytest.mark.django_db
HTMX = {"HX-Request": "true"}
AT = datetime(2031, 6, 17, 6, 30, tzinfo=UTC)  # noon in India
VERIFY, SEAL = Job.Kind.VERIFY, Job.Kind.SEAL


@pytest.fixture(autouse=True)
def _then():
    with clock.freeze(AT):
        yield


@pytest.fixture
def auditor():
    return open_browser("auditor")


def run_all():
    while runner.run_next("1-one"):
        pass


def get_owner(client):
    return User.objects.get(pk=client.session["_auth_user_id"])


def look(client, job):
    return client.get(reverse("job", args=[job.pk]))


# Seals and verification, on the audit's page.


@pytest.mark.parametrize("role", ["auditor", "admin"])
def test_a_seal_is_made_at_the_press_of_a_button_and_its_file_is_fetched(role):
    client = open_browser(role)
    assert "There is no seal yet. Make a seal" in read_words(client.get("/settings/audit"))
    asked = client.post("/settings/audit/seal")
    assert (asked.status_code, asked["Location"]) == (302, "/settings/audit")
    page = read_words(client.get("/settings/audit"))
    assert "Waiting It begins as soon as the work before it is done." in page
    assert "Make a seal" not in page
    run_all()
    page = client.get("/settings/audit")
    assert "Seal 1 , 17 Jun 2031, 12:00 PM Make a seal Fetch its file All seals" in read_words(page)
    assert 'href="/settings/audit/seals/1/file"' in page.content.decode()
    file = client.get("/settings/audit/seals/1/file")
    assert seals.read_exported(file.json()).number == 1
    assert 'filename="seal-000001.json"' in file["Content-Disposition"]
    assert client.get("/settings/audit/seals/2/file").status_code == 404


def test_a_seal_is_on_record_once_with_who_asked_for_it(auditor):
    auditor.post("/settings/audit/seal")
    run_all()
    (entry,) = AuditEntry.objects.filter(action="sealed")
    assert (entry.user, audit.read_detail(entry)) == (get_owner(auditor), {"seal": 1})


def test_the_audit_failing_no_seal_is_made_and_the_job_says_so(auditor, monkeypatch):
    def fail(*_, **__):
        raise ValueError

    auditor.post("/settings/audit/seal")
    monkeypatch.setattr(audit, "record", fail)
    run_all()
    monkeypatch.undo()
    assert not Seal.objects.exists()
    assert "Not done: A fault of ours; the log has it." in read_words(
        auditor.get("/settings/audit")
    )
    auditor.post("/settings/audit/seal")
    run_all()
    assert "Not done" not in read_words(auditor.get("/settings/audit"))


def test_asked_for_by_two_while_it_waits_it_is_done_once(auditor):
    auditor.post("/settings/audit/verify")
    open_browser("admin").post("/settings/audit/verify")
    (job,) = Job.objects.all()
    assert job.owner == get_owner(auditor)


def test_a_verification_says_what_was_found_and_is_on_record(auditor, ent):
    make_posting(ent, make_customer(ent), 500)
    assert "The ledger has not been verified yet." in read_words(auditor.get("/settings/audit"))
    auditor.post("/settings/audit/verify")
    run_all()
    page = read_words(auditor.get("/settings/audit"))
    assert "17 Jun 2031, 12:00 PM : 3 rows verified: all as they should be. Verify now" in page
    (entry,) = AuditEntry.objects.filter(action="ledger verified")
    assert (entry.user, audit.read_detail(entry)) == (
        get_owner(auditor),
        {"rows": 3, "findings": 0},
    )
    assert "Verified the ledger: 3 rows, nothing found" in page


def test_what_a_verification_has_found_is_named_on_its_page(auditor):
    job = jobs.ask(VERIFY, owner=get_owner(auditor))
    named = [f"entry {number} of customer 7: its mac is wrong" for number in range(20)]
    jobs.finish(jobs.claim_next("1-one"), {"rows": 1234567, "findings": 31, "named": named})
    said = "31 findings in 12,34,567 rows: something is not as it should be."
    page = auditor.get("/settings/audit")
    assert said in read_words(page)
    assert f'href="/settings/jobs/{job.pk}"' in page.content.decode()
    words = read_words(look(auditor, job))
    assert said in words
    assert [text for text in named if text not in words] == []


def test_a_verification_by_command_is_told_of_with_who_ran_it(auditor):
    jobs.record_done(
        VERIFY,
        began_at=AT,
        arguments={"operator": "root (logged in as meera)"},
        result={"rows": 9, "findings": 1, "named": ["hold of check 3"], "is_cut_short": True},
    )
    page = look(auditor, Job.objects.get())
    assert "this is the first that was found. hold of check 3" in read_words(page)
    assert "Asked for by root (logged in as meera), at the machine, 17 Jun 2031" in read_words(page)


def test_the_list_of_audit_alone_reads_nothing_of_seals(auditor, django_assert_max_num_queries):
    part = auditor.get("/settings/audit", headers=HTMX)
    assert "Last seal" not in read_words(part)
    for _ in range(3):
        seals.make()
    with django_assert_max_num_queries(24):
        auditor.get("/settings/audit")


def test_seals_are_listed_last_first_some_at_a_time(auditor):
    fields = {"at": AT, "key_id": "k", "ledger_digest": b"", "audit_digest": b"", "mac": b""}
    counts = dict.fromkeys(
        ("last_entry_id", "last_check_id", "last_audit_id", "check_count", "audit_count"), 0
    )
    count = SEALS_SHOWN + 1
    Seal.objects.bulk_create(
        Seal(number=number, entry_count=number, **fields, **counts)
        for number in range(1, count + 1)
    )
    page = auditor.get("/settings/audit/seals")
    assert [seal.number for seal in page.context["seals"]] == list(range(count, 1, -1))
    assert '<a href="?before=2">' in page.content.decode()
    last = auditor.get("/settings/audit/seals?before=2")
    assert [seal.number for seal in last.context["seals"]] == [1]
    assert "Older seals" not in read_words(last)
    assert auditor.get(f"/settings/audit/seals?before={'9' * 30}").status_code == 200


# A job's own page.


@pytest.mark.parametrize(("role", "status"), [("admin", 200), ("auditor", 200), ("maker", 403)])
def test_a_job_opens_to_its_owner_and_to_who_may_see_what_it_is_about(role, status):
    owner = open_browser("viewer")
    job = jobs.ask(VERIFY, owner=get_owner(owner))
    assert look(owner, job).status_code == 200
    assert look(open_browser(role), job).status_code == status
    assert owner.get(f"/settings/jobs/{10**30}").status_code == 404


def test_a_job_at_work_shows_how_far_it_is_and_asks_again_by_itself(auditor):
    job = jobs.ask(VERIFY, owner=get_owner(auditor))
    mine = jobs.claim_next("1-one")
    assert "Running It has begun." in read_words(look(auditor, job))
    jobs.keep_progress(mine, 250_000, 1_000_000)
    page = look(auditor, job).content.decode()
    assert "2,50,000 of 10,00,000 rows" in page
    assert 'width="25%"' in page
    assert f'hx-get="/settings/jobs/{job.pk}?poll=1" hx-trigger="every 2s"' in page
    assert f'<noscript><p><a href="/settings/jobs/{job.pk}">Look again</a>' in page
    Job.objects.update(attempts=2)
    assert "2,50,000 of 10,00,000 rows, after it was cut off" in read_words(look(auditor, job))


def test_a_part_that_has_ended_asks_no_more_and_the_news_is_told_once(auditor):
    job = jobs.ask(VERIFY, owner=get_owner(auditor))
    open_part = auditor.get(f"/settings/jobs/{job.pk}?poll=1", headers=HTMX).content.decode()
    assert "every 2s" in open_part
    assert 'id="messages"' not in open_part
    run_all()
    part = auditor.get(f"/settings/jobs/{job.pk}?poll=1", headers=HTMX).content.decode()
    assert "every 2s" not in part
    assert 'id="messages" role="status" aria-live="polite" hx-swap-oob' in part
    assert look(auditor, job).content.decode().count('id="messages"') == 1  # the frame's own


def test_the_audits_part_tells_how_what_was_waited_for_has_ended(auditor):
    auditor.post("/settings/audit/seal")
    auditor.post("/settings/audit/verify")
    page = auditor.get("/settings/audit")
    poll = page.context["proof"]["poll"]
    assert f'hx-get="{poll.replace("&", "&amp;")}"' in page.content.decode()
    run_all()
    part = auditor.get(poll, headers=HTMX)
    words = read_words(part)
    assert "Seal 1 is made. Fetch its file, and keep it elsewhere." in words
    assert "every 2s" not in part.content.decode()
    assert len(part.context["news"]) == 2
    assert auditor.get("/settings/audit/proof?poll=1&watched=x.9", headers=HTMX).status_code == 200
    assert auditor.get(poll)["Location"] == "/settings/audit"


def test_a_job_that_nobody_takes_says_what_to_do(auditor):
    job = jobs.ask(VERIFY, owner=get_owner(auditor))
    assert "Nobody does background work" not in read_words(look(auditor, job))
    with clock.freeze(AT + timedelta(seconds=61)):
        words = read_words(look(auditor, job))
    assert "Nobody does background work now. Ask whoever runs the server to start it" in words


def test_what_a_page_asks_by_itself_keeps_no_session(auditor):
    job = jobs.ask(VERIFY, owner=get_owner(auditor))
    session = auditor.session
    session["seen"] = before = session["seen"] - 600
    session.save()
    auditor.get(f"/settings/jobs/{job.pk}?poll=1", headers=HTMX)
    assert auditor.session["seen"] == before
    look(auditor, job)
    assert auditor.session["seen"] > before


# By command.


def verify_by_command(*options):
    call_command("verify_ledger", *options)


def test_the_command_is_remembered_with_what_it_found(ent, capsys):
    make_posting(ent, make_customer(ent), 500)
    verify_by_command()
    job = Job.objects.get()
    assert (job.kind, job.state, job.owner) == ("VERIFY", "DONE", None)
    result = {"rows": 3, "findings": 0, "named": [], "is_cut_short": False}
    assert json.loads(job.result) == result


def test_where_nothing_can_be_written_the_command_verifies_all_the_same(monkeypatch, capsys):
    def fail(*_, **__):
        raise Unavailable

    monkeypatch.setattr(jobs, "record_done", fail)
    verify_by_command()
    assert "all as they should be" in capsys.readouterr().out
