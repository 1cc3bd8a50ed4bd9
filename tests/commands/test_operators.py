"""What commands change for people: who typed it is on record, and what they may not do at all."""

import getpass
import json
import os
import pwd

import pytest
from django.contrib.auth.models import Group
from django.core.management import CommandError, call_command, get_commands
from django.test import Client

from limits.models import Adjustment, LimitRule
from limits.services.rules import FIRST_PACK
from limits.verify import verify
from ppims.core import calendar, clock
from ppims.models import AuditEntry, User
from ppims.services import operators, role_groups
from tests.factories import make_customer, make_password_once, make_posting, make_processor
from tests.web.admin_pages import make_user, open_browser, read_words

pytestmark = [pytest.mark.django_db, pytest.mark.as_the_application]
RIGHT_PASSWORD, NEW_PASSWORD = "a-password-of-tests", "another-long-passphrase"
OWN_USERNAME = pwd.getpwuid(os.getuid()).pw_name


@pytest.fixture
def type_(monkeypatch):
    """Type passwords, one after another."""

    def type_passwords(*said):
        answers = iter(said)
        monkeypatch.setattr(getpass, "getpass", lambda _: next(answers))

    return type_passwords


def find_last_entry():
    entry = AuditEntry.objects.latest("pk")
    return entry.action, json.loads(entry.detail)


def try_in(username, password):
    return Client().post("/log-in", {"username": username, "password": password}).status_code


# Who types it.


def test_it_is_the_kernels_word_and_not_a_variables(monkeypatch, tmp_path):
    for name in ("LOGNAME", "USER", "SUDO_USER", "USERNAME"):
        monkeypatch.setenv(name, "somebody-else")
    monkeypatch.setattr(operators, "LOGGED_IN", tmp_path / "loginuid")
    assert operators.name_operator() == OWN_USERNAME
    for logged_in in (os.getuid(), operators.NOBODY_LOGGED_IN, "nonsense"):
        (tmp_path / "loginuid").write_text(str(logged_in))
        assert operators.name_operator() == OWN_USERNAME


def test_behind_sudo_it_is_also_who_had_logged_in(monkeypatch, tmp_path):
    daemon = pwd.getpwnam("daemon")
    monkeypatch.setattr(operators, "LOGGED_IN", tmp_path / "loginuid")
    (tmp_path / "loginuid").write_text(str(daemon.pw_uid))
    assert operators.name_operator() == f"{OWN_USERNAME} (logged in as daemon)"
    (tmp_path / "loginuid").write_text("123456789")
    assert operators.name_operator() == f"{OWN_USERNAME} (logged in as uid 123456789)"


@pytest.mark.parametrize("name", ["createsuperuser", "changepassword"])
def test_djangos_own_commands_are_ours(name):
    assert get_commands()[name] == "ppims"


# Proposals.


def test_a_proposal_of_the_command_is_approved_in_the_browser_with_before_and_after():
    ent = make_processor()
    customer = make_customer(ent)
    make_posting(ent, customer, 70_000)
    maker = make_user("maker")
    month = calendar.number_ist_month(clock.now())
    year = f"{month // 100}-{month % 100:02d}"
    typed = ["adjust", "propose", str(customer), year, "D", "-200.00", "--reason", "twice"]
    call_command(*typed, "--by", maker.username)
    proposal = Adjustment.objects.get()
    assert proposal.operator == operators.name_operator()
    checker, address = open_browser("checker"), f"/work/approvals/adjustment/{proposal.pk}"
    said = read_words(checker.get(address))
    for word in (
        "₹700.00",
        "₹500.00",
        maker.username,
        f"Typed at the machine by {OWN_USERNAME}",
        "twice",
    ):
        assert word in said
    assert f"(typed by {OWN_USERNAME}" in read_words(checker.get("/work/approvals"))
    own = Client()
    own.force_login(maker)
    assert own.post(address, {"decision": "approve"}).status_code == 403
    assert checker.post(address, {"decision": "approve"}).status_code == 302
    proposal.refresh_from_db()
    assert proposal.state == "APPROVED"
    assert [str(finding) for finding in verify()] == []
    Adjustment.objects.update(operator="somebody else")
    assert any(f"adjustment {proposal.pk}" in str(finding) for finding in verify())


def test_a_pack_of_rules_is_proposed_with_who_typed_it(capsys):
    admin = make_user("admin")
    pack = FIRST_PACK.with_name("limit_rules_rbi_2021.json")
    call_command("load_rules", str(pack), proposed_by=admin.username)
    assert "approves them in the browser, under Approvals" in capsys.readouterr().out
    rule = LimitRule.objects.latest("pk")
    for row in (rule, rule.rule_set):
        assert (row.maker, row.operator) == (admin, operators.name_operator())
    action, detail = find_last_entry()
    assert (action, detail["operator"]) == ("limit change proposed", rule.operator)
    page = open_browser("admin").get(f"/work/approvals/limit-change/{rule.rule_set_id}")
    assert f"Typed at the machine by {OWN_USERNAME}" in read_words(page)


def test_what_is_proposed_in_the_browser_names_no_operator():
    rule = LimitRule.objects.latest("pk")
    assert rule.operator == ""
    assert "operator" not in find_last_entry()[1]


# Accounts.


def test_an_admin_is_made_with_who_made_it(monkeypatch, capsys):
    monkeypatch.setenv("DJANGO_SUPERUSER_PASSWORD", RIGHT_PASSWORD)
    call_command("createsuperuser", "--noinput", username="first", email="f@example.in")
    assert "first is an admin." in capsys.readouterr().out
    said = {"username": "first", "operator": operators.name_operator()}
    assert find_last_entry() == ("admin made at the machine", said)
    assert [group.name for group in User.objects.get(username="first").groups.all()] == ["admin"]
    assert try_in("first", RIGHT_PASSWORD) == 302


def test_even_before_there_are_roles(monkeypatch):
    Group.objects.all().delete()
    monkeypatch.setenv("DJANGO_SUPERUSER_USERNAME", "first")
    call_command("createsuperuser", "--noinput")
    assert not User.objects.get(username="first").has_usable_password()


@pytest.mark.parametrize(
    ("username", "password", "why"),
    [
        ("first", "aaaaaaaaaaaa", "one pattern"),
        ("first", "qwertyuiop12", "too common"),
        ("administrator", "administrator1", "similar to the username"),
        ("a b", RIGHT_PASSWORD, "valid username"),
        ("", RIGHT_PASSWORD, "needs --username"),
        ("taken", RIGHT_PASSWORD, "already exists"),
    ],
)
def test_without_questions_what_will_not_do_is_refused(monkeypatch, username, password, why):
    User.objects.create(username="taken")
    before = AuditEntry.objects.count()
    monkeypatch.setenv("DJANGO_SUPERUSER_PASSWORD", password)
    with pytest.raises(CommandError, match=why):
        call_command("createsuperuser", "--noinput", username=username)
    assert (User.objects.count(), AuditEntry.objects.count()) == (1, before)


def test_what_is_typed_is_asked_for_again_until_it_will_do(type_, capsys, monkeypatch):
    monkeypatch.setattr("builtins.input", lambda _: "first")
    type_(
        "aaaaaaaaaaaa",
        "aaaaaaaaaaaa",
        RIGHT_PASSWORD,
        "not-the-same",
        RIGHT_PASSWORD,
        RIGHT_PASSWORD,
    )
    call_command("createsuperuser")
    said = capsys.readouterr().out
    assert "one pattern" in said
    assert "two different passwords" in said
    assert RIGHT_PASSWORD not in said
    assert User.objects.get(username="first").check_password(RIGHT_PASSWORD)
    type_(*["short"] * 6)
    with pytest.raises(CommandError, match="nothing is changed"):
        call_command("createsuperuser", username="second")
    assert not User.objects.filter(username="second").exists()


def test_a_password_is_changed_with_who_changed_it(type_):
    role_groups.set_up()
    user = make_user("maker", password=make_password_once(RIGHT_PASSWORD))
    client = Client()
    client.force_login(user)
    for _ in range(5):
        try_in(user.username, "wrong")
    assert try_in(user.username, RIGHT_PASSWORD) == 429
    type_(RIGHT_PASSWORD, RIGHT_PASSWORD, NEW_PASSWORD, NEW_PASSWORD)
    call_command("changepassword", user.username)
    said = {"username": user.username, "operator": operators.name_operator()}
    assert find_last_entry() == ("password changed at the machine", said)
    assert client.get("/settings/limits").status_code == 302
    assert try_in(user.username, NEW_PASSWORD) == 302
    assert try_in(user.username, RIGHT_PASSWORD) == 200
    user.refresh_from_db()
    assert user.has_had(RIGHT_PASSWORD)


def test_it_takes_the_place_of_a_one_time_password(type_):
    user = make_user("maker")
    user.take_one_time_password(clock.now())
    user.save()
    type_(NEW_PASSWORD, NEW_PASSWORD)
    call_command("changepassword", user.username)
    user.refresh_from_db()
    assert not user.has_one_time_password
    with pytest.raises(CommandError, match="no user nobody"):
        call_command("changepassword", "nobody")
