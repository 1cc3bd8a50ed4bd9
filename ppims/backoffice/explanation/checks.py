"""A check in words: what was asked, and how it was decided, reason by reason."""

from collections.abc import Iterator, Mapping

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from customers.choices import Tier
from limits.decision import CREDIT_STOP, KYC_EXPIRED
from limits.explain.results import Explained
from limits.known import Check, Entry
from limits.models import Direction, LimitCheck, LimitRule, Window
from ppims.backoffice import labels
from ppims.backoffice.decision_text import explain_decision
from ppims.backoffice.explanation.sections import Section
from ppims.backoffice.transaction_detail import Fact
from ppims.core.formats import HIDDEN_TEXT, inr, ist, mask, write_ist_second


def describe_asked(explained: Explained, processors: Mapping[int, str]) -> Section:
    """Say what a processor asked, and what was known of the customer then."""
    row, state = explained.row, explained.state
    assert isinstance(row, Check)
    facts = [
        Fact(_("Asked by"), processors.get(row.processor_id, "")),
        Fact(_("At"), write_ist_second(row.at)),
        Fact(_("Type"), str(Direction(row.direction).label)),
        Fact(_("Amount"), inr(row.amount_paise)),
        Fact(_("Balance told"), inr(row.balance_paise, "")),
        Fact(_("Account"), mask(row.account_number, shown=4)),
        Fact(_("Card"), f"{HIDDEN_TEXT}{row.card_last_four}" if row.card_last_four else ""),
        Fact(_("KYC then"), write_tier(explained)),
        Fact("Ref_Id", row.ref_id, is_code=True),
        *list_ids(row.customer_id, row.unique_id_sent),
    ]
    notes = [] if state.is_sure else [write_unsure()]
    return Section(_("What was asked"), facts=[f for f in facts if f.value], notes=notes)


def describe_decision(explained: Explained) -> Section:
    """Say the answer and why, and what was looked at, in the order in which a reason is found."""
    row = explained.row
    assert isinstance(row, Check)
    sentences = [_write_answer(row)]
    if row.hold_until:
        held = {"amount": inr(row.amount_paise), "until": write_ist_second(row.hold_until)}
        sentences.append(_("%(amount)s was set aside until %(until)s.") % held)
    steps = [Fact(name, found) for name, found in _list_steps(explained, row)]
    return Section(_("Why"), sentences, [*steps, write_told(row)])


def _write_answer(row: Check) -> str:
    outcome = f"{labels.name_outcome(row.is_allowed, row.reason)}."
    try:
        return " ".join([outcome, *explain_decision(make_model(row))])
    except (KeyError, LimitRule.DoesNotExist):
        return _("%(answer)s What is recorded with it doesn’t fit that.") % {"answer": outcome}


def make_model(row: Check) -> LimitCheck:
    """Make a model of a check's row, for whoever writes of one."""
    return LimitCheck.from_db("default", [*row._fields], row)


def write_told(row: Check | Entry) -> Fact:
    """Write what the reply told of the figures: of an entry, those of the month of its arrival."""
    told = {"taken": inr(row.cumulative_paise), "left": inr(row.available_paise)}
    if row.available_paise is None:
        return Fact(_("Told the processor"), _("%(taken)s used or on hold, and no limit") % told)
    return Fact(_("Told the processor"), _("%(taken)s used or on hold, %(left)s left") % told)


def write_tier(explained: Explained) -> str:
    state = explained.state
    said = {"tier": Tier(state.tier).label, "since": ist(state.tier_since)}
    return _("%(tier)s, since %(since)s") % said


def write_unsure() -> str:
    return _("Within a minute of it the customer changed: either may have been read.")


def list_ids(customer_id: int, sent: int) -> list[Fact]:
    """List whose it is; and the Unique_Id that was named, where that is another one."""
    other = str(sent) if sent != customer_id else ""
    return [
        Fact("Unique_Id", str(customer_id), is_code=True),
        Fact(_("Unique_Id as sent"), other, is_code=True),
    ]


# What was looked at.


def _list_steps(explained: Explained, row: Check) -> Iterator[tuple[str, str]]:
    state = explained.state
    yield _("Customer"), _("Blocked by us") if state.is_blocked else _("Not blocked")
    yield _("Account"), _describe_account(state.is_account_active)
    yield _("Card"), _describe_card(row)
    if row.direction == Direction.CREDIT:
        yield _("Loading"), _describe_loading(explained, row)
    yield _("Limits"), _describe_limits(explained, row)


def _describe_account(is_active: bool | None) -> str:
    if is_active is None:
        return _("None was named")
    return _("Active") if is_active else _("Not active at this processor, or not known as theirs")


def _describe_card(row: Check) -> str:
    if not row.card_last_four:
        return _("None was named")
    if row.reason == "CARD_NOT_ACTIVE":
        return _("Not active, as recorded: four digits of it are kept, so it can’t be looked up")
    return _("As recorded: four digits of it are kept, so it can’t be looked up")


def _describe_loading(explained: Explained, row: Check) -> str:
    stop = next((each for each in explained.windows if each.window == CREDIT_STOP), None)
    if stop is None or stop.stops_at is None:
        return _("No rule stopped it")
    said = {"months": stop.amount, "day": ist(stop.stops_at)}
    if row.at >= stop.stops_at:
        text = ngettext(
            "Stopped on %(day)s, after %(months)d month",
            "Stopped on %(day)s, after %(months)d months",
            stop.amount or 0,
        )
    else:
        text = _("Not stopped before %(day)s")
    return text % said


def _describe_limits(explained: Explained, row: Check) -> str:
    """Say which rule decided, or why none was asked."""
    deciding = next((each for each in explained.windows if each.is_deciding), None)
    if row.reason == KYC_EXPIRED or (deciding is None and not row.is_allowed):
        return _("Not asked any more: the answer was found")
    if deciding is None:
        return _describe_passed(explained)
    name = labels.lower_first(str(Window(deciding.window).label))
    limited = sum(each.rule_id is not None for each in explained.windows)
    said = {"window": name, "n": limited}
    if limited == 1:
        return _("One was in force, for the %(window)s: it decided") % said
    if row.is_allowed and row.unjudged:
        return (
            _(
                "%(n)d were in force, and all that could be judged passed; least was left in the"
                " %(window)s"
            )
            % said
        )
    if row.is_allowed:
        return _("%(n)d were in force, and all passed; least was left in the %(window)s") % said
    return _("%(n)d were in force; of those that failed, least was left in the %(window)s") % said


def _describe_passed(explained: Explained) -> str:
    """Say of limits whose figures no reply gives, of a transaction or a balance, that they are
    there.
    """
    limits = [w for w in explained.windows if w.rule_id is not None and w.window != CREDIT_STOP]
    passed = sum(each.left is not None for each in limits)
    said = {"n": len(limits), "passed": passed, "unjudged": len(limits) - passed}
    if not limits:
        return _("None was in force")
    if said["unjudged"] and passed:
        return _("%(n)d were in force: %(passed)d passed, %(unjudged)d could not be judged") % said
    if said["unjudged"]:
        return _("One was in force, and could not be judged: no balance was told")
    if passed == 1:
        return _("One was in force, and it passed")
    return _("%(n)d were in force, and all passed") % said
