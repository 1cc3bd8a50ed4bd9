"""Limit rules: proposed by one, approved by another, some as one, in force from their start on, in
every worker at once.
"""

import json
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from django.core.management import CommandError, call_command
from django.db import IntegrityError, transaction

from limits.models import LimitRule, RuleSet
from limits.queries import list_in_force
from limits.services import rules
from limits.services.rules import Proposal
from limits.verify import verify
from ppims.core import clock
from ppims.core.errors import Conflict, Malformed
from ppims.models import AuditEntry, FourEyes, User
from ppims.services import audit
from tests.factories import (
    PASSWORD,
    ensure_roles,
    make_check,
    make_customer,
    make_processor,
    make_rule,
)

pytestmark = pytest.mark.django_db
FIXTURES = rules.FIRST_PACK.parent


@pytest.fixture
def admins():
    ensure_roles()
    return [User.objects.create_superuser(name, password=PASSWORD) for name in ("nandini", "imran")]


def propose(user, amount=500_000, start=None):
    proposal = Proposal("P", "D", "MONTH", amount, "a circular", start)
    return rules.propose(proposals=[proposal], user=user)


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
    proposed = propose(admins[0])
    assert make_check(ent, unique_id, 600_000)[0].is_allowed
    with pytest.raises(Conflict):
        rules.decide(proposal_id=proposed.pk, state=FourEyes.State.APPROVED, user=admins[0])
    rules.decide(proposal_id=proposed.pk, state=FourEyes.State.APPROVED, user=admins[1])
    answer, _ = make_check(ent, unique_id, 1)
    assert (answer.is_allowed, answer.rule_id, answer.limit) == (
        False,
        proposed.rules.get().pk,
        500_000,
    )


def test_a_start_before_the_approval_becomes_the_instant_of_approval(admins):
    proposed = propose(admins[0], start=clock.now() - timedelta(days=30))
    at = clock.now()
    with clock.freeze(at):
        approved = rules.decide(
            proposal_id=proposed.pk, state=FourEyes.State.APPROVED, user=admins[1]
        )
    assert approved.rules.get().in_force_from == at


def test_a_later_start_counts_from_its_very_instant_on(admins):
    ent = make_processor()
    unique_id = make_customer(ent)
    start = (clock.now() + timedelta(days=40)).replace(microsecond=0)
    proposed = propose(admins[0], start=start)
    rules.decide(proposal_id=proposed.pk, state=FourEyes.State.APPROVED, user=admins[1])
    with clock.freeze(start - timedelta(microseconds=1)):
        assert make_check(ent, unique_id, 500_001)[0].is_allowed
    with clock.freeze(start):
        assert make_check(ent, unique_id, 1)[0].rule_id == proposed.rules.get().pk


def test_an_empty_amount_ends_the_limit(admins):
    ent = make_processor()
    unique_id = make_customer(ent)
    proposed = propose(admins[0], amount=None)
    rules.decide(proposal_id=proposed.pk, state=FourEyes.State.APPROVED, user=admins[1])
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


@pytest.mark.parametrize("model", [LimitRule, RuleSet])
def test_the_database_itself_refuses_a_maker_who_is_the_checker(admins, model):
    proposed = propose(admins[0])
    pk = proposed.pk if model is RuleSet else proposed.rules.get().pk
    with pytest.raises(IntegrityError, match="maker_is_not_checker"), transaction.atomic():
        model.objects.filter(pk=pk).update(checker=admins[0])
    start = {} if model is RuleSet else {"in_force_from": clock.now()}
    with pytest.raises(IntegrityError, match="decision_has_two_people"), transaction.atomic():
        model.objects.filter(pk=pk).update(state="APPROVED", **start)


SEVERAL = [Proposal(tier, way, "MONTH", 7_000_00, "a circular") for tier in "NP" for way in "DC"]


def read_last_audit():
    entry = AuditEntry.objects.latest("pk")
    return entry.action, entry.user, json.loads(entry.detail)


@pytest.mark.parametrize("state", ["APPROVED", "REJECTED", "WITHDRAWN"])
def test_a_change_of_several_limits_is_decided_as_one(admins, state):
    proposed = rules.propose(proposals=SEVERAL, user=admins[0])
    count = AuditEntry.objects.count()
    by = admins[0 if state == "WITHDRAWN" else 1]
    rules.decide(proposal_id=proposed.pk, state=state, user=by, note="seen")
    decided = list(LimitRule.objects.filter(rule_set=proposed))
    checker = None if state == "WITHDRAWN" else admins[1]
    assert {(r.state, r.maker, r.checker, r.decision_note) for r in decided} == {
        (state, admins[0], checker, "seen")
    }
    assert (state == "APPROVED") == all(rule in list_in_force(clock.now()) for rule in decided)
    assert AuditEntry.objects.count() == count + 1
    action, user, detail = read_last_audit()
    assert (action, user) == (f"limit change {state.lower()}", by)
    assert [(r["before"], r["amount"], r["tier"] + r["direction"]) for r in detail["rules"]] == [
        (1_000_000, 700_000, place) for place in ("ND", "NC", "PD", "PC")
    ]
    assert len(detail["proofs"]) == 5
    assert [str(finding) for finding in verify()] == []


def test_a_failing_audit_entry_undoes_the_decision_of_all(admins, monkeypatch):
    proposed = rules.propose(proposals=SEVERAL, user=admins[0])
    before = set(list_in_force(clock.now()))

    def fail(*_, **__):
        raise IntegrityError("full")

    monkeypatch.setattr(audit, "record", fail)
    with pytest.raises(IntegrityError), transaction.atomic():
        rules.decide(proposal_id=proposed.pk, state="APPROVED", user=admins[1])
    assert {r.state for r in LimitRule.objects.filter(rule_set=proposed)} == {"PROPOSED"}
    assert set(list_in_force(clock.now())) == before


def test_a_rule_of_a_change_is_not_decided_by_itself(admins):
    rule = rules.propose(proposals=SEVERAL, user=admins[0]).rules.first()
    with pytest.raises(Conflict, match="conflicts"):
        rules.RULES_ALONE.decide(proposal_id=rule.pk, state="APPROVED", user=admins[1])
    assert rule not in list_in_force(clock.now())


def test_a_rule_that_was_proposed_alone_is_decided_alone(admins):
    at = clock.now()
    alone = rules.RULES_ALONE.keep(rules._make_rule(SEVERAL[0], admins[0], at))
    rules.RULES_ALONE.decide(proposal_id=alone.pk, state="APPROVED", user=admins[1])
    assert alone in list_in_force(clock.now())
    assert read_last_audit()[2]["before"] == 1_000_000
    assert [str(finding) for finding in verify()] == []


@pytest.mark.parametrize("asked", [[], SEVERAL[:1] * 2])
def test_a_change_is_of_one_limit_or_more_each_of_its_own_place(admins, asked):
    with pytest.raises(Malformed):
        rules.propose(proposals=asked, user=admins[0])
    assert not RuleSet.objects.exists()


def test_what_is_in_force_at_its_start_already_is_no_change():
    at = clock.now()
    later = at + timedelta(days=40)
    make_rule(tier="N", direction="D", window="MONTH", amount=5, in_force_from=later)
    same = Proposal("N", "D", "MONTH", 1_000_000, "same")
    asked = [
        same,
        replace(same, in_force_from=later),
        replace(same, in_force_from=later, amount=5),
        replace(same, amount=None),
        replace(same, tier="F", amount=None),
        replace(same, window="TRANSACTION"),
    ]
    assert rules.pick_different(asked, at) == [asked[1], asked[3], asked[5]]


def test_an_effect_is_kept_while_it_waits_and_audited(admins):
    proposed = propose(admins[0])
    effect = {"months": [202611], "checks": 4}
    assert rules.keep_effect(rule_set_id=proposed.pk, effect=effect, user=admins[1])
    action, user, detail = read_last_audit()
    assert (action, user, detail["months"]) == ("limit change replayed", admins[1], 1)
    rules.decide(proposal_id=proposed.pk, state="APPROVED", user=admins[1])
    assert not rules.keep_effect(rule_set_id=proposed.pk, effect={"months": []}, user=admins[1])
    proposed.refresh_from_db()
    assert json.loads(proposed.effect) == effect
    assert [str(finding) for finding in verify()] == []


def test_load_rules_proposes_a_pack_for_another_admin_to_approve(admins, capsys):
    call_command("load_rules", FIXTURES / "limit_rules_rbi_2021.json", proposed_by="nandini")
    assert "7 rules proposed as one change" in capsys.readouterr().out
    assert LimitRule.objects.filter(state="PROPOSED", maker=admins[0]).count() == 7
    assert RuleSet.objects.get().pack == "limit_rules_rbi_2021"
    call_command("load_rules", rules.FIRST_PACK, proposed_by="nandini")
    assert "in force already: nothing is proposed" in capsys.readouterr().out
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
