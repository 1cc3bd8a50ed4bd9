"""Why a check was answered as it was: in words, with the rule, the figures of then, and what would
have let it pass.
"""

from collections.abc import Callable

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from customers.choices import Tier, mask
from limits import decision
from limits.models import LimitCheck, Window
from ppims.core.formats import inr, ist_date


def explain_decision(check: LimitCheck) -> list[str]:
    """Give the sentences; of a check with its rule read."""
    return _explain_allowed(check) if check.is_allowed else DECLINED_WRITERS[check.reason](check)


def name_deciding_rule(check: LimitCheck) -> list[str]:
    """Name the rule that decided, and what could not be judged."""
    said = []
    if check.rule:
        rule = {"rule": str(check.rule), "source": check.rule.source}
        said.append(_("The rule: %(rule)s. Its source: %(source)s.") % rule)
    if decision.BALANCE_WINDOW in check.unjudged.split(","):
        said.append(_("The limit for the balance was not judged: no balance was sent."))
    return said


def _explain_allowed(check: LimitCheck) -> list[str]:
    if check.rule is None:
        return [_("At %(tier)s no rule of a month or a year limited it.") % _write_tier(check)]
    taken = inr(_read_paise(check.used_paise) + _read_paise(check.held_paise))
    said = _(
        "With it %(taken)s of %(limit)s was used or on hold in the %(window)s: %(left)s was left."
    )
    return [said % {**_write_figures(check), "taken": taken}]


def _explain_over_limit(check: LimitCheck) -> list[str]:
    """Explain a MONTH or FINANCIAL_YEAR rule."""
    used, held = _read_paise(check.used_paise), _read_paise(check.held_paise)
    limit, left = _read_paise(check.limit), max(0, _read_paise(check.remaining_paise))
    figures = _write_figures(check)
    said = [
        _(
            "%(used)s of %(limit)s was used in the %(window)s, and %(held)s on hold: %(left)s was"
            " left, less than the %(amount)s asked for."
        )
        % figures
    ]
    if check.amount_paise > limit:
        said.append(_("It is more than the whole limit: only a higher KYC could let it pass."))
    if left:
        said.append(_("Up to %(left)s would have passed.") % figures)
    if check.amount_paise <= limit - used and held:
        said.append(
            _("All of it would have passed had what was on hold been given back.") % figures
        )
    elif check.amount_paise <= limit:
        said.append(_("It resets on %(resets)s; from then on it could pass.") % figures)
    return said


def _explain_over_one(check: LimitCheck) -> list[str]:
    figures = _write_figures(check)
    return [
        _("One transaction may be at most %(limit)s, and %(amount)s was asked for.") % figures,
        _("Up to %(limit)s would have passed.") % figures,
    ]


def _explain_over_balance(check: LimitCheck) -> list[str]:
    room = max(0, _read_paise(check.limit) - _read_paise(check.balance_paise))
    figures = {
        **_write_figures(check),
        "balance": inr(_read_paise(check.balance_paise)),
        "room": inr(room),
    }
    said = [
        _(
            "The balance may be at most %(limit)s; it was %(balance)s,"
            " and %(amount)s was to be loaded."
        )
        % figures
    ]
    if room >= check.amount_paise:
        said.append(_("With the loads that were on hold it would have been more than that."))
    elif room:
        said.append(_("Up to %(room)s, less loads on hold, would have passed.") % figures)
    else:
        said.append(_("Nothing would have passed before some of it was spent."))
    return said


def _explain_stopped(check: LimitCheck) -> list[str]:
    months = int(check.limit or 0)
    said = ngettext(
        "At %(tier)s one may load for %(n)d month, and that was over.",
        "At %(tier)s one may load for %(n)d months, and they were over.",
        months,
    )
    return [
        said % {**_write_tier(check), "n": months},
        _("No amount would have passed; after a KYC upgrade the limits of that KYC count."),
    ]


def _explain_blocked(check: LimitCheck) -> list[str]:
    return [
        _("The customer was blocked by us, whatever the limits said."),
        _("No amount would have passed; once unblocked, the limits decide."),
    ]


def _explain_account(check: LimitCheck) -> list[str]:
    account = {"account": mask(check.account_number, shown=4)}
    return [
        _("Account %(account)s was not active at the processor, or not known as theirs.") % account,
        _("No amount would have passed; with an active account, the limits decide."),
    ]


def _explain_card(check: LimitCheck) -> list[str]:
    return [
        _("Card ••••%(last)s was not active at the processor.") % {"last": check.card_last_four},
        _("No amount would have passed; with an active card, the limits decide."),
    ]


DECLINED_WRITERS: dict[str, Callable[[LimitCheck], list[str]]] = {
    "MONTH_LIMIT": _explain_over_limit,
    "FINANCIAL_YEAR_LIMIT": _explain_over_limit,
    "TRANSACTION_LIMIT": _explain_over_one,
    "BALANCE_LIMIT": _explain_over_balance,
    "KYC_EXPIRED": _explain_stopped,
    "CUSTOMER_BLOCKED": _explain_blocked,
    "ACCOUNT_NOT_ACTIVE": _explain_account,
    "CARD_NOT_ACTIVE": _explain_card,
}


def _write_tier(check: LimitCheck) -> dict[str, str]:
    return {"tier": str(Tier(check.tier).label)}


def _write_figures(check: LimitCheck) -> dict[str, str]:
    return {
        "amount": inr(check.amount_paise),
        "limit": inr(_read_paise(check.limit)),
        "used": inr(_read_paise(check.used_paise)),
        "held": inr(_read_paise(check.held_paise)),
        "left": inr(max(0, _read_paise(check.remaining_paise))),
        "resets": ist_date(check.resets_on),
        "window": str(Window(check.rule.window).label).lower() if check.rule else "",
    }


def _read_paise(amount: int | None) -> int:
    return int(amount or 0)
