"""Notices: what the daily watch has found, as a list and each by itself; who closes which."""

from datetime import UTC, date, datetime, timedelta

import pytest

from limits.models import Notice
from ppims.core import clock
from ppims.models import AuditEntry, Job
from ppims.services import jobs
from tests.factories import make_check, make_customer, make_notice, make_processor
from tests.web.admin_pages import open_browser, read_words

pytestmark = pytest.mark.django_db
HTMX = {"HX-Request": "true"}
AT = datetime(2031, 6, 17, 6, 30, tzinfo=UTC)  # noon in India
TODAY = date(2031, 6, 17)
KIND = Notice.Kind


@pytest.fixture(autouse=True)
def _then():
    with clock.freeze(AT):
        yield


@pytest.fixture
def ent():
    return make_processor("ENT")


@pytest.fixture
def viewer():
    return open_browser("viewer")


@pytest.fixture
def stop(ent):
    return make_notice(unique_id=make_customer(ent), step=30)


def find_page(notice):
    return f"/work/notices/{notice.pk}"


def close(client, notice, note="Came to the branch"):
    return client.post(find_page(notice), {"note": note})


# The list.


def test_the_most_urgent_is_first_each_in_words(ent, stop, viewer):
    make_notice(unique_id=make_customer(ent, customer_name="Ravi Rao"), day=date(2031, 6, 18))
    yesterday = date(2031, 6, 16)
    make_notice(kind=KIND.UNANSWERED, processor=ent, day=yesterday, count=1_200)
    make_notice(kind=KIND.PASSWORD, processor=ent, day=date(2030, 6, 1))
    make_notice(kind=KIND.SEAL, day=yesterday)
    make_notice(kind=KIND.SEAL, day=TODAY, has_failed=True)
    make_notice(kind=KIND.BACKUP, day=yesterday)
    make_notice(kind=KIND.BACKUP, day=TODAY, has_failed=True)
    make_notice(kind=KIND.VERIFICATION, day=yesterday)
    make_notice(kind=KIND.VERIFICATION, day=TODAY, has_failed=True)
    make_notice(kind=KIND.VERIFICATION, day=TODAY, has_failed=True, count=1)
    found = "17 Jun 2031, 12:00 PM"
    expected = [
        "Nothing has been verified since 16 Jun 2031",
        "The verification of 17 Jun 2031 could not be done",
        "The verification of 17 Jun 2031 has 1 finding",
        "No seal has been made since 16 Jun 2031",
        "The seal of 17 Jun 2031 could not be made",
        "No backup has been made since 16 Jun 2031",
        "The backup of 17 Jun 2031 could not be made",
        "The password was made on 1 Jun 2030, 381 days ago ENT",
        "1,200 allowed checks of 16 Jun 2031 were never answered ENT",
        "Loading stops on 18 Jun 2031, in 1 day Ravi Rao",
        "Loading stops on 27 Jun 2031, in 10 days Meera Iyer",
    ]
    assert "".join(f"{each} {found} " for each in expected) in read_words(
        viewer.get("/work/notices")
    )


def test_where_there_are_none_that_is_said_and_when_it_was_looked_for(viewer):
    nobody = "Nobody looks for them now. Ask whoever runs the server"
    assert f"Nothing waits. {nobody}" in read_words(viewer.get("/work/notices"))
    result = {"opened": 1_200, "closed": 3, "waiting": {}}
    jobs.record_done(Job.Kind.WATCH, began_at=AT, arguments={"day": "x"}, result=result)
    said = "Last looked for on 17 Jun 2031, 12:00 PM. 1,200 new, 3 closed by themselves."
    assert said in (words := read_words(viewer.get("/work/notices")))
    assert nobody not in words
    result |= {"opened": 0, "closed": 0}
    jobs.record_done(Job.Kind.WATCH, began_at=AT, arguments={"day": "y"}, result=result)
    assert "12:00 PM. Nothing new." in read_words(viewer.get("/work/notices"))
    for late, is_said in ((timedelta(days=2) - timedelta(seconds=1), False), (timedelta(2), True)):
        with clock.freeze(AT + late):
            assert (nobody in read_words(open_browser("maker").get("/work/notices"))) == is_said


def test_a_list_goes_on_by_load_more_and_each_is_there_once(ent, viewer, monkeypatch):
    few = {"cursor": "", "rows": 2}
    monkeypatch.setattr("ppims.reports.notices.list_waiting.__kwdefaults__", few)
    made = [make_notice(kind=KIND.SEAL), make_notice(processor=ent), make_notice(processor=ent)]
    first = viewer.get("/work/notices").content.decode()
    more = first.split('<a href="?after=')[1].split('"')[0]
    rest = viewer.get(f"/work/notices?after={more}", headers=HTMX).content.decode()
    assert [find_page(each) in first for each in made] == [True, True, False]
    assert [find_page(each) in rest for each in made] == [False, False, True]
    assert "<html" not in rest
    assert "after=" not in rest


@pytest.mark.parametrize("done", ["", "&done=1"])
def test_a_filter_shows_those_of_a_kind(ent, viewer, done):
    closed = {"state": "CLOSED", "closed_at": AT} if done else {}
    seal = make_notice(kind=KIND.SEAL, **closed)
    stop = make_notice(unique_id=make_customer(ent), **closed)
    page = viewer.get(f"/work/notices?kind=LOADING_STOP{done}").content.decode()
    assert (find_page(stop) in page, find_page(seal) in page) == (True, False)


def test_an_unknown_kind_is_422_and_an_odd_cursor_404(viewer):
    assert viewer.get("/work/notices?kind=NOBODY").status_code == 422
    assert viewer.get("/work/notices?after=x").status_code == 404
    assert viewer.get("/work/notices?done=1&after=x").status_code == 404


def test_those_that_were_closed_are_told_last_first_with_who(ent, stop):
    close(open_browser("maker"), stop)
    gone = {"state": "CLOSED", "closed_at": AT + timedelta(hours=1)}
    make_notice(kind=KIND.SEAL, day=TODAY, **gone)
    words = read_words(open_browser("viewer").get("/work/notices?done=1"))
    user = Notice.objects.get(pk=stop.pk).closed_by.get_username()
    assert (
        "No seal has been made since 17 Jun 2031 By itself 17 Jun 2031, 1:00 PM Loading stops on"
        f" 27 Jun 2031, in 10 days Meera Iyer {user} 17 Jun 2031, 12:00 PM"
    ) in words


# One by itself.


def test_a_notice_says_what_to_do_and_leads_to_its_customer(stop, maker):
    page = maker.get(find_page(stop))
    words = read_words(page)
    assert "Loading stops on 27 Jun 2031, in 10 days" in words
    assert "Ask the customer to come for a higher KYC before that day." in words
    assert f'href="/customers/{stop.unique_id}"' in page.content.decode()


def test_checks_lead_to_their_processor_and_to_its_list_of_that_day(ent, viewer):
    with clock.freeze(AT - timedelta(days=1)):
        make_check(ent, make_customer(ent), 4_321)
    make_check(ent, make_customer(ent, account_number="000000000009"), 9_999)
    day = TODAY - timedelta(days=1)
    notice = make_notice(kind=KIND.UNANSWERED, processor=ent, count=1, day=day)
    page = viewer.get(find_page(notice)).content.decode()
    address = page.split('href="/transactions?')[1].split('"')[0].replace("&amp;", "&")
    listed = viewer.get(f"/transactions?{address}").content.decode()
    assert ("₹43.21" in listed, "₹99.99" in listed) == (True, False)
    assert f'href="/settings/processors/{ent.pk}"' in page
    assert "A maker closes it." in page


def test_an_old_password_leads_to_its_processor_alone(ent, viewer):
    notice = make_notice(kind=KIND.PASSWORD, processor=ent, day=date(2030, 6, 1))
    page = viewer.get(find_page(notice)).content.decode()
    assert f'href="/settings/processors/{ent.pk}"' in page
    assert 'href="/transactions?' not in page
    assert "An admin closes it." in page


def test_closing_takes_a_note_and_leads_to_the_next(ent, stop):
    later = make_notice(unique_id=make_customer(ent), day=TODAY + timedelta(days=20))
    make_notice(kind=KIND.SEAL)  # no maker's
    client = open_browser("maker")
    assert "1 of 2" in read_words(client.get(find_page(stop)))
    answer = close(client, stop)
    assert answer["Location"] == find_page(later)
    assert "Closed." in read_words(client.get(find_page(later)))
    words = read_words(client.get(find_page(stop)))
    assert "Closed Came to the branch" in words
    assert "<textarea" not in client.get(find_page(stop)).content.decode()
    assert close(client, later)["Location"] == "/work/notices"


@pytest.mark.parametrize(
    ("note", "said"),
    [("", "Write what was done about it."), ("x" * 501, "at most 500 characters")],
)
def test_without_a_note_it_stays_open(stop, maker, note, said):
    answer = close(maker, stop, note)
    assert answer.status_code == 422
    assert said in read_words(answer)
    assert Notice.objects.get().is_open


def test_a_whole_document_number_is_refused_and_not_repeated_in_the_audit(stop, maker):
    answer = close(maker, stop, "Aadhaar 2345 6789 0124")
    assert answer.status_code == 422
    assert "write its last four digits" in read_words(answer)
    assert not AuditEntry.objects.filter(action="notice closed").exists()


def test_what_another_has_closed_meanwhile_stays(stop, maker):
    close(open_browser("maker"), stop, "First")
    answer = close(maker, stop, "Second")
    assert answer.status_code == 422
    assert "was closed before" in read_words(answer)
    assert Notice.objects.get().note == "First"


@pytest.mark.parametrize("kind", KIND)
@pytest.mark.parametrize("role", ["viewer", "maker", "checker", "auditor", "admin"])
def test_makers_close_what_is_about_customers_auditors_and_admins_upkeep(ent, role, kind):
    is_upkeep = kind in Notice.OF_UPKEEP
    notice = make_notice(kind=kind, **({} if is_upkeep else {"processor": ent}))
    others = {"admin"} if kind == KIND.PASSWORD else {"maker"}
    may = role in ({"auditor", "admin"} if is_upkeep else others)
    client = open_browser(role)
    assert ("<textarea" in client.get(find_page(notice)).content.decode()) == may
    assert close(client, notice).status_code == (302 if may else 403)
    assert Notice.objects.get().is_open != may


def test_the_oldest_leads_to_the_first_of_ones_own(ent, stop):
    old = make_notice(kind=KIND.PASSWORD, processor=ent)
    assert open_browser("auditor").get("/work/notices?oldest=1").status_code == 200
    assert open_browser("admin").get("/work/notices?oldest=1")["Location"] == find_page(old)
    seal = make_notice(kind=KIND.SEAL)
    for role, first in (("maker", stop), ("auditor", seal), ("admin", seal)):
        answer = open_browser(role).get("/work/notices?oldest=1")
        assert answer["Location"] == find_page(first)
    assert open_browser("viewer").get("/work/notices?oldest=1").status_code == 200


def test_a_closed_notice_is_a_sentence_of_the_audit(stop, maker):
    close(maker, stop)
    words = read_words(open_browser("auditor").get("/settings/audit"))
    assert "Closed a notice: loading stops" in words
