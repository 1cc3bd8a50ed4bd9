"""Who logged in and out, who was kept out, and what was denied: on record, and counted."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from django.core.management import call_command
from django.test import Client
from django.urls import reverse

from customers.services import disclosures
from ppims.core import clock
from ppims.maintenance.jobs import QuarterlyWork
from ppims.models import AuditEntry, FailedAccess, User
from ppims.services import access, audit
from tests.factories import make_customer, make_processor
from tests.two_people import merge_customers
from tests.web.admin_pages import make_user, open_browser, read_words
from tests.web.test_log_in import guess, try_in
from tests.web.users import RIGHT_PASSWORD, find_user, make_user_of

pytestmark = pytest.mark.django_db
AT = datetime(2031, 6, 17, 6, 30, tzinfo=UTC)
OWN_SOURCE = "127.0.0.1"


def list_entries(*actions):
    """List (action, person, source, outcome, number) of the entries about access."""
    entries = AuditEntry.objects.filter(user__isnull=False).select_related("user").order_by("pk")
    details = [(each, audit.read_detail(each)) for each in entries]
    return [
        (each.action, each.user, detail["source"], detail["outcome"], detail.get("count"))
        for each, detail in details
        if "outcome" in detail and (not actions or each.action in actions)
    ]


def flush(at=AT, **later):
    with clock.freeze(at + timedelta(**later)):
        return access.flush_failures()


def fail(user, source=OWN_SOURCE, at=AT, kind="LOG_IN", **later):
    with clock.freeze(at + timedelta(**later)):
        access.count_failure(user=user, source=source, kind=kind)


@pytest.fixture
def asha():
    return make_user("maker")


# In and out.


def test_a_log_in_and_a_log_out_have_an_entry_with_who_and_from_where():
    user, client = make_user_of(), Client()
    try_in(user, client=client, REMOTE_ADDR="2001:db8:1:2:3:4:5:6")
    client.post("/log-out", REMOTE_ADDR="10.0.0.7")
    client.post("/log-out")  # nobody is
    assert list_entries() == [
        ("logged in", user, "2001:db8:1:2::", "done", None),
        ("logged out", user, "10.0.0.7", "asked", None),
    ]
    assert set(AuditEntry.objects.values_list("subject", flat=True)) == {audit.NO_CUSTOMER}


def test_who_can_not_be_put_on_record_is_not_let_in(monkeypatch):
    def fail_to_record(*_args, **_more):
        raise RuntimeError

    client, user = Client(raise_request_exception=False), make_user_of()
    with monkeypatch.context() as patched:
        patched.setattr(access.audit, "record", fail_to_record)
        assert try_in(user, client=client).status_code == 500
    assert client.get("/settings/limits").status_code == 302


def test_the_fifth_wrong_password_locks_out_once_and_all_that_follow_are_counted():
    user = make_user_of()
    guess(user, times=7)
    assert try_in(user).status_code == 429  # the right one, too
    assert list_entries() == [("locked out", user, OWN_SOURCE, "locked", None)]
    assert flush(clock.now(), minutes=15) in {1, 2}  # the quarter may have ended meanwhile
    refused = list_entries("passwords refused")
    assert {each[:4] for each in refused} == {("passwords refused", user, OWN_SOURCE, "refused")}
    assert sum(each[4] for each in refused) == 8


def test_a_wrong_old_password_is_counted_too_and_the_fifth_ends_the_session():
    user, client = make_user_of(), Client()
    try_in(user, client=client)
    form = {"old_password": "wrong", "new_password1": "x", "new_password2": "x"}
    for _ in range(5):
        client.post("/password", form)
    assert ("logged out", user, OWN_SOURCE, "guesses", None) in list_entries()
    assert sum(FailedAccess.objects.values_list("count", flat=True)) == 5


def test_of_nobodys_username_the_log_alone_tells_and_not_what_was_typed(caplog):
    make_user_of()
    try_in("secret-typed-there", "wrong", REMOTE_ADDR="10.0.0.7")
    assert guess("secret-typed-there")[-1] == 429
    assert not FailedAccess.objects.exists()
    assert list_entries() == []
    lines = [each for each in caplog.records if each.getMessage() == "log-in failed"]
    assert [each.source for each in lines] == ["10.0.0.7", *[OWN_SOURCE] * 5]
    assert len({each.username_digest for each in lines}) == 1
    assert len(lines[0].username_digest) == 32
    assert "secret-typed-there" not in caplog.text


def test_a_form_that_lacks_a_word_is_no_failure():
    user = make_user_of()
    try_in(user, "")
    assert not FailedAccess.objects.exists()


def test_a_username_that_is_not_there_is_written_for_as_one_that_is(
    django_assert_max_num_queries,
):
    user = make_user_of()
    for answer in (access.count_failed_log_in, access.record_lock_out):
        for name in (user.username, "nobody"):
            with django_assert_max_num_queries(20) as asked:
                answer(username=name, source=OWN_SOURCE)
            assert [each for each in asked if re.match("UPDATE|INSERT", each["sql"].strip())]
    assert User.objects.get(pk=user.pk).wrong_passwords == 0


# Pages.


def test_a_denied_page_is_counted_and_one_that_opens_or_is_not_there_is_not():
    client = open_browser("viewer")
    user = find_user(client)
    assert client.get("/settings/audit").status_code == 403
    assert client.post(reverse("audit-export")).status_code == 403
    assert client.get("/nowhere").status_code == 404
    assert Client().get("/settings/audit").status_code == 302
    (row,) = FailedAccess.objects.all()
    assert (row.kind, row.user, row.source, row.count) == ("PAGE", user, OWN_SOURCE, 2)


def test_what_a_forged_form_is_refused_for_is_not_counted():
    client = Client(enforce_csrf_checks=True)
    client.force_login(make_user("auditor"))
    assert client.post(reverse("audit-export")).status_code == 403
    assert not FailedAccess.objects.exists()


# Counting.


@pytest.mark.parametrize("times", [1, 2, 40])
def test_however_many_of_a_quarter_are_one_entry_with_their_number(asha, times):
    for n in range(times):
        fail(asha, seconds=n)
    assert flush(minutes=14, seconds=59) == 0
    assert flush(minutes=15) == 1
    assert flush(minutes=15) == 0
    assert list_entries() == [("passwords refused", asha, OWN_SOURCE, "refused", times)]
    (entry,) = AuditEntry.objects.filter(user=asha)
    detail = audit.read_detail(entry)
    assert (detail["since"], detail["until"]) == (str(AT), str(AT + timedelta(minutes=15)))
    assert not FailedAccess.objects.exists()


def test_over_the_turn_of_a_quarter_they_are_two(asha):
    fail(asha, minutes=14, seconds=59, milliseconds=999)
    fail(asha, minutes=15)
    assert flush(minutes=15) == 1
    assert flush(minutes=30) == 1
    assert [each[-1] for each in list_entries()] == [1, 1]


def test_each_person_kind_and_address_has_an_entry_of_its_own(asha):
    bina = make_user("viewer")
    for user, source, kind in (
        (asha, OWN_SOURCE, "LOG_IN"),
        (asha, OWN_SOURCE, "CODE"),
        (asha, OWN_SOURCE, "PAGE"),
        (asha, OWN_SOURCE, "REVEAL"),
        (asha, "10.0.0.1", "LOG_IN"),
        (bina, OWN_SOURCE, "LOG_IN"),
    ):
        fail(user, source, kind=kind)
    assert flush(minutes=15) == 6
    assert sorted(list_entries(), key=str) == sorted(
        [
            ("passwords refused", asha, OWN_SOURCE, "refused", 1),
            ("codes refused", asha, OWN_SOURCE, "refused", 1),
            ("pages denied", asha, OWN_SOURCE, "refused", 1),
            ("reveals refused", asha, OWN_SOURCE, "refused", 1),
            ("passwords refused", asha, "10.0.0.1", "refused", 1),
            ("passwords refused", bina, OWN_SOURCE, "refused", 1),
        ],
        key=str,
    )


def test_twenty_addresses_of_a_quarter_have_a_row_each_and_all_others_one(asha):
    for n in range(20):
        fail(asha, f"10.0.0.{n}")
    fail(asha, "10.0.1.1")
    fail(asha, "10.0.1.2")
    fail(asha, "10.0.0.3")  # one of the twenty goes on
    fail(asha, "10.0.0.3", kind="CODE")
    rows = FailedAccess.objects.order_by("source", "kind").values_list("kind", "source", "count")
    assert rows.filter(source="").get() == ("LOG_IN", "", 2)
    assert list(rows.filter(source="10.0.0.3")) == [
        ("CODE", "10.0.0.3", 1),
        ("LOG_IN", "10.0.0.3", 2),
    ]
    assert rows.count() == 22
    fail(asha, "10.0.1.1", minutes=15)  # the next quarter's first
    assert rows.filter(source="10.0.1.1").exists()
    flush(minutes=15)
    assert ("passwords refused", asha, "others", "refused", 2) in list_entries()


def test_a_runner_makes_the_entries_once_a_quarter_and_other_looks_cost_nothing(
    asha, django_assert_num_queries
):
    work = QuarterlyWork()
    fail(asha)
    with clock.freeze(AT + timedelta(minutes=16)):
        work.do()
        assert len(list_entries()) == 1
        with django_assert_num_queries(0):
            work.do()
    fail(asha, minutes=16)
    with clock.freeze(AT + timedelta(minutes=30)):
        work.do()
    assert len(list_entries()) == 2


def test_the_audits_export_has_what_was_counted_and_the_page_says_it_in_words(asha):
    fail(asha, "10.0.0.7", at=clock.now() - timedelta(minutes=20))
    client = open_browser("auditor")
    client.post(reverse("audit-export"), {"when": ""})
    words = read_words(client.get("/settings/audit?action=passwords-refused"))
    assert "Passwords refused: 1, from 10.0.0.7" in words
    assert asha.username in words


def test_what_is_counted_and_recorded_verifies(asha):
    fail(asha)
    flush(minutes=15)
    call_command("verify_ledger")


# Reveals.


@pytest.fixture
def seen():
    return make_customer(make_processor("ENT"))


def reveal(user, customer, **later):
    with clock.freeze(AT + timedelta(**later)):
        viewer = disclosures.Viewer(user, OWN_SOURCE)
        disclosures.reveal(customer_id=customer, reason="Asked", viewer=viewer)


def test_the_last_look_of_an_hour_passes_the_next_does_not_and_after_an_hour_does(
    asha, seen, settings
):
    settings.PPIMS_REVEALS_PER_HOUR = 3
    for minutes in (0, 10, 20):
        reveal(asha, seen, minutes=minutes)
    for more in ({"minutes": 30}, {"minutes": 59, "seconds": 59}):
        with pytest.raises(disclosures.TooManyReveals) as refused:
            reveal(asha, seen, **more)
        assert refused.value.until == AT + timedelta(hours=1)
    reveal(make_user("maker"), seen, minutes=30)  # each has an hour's own
    reveal(asha, seen, hours=1)
    with pytest.raises(disclosures.TooManyReveals) as refused:
        reveal(asha, seen, hours=1)
    assert refused.value.until == AT + timedelta(hours=1, minutes=10)
    flush(hours=2)
    assert [each[-1] for each in list_entries("reveals refused")] == [1, 1, 1]


def test_a_look_at_a_person_of_several_ids_is_one_look(asha, seen, settings):
    settings.PPIMS_REVEALS_PER_HOUR = 2
    merge_customers(seen, make_customer(make_processor("CBS")))
    reveal(asha, seen)
    reveal(asha, seen)
    assert AuditEntry.objects.filter(action="personal data revealed").count() == 4
    with pytest.raises(disclosures.TooManyReveals):
        reveal(asha, seen)


def test_as_it_is_set_thirty_are_allowed(asha, seen):
    for _ in range(30):
        reveal(asha, seen)
    with pytest.raises(disclosures.TooManyReveals):
        reveal(asha, seen)


def test_who_has_looked_too_often_hears_when_to_come_back(seen, settings):
    settings.PPIMS_REVEALS_PER_HOUR = 1
    client, address = open_browser("maker"), reverse("customer-reveal", args=[seen])
    with clock.freeze(AT):
        assert client.post(address, {"reason": "Asked"}).status_code == 302
    client.get(reverse("customer", args=[seen]))
    with clock.freeze(AT + timedelta(minutes=50)):
        page = client.post(address, {"reason": "Asked"})
    assert (page.status_code, page["Retry-After"]) == (429, "600")
    assert "Try again at 17 Jun 2031, 1:00 PM" in read_words(page)
    assert "Revealed once" not in read_words(client.get(reverse("customer", args=[seen])))
    (row,) = FailedAccess.objects.all()
    assert (row.kind, row.count) == ("REVEAL", 1)


def test_the_right_password_is_nowhere_in_what_is_kept():
    user = make_user_of()
    try_in(user)
    try_in(user, f"{RIGHT_PASSWORD}x")
    flush(clock.now(), minutes=15)
    kept = "".join(AuditEntry.objects.values_list("detail", flat=True))
    assert RIGHT_PASSWORD not in kept
