"""What was done, in words: every action that the code writes has a sentence."""

import ast
import json
from pathlib import Path

import pytest
from django.conf import settings

from ppims.backoffice.audit_text import ACTION_NAMES, DEEDS, describe_deed
from ppims.backoffice.proposal_kinds import KINDS
from ppims.models import MayCountAlone

WRITERS = {
    *("audit.record", "audit.extend", "_record_audit", "_record", "_record_of_person"),
    "record_use",
}
# What older versions have written: the audit keeps it, so it keeps its words.
FORMER_ACTIONS = {"user added", "user changed", "processor added", "processor changed"}
# Written by services/four_eyes.py of each kind of proposal.
STEPS = ("proposed", "approved", "rejected", "withdrawn")
STEPS_ALONE = ("alone", "confirmed", "objected")


def list_texts(node):
    """List what an expression may come to; None of a name."""
    if isinstance(node, ast.Constant):
        return [node.value]
    if isinstance(node, ast.IfExp):
        return [*list_texts(node.body), *list_texts(node.orelse)]
    if isinstance(node, ast.FormattedValue):
        return list_texts(node.value)
    if isinstance(node, ast.JoinedStr):
        found = [""]
        if ast.unparse(node).startswith("f'{self.name} "):
            return list(list_actions_of_proposals())
        for part in node.values:
            found = [f"{before}{after}" for before in found for after in list_texts(part)]
        return found
    return [None]


def list_actions_of_proposals():
    for kind in KINDS.values():
        may_count_alone = issubclass(kind.proposals.model, MayCountAlone)
        for step in [*STEPS, *(STEPS_ALONE if may_count_alone else ())]:
            yield f"{kind.proposals.name} {step}"


def list_actions_in(path):
    """Yield the action of each call that writes an audit entry; None where it is a parameter."""
    tree = ast.parse(path.read_text())
    given = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            given.setdefault(node.targets[0].id, []).extend(list_texts(node.value))
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]).endswith(
            ("_OUTCOME", "_OUTCOME)", "ACTION_BY_KIND")
        ):
            texts = [part.value for part in ast.walk(node.value) if isinstance(part, ast.Constant)]
            yield from (text for text in texts if not text.isdecimal())  # beside a Resp_Code
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func) in WRITERS:
            named = [k.value for k in node.keywords if k.arg == "action"]
            for each in [*named, *node.args][:2]:  # before it may come a request
                is_known = isinstance(each, ast.Name) and each.id in given
                yield from given[each.id] if is_known else list_texts(each)


def list_actions():
    packages = [Path(settings.BASE_DIR, name) for name in ("ppims", "customers", "limits")]
    files = [path for package in packages for path in package.rglob("*.py")]
    return {each for path in files for each in list_actions_in(path)} - {None}


def test_every_action_that_is_written_has_its_sentence_and_no_other_has():
    found = list_actions()
    assert len(found) > 30
    assert not found & FORMER_ACTIONS
    assert found | FORMER_ACTIONS == set(DEEDS)


def test_every_action_can_be_chosen_by_a_name_of_its_own():
    assert set(ACTION_NAMES) == set(DEEDS)
    assert len(set(map(str, ACTION_NAMES.values()))) == len(ACTION_NAMES)


STOP = "Withdrew the proposed New Min, load, months until loading stops: 24 months from 1 Dec 2026"
RULE = {"tier": "P", "direction": "D", "window": "MONTH", "amount": 1_100_000}
FROM_DETAIL = {"in_force_from": "2026-11-30 18:30:00+00:00"}
CORRECTION = {"month": 202611, "direction": "D", "amount_paise": 25_050, "reason": "secret"}
USER = {"username": "aud2", "groups": ["auditor"]}
CHANGED_DETAIL = [{"changed": {"fields": ["Role", "Active"]}}]


@pytest.mark.parametrize(
    ("action", "detail", "said"),
    [
        ("user added", USER, "Added user aud2 as auditor"),
        (
            "limit rule proposed",
            {**RULE, **FROM_DETAIL, "before": 1_000_000},
            "Proposed New Min, spend, month: ₹10,000 → ₹11,000 from 1 Dec 2026",
        ),
        (
            "limit rule approved",
            {**RULE, "in_force_from": None, "amount": None, "before": 1_000_050},
            "Approved New Min, spend, month: ₹10,000.50 → no limit from its approval",
        ),
        (
            "limit rule withdrawn",
            {**RULE, **FROM_DETAIL, "window": "CREDIT_STOP", "direction": "C", "amount": 24},
            STOP,
        ),
        (
            "user changed",
            {**USER, "changes": CHANGED_DETAIL},
            "Changed user aud2, now auditor: role and active",
        ),
        (
            "user changed",
            {"username": "x", "groups": []},
            "Changed user x, now nobody yet: nothing",
        ),
        ("customer updated", {"changes": {"mobile_number": "x"}}, "Changed mobile"),
        (
            "customer updated",
            {"changes": {"address_line1": "x", "address_line2": "y", "email_id": "z"}},
            "Changed address and email",
        ),
        ("audit exported", {"since": None, "until": None}, "Exported the audit, of all time"),
        (
            "adjustment rejected",
            CORRECTION,
            "Rejected the correction +₹250.50, spend, Nov 2026",
        ),
        ("KYC change proposed", {"kyc_flag": ["N", "F"]}, "Proposed the KYC change Min → Full KYC"),
        (
            "duplicate review decided",
            {"review": 7, "outcome": "SAME_PERSON"},
            "Decided review item 7: Same person",
        ),
        (
            "statement exported",
            {"rows": 5, "since": None, "until": None},
            "Exported a statement of 5 rows, of all time",
        ),
        (
            "statement exported",
            {"rows": 5, "since": "2031-06-16 00:00:00+05:30", "until": "2031-06-17 00:00:00+05:30"},
            "Exported a statement of 5 rows, 16 Jun 2031 to 16 Jun 2031",
        ),
        (
            "month's figures exported",
            {"month": 203106, "digest": "0f"},
            "Exported the figures of Jun 2031",
        ),
        (
            "transactions exported",
            {
                "since": "2031-06-16 00:00:00+05:30",
                "until": "2031-06-17 00:00:00+05:30",
                "asked": {"when": "yesterday", "processor": "ENT", "outcome": "declined"},
            },
            "Exported transactions, 16 Jun 2031 to 16 Jun 2031, processor ENT, outcome declined",
        ),
        (
            "processor changed",
            {"system_id": "ENT", "changes": CHANGED_DETAIL[:0]},
            "Changed processor ENT: nothing",
        ),
    ],
)
def test_a_sentence_says_what_was_done_to_whom(action, detail, said):
    assert describe_deed(action, json.dumps(detail)) == said


@pytest.mark.parametrize(("action", "detail"), [("user added", {}), ("of another time", USER)])
def test_what_has_no_words_is_said_as_it_is_written(action, detail):
    assert describe_deed(action, json.dumps(detail)) == action.capitalize()
