"""Limit rules: proposed by one, approved by another, in force from their start on, in every worker
at once.
"""

import json
from datetime import datetime, timedelta

import pytest
from django.core.management import CommandError, call_command
from django.db import IntegrityError, transaction

from limits.models import LimitRule
from limits.queries import list_in_force
from limits.services import rules
from limits.services.rules import Proposal
from ppims.core import clock
from ppims.core.errors import Conflict
from ppims.models import FourEyes, User
from ppims.services import role_groups
from tests.factories import PASSWORD, make_check, make_customer, make_processor

pytestmark = pytest.mark.django_db
FIXTURES = rules.FIRST_PACK.parent


@pytest.fixture
def admins():
    role_groups.set_up()
    return [User.objects.create_superuser(name, password=PASSWORD) for name in ("nandini", "imran")]


def propose(user, amount=500_000, start=None):
    proposal = Proposal("P", "D", "MONTH", amount, "a circular", start)
    return rules.propose(proposals=[proposal], user=user)[0]


def test_the_first_pack_is_approved_by_the_installation_and_loaded_once():
    assert not rules.load_first_pack()
    assert {(r.state, r.maker, r.checker) for r in LimitRule.objects.all()} == {
        ("APPROVED", None, None)
    }
    in_force = list_in_force(clock.now())
    assert {(r.tier, r.direction, r.amount) for r in in_force} == {
        (t, d, 1_000_000) for t in "NP" for d in "DC"
    }


@pytest.mark.parametrize(
    "pack", ["limit_rules", "limit_rules_rbi_2021", "limit_rules_rbi_draft_2026"]
)
def test_each_pack_can_be_read_and_names_its_sources(pack):
    proposals = rules.read_pack(FIXTURES / f"{pack}.json")
    assert proposals
    assert all(p.source and p.tier in "NPF" and p.direction in "DC" for p in proposals)


def test_the_2021_pack_has_the_figures_of_the_regulation():
    pack = json.loads((FIXTURES / "limit_rules_rbi_2021.json").read_text())["rules"]
    figures = {(r["tier"], r["direction"], r["window"]): r["amount"] for r in pack}
    assert figures["N", "C", "FINANCIAL_YEAR"] == 12_000_000
    assert figures["N", "C", "CREDIT_STOP"] == 24
    assert figures["F", "C", "BALANCE"] == 20_000_000
    assert figures["P", "D", "MONTH"] is None


def test_a_proposal_changes_nothing_until_another_person_approves_it(admins):
    ent = make_processor()
    unique_id = make_customer(ent)
    rule = propose(admins[0])
    assert make_check(ent, unique_id, 600_000)[0].is_allowed
    with pytest.raises(Conflict):
        rules.decide(proposal_id=rule.pk, state=FourEyes.State.APPROVED, user=admins[0])
    rules.decide(proposal_id=rule.pk, state=FourEyes.State.APPROVED, user=admins[1])
    answer, _ = make_check(ent, unique_id, 1)
    assert (answer.is_allowed, answer.rule_id, answer.limit) == (False, rule.pk, 500_000)


def test_a_start_before_the_approval_becomes_the_instant_of_approval(admins):
    rule = propose(admins[0], start=clock.now() - timedelta(days=30))
    at = clock.now()
    with clock.freeze(at):
        approved = rules.decide(proposal_id=rule.pk, state=FourEyes.State.APPROVED, user=admins[1])
    assert approved.in_force_from == at


def test_a_later_start_counts_from_its_very_instant_on(admins):
    ent = make_processor()
    unique_id = make_customer(ent)
    start = (clock.now() + timedelta(days=40)).replace(microsecond=0)
    rule = propose(admins[0], start=start)
    rules.decide(proposal_id=rule.pk, state=FourEyes.State.APPROVED, user=admins[1])
    with clock.freeze(start - timedelta(microseconds=1)):
        assert make_check(ent, unique_id, 500_001)[0].is_allowed
    with clock.freeze(start):
        assert make_check(ent, unique_id, 1)[0].rule_id == rule.pk


def test_an_empty_amount_ends_the_limit(admins):
    ent = make_processor()
    unique_id = make_customer(ent)
    rule = propose(admins[0], amount=None)
    rules.decide(proposal_id=rule.pk, state=FourEyes.State.APPROVED, user=admins[1])
    answer, _ = make_check(ent, unique_id, 99_999_999)
    assert (answer.is_allowed, answer.available_paise) == (True, None)


def test_a_rejected_or_withdrawn_proposal_changes_nothing(admins):
    rejected, withdrawn = propose(admins[0]), propose(admins[0])
    rules.decide(proposal_id=rejected.pk, state=FourEyes.State.REJECTED, user=admins[1], note="no")
    with pytest.raises(Conflict):
        rules.decide(proposal_id=withdrawn.pk, state=FourEyes.State.WITHDRAWN, user=admins[1])
    rules.decide(proposal_id=withdrawn.pk, state=FourEyes.State.WITHDRAWN, user=admins[0])
    with pytest.raises(Conflict):
        rules.decide(proposal_id=rejected.pk, state=FourEyes.State.APPROVED, user=admins[1])
    assert {r.amount for r in list_in_force(clock.now())} == {1_000_000}


def test_the_database_itself_refuses_a_maker_who_is_the_checker(admins):
    rule = propose(admins[0])
    with pytest.raises(IntegrityError, match="maker_is_not_checker"), transaction.atomic():
        LimitRule.objects.filter(pk=rule.pk).update(checker=admins[0])
    with pytest.raises(IntegrityError, match="decision_has_two_people"), transaction.atomic():
        LimitRule.objects.filter(pk=rule.pk).update(state="APPROVED", in_force_from=clock.now())


def test_load_rules_proposes_a_pack_for_another_admin_to_approve(admins, capsys):
    call_command("load_rules", FIXTURES / "limit_rules_rbi_2021.json", proposed_by="nandini")
    assert "rules proposed" in capsys.readouterr().out
    assert LimitRule.objects.filter(state="PROPOSED", maker=admins[0]).count() == 10
    with pytest.raises(CommandError, match="no admin"):
        call_command("load_rules", FIXTURES / "limit_rules_rbi_2021.json", proposed_by="nobody")


def test_the_clock_offset_is_seen_within_a_second(settings, tmp_path, monkeypatch):
    path = tmp_path / "offset"
    settings.PPIMS_CLOCK_OFFSET_FILE = str(path)
    assert clock.read_offset() == timedelta()
    path.write_text("86400")
    monkeypatch.setattr(clock.time, "monotonic", lambda: 1e9)
    assert clock.read_offset() == timedelta(days=1)
    assert clock.now() > datetime.now(clock.UTC) + timedelta(hours=23)
