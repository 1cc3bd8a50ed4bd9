"""Why a check was answered as it was: in words, with the rule, the figures of then, and what would
have let it pass.
"""

from collections.abc import Callable

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from customers.choices import Tier
from limits.models import LimitCheck, Window
from ppims.core.formats import inr, ist_date, mask

# Where two sentences say it all.
DECLINED_TEXTS = {
    "TRANSACTION_LIMIT": (
        gettext_lazy("One transaction may be at most %(limit)s, and %(amount)s was asked for."),
        gettext_lazy("Up to %(limit)s would have passed."),
    ),
    "CUSTOMER_BLOCKED": (
        gettext_lazy("The customer was blocked by us, whatever the limits said."),
        gettext_lazy("No amount would have passed; once unblocked, the limits decide."),
    ),
    "ACCOUNT_NOT_ACTIVE": (
        gettext_lazy(
            "Account %(account)s was not active at the processor, or not known as theirs."
        ),
        gettext_lazy("No amount would have passed; with an active account, the limits decide."),
    ),
    "CARD_NOT_ACTIVE": (
        gettext_lazy("Card ••••%(card)s was not active at the processor."),
        gettext_lazy("No amount would have passed; with an active card, the limits decide."),
    ),
}


def explain_decision(check: LimitCheck) -> list[str]:
    """Say in sentences why; the check's rule is read with it."""
    if check.is_allowed:
        return _explain_allowed(check)
    if check.reason in DECLINED_WRITERS:
        return DECLINED_WRITERS[check.reason](check)
    return [str(text % _write_figures(check)) for text in DECLINED_TEXTS[check.reason]]


def _explain_allowed(check: LimitCheck) -> list[str]:
    if check.rule is None:
        said = _("At %(tier)s no rule of a month or a year limited it.")
        return [said % _write_figures(check)]
    taken = inr(_read_paise(check.used_paise) + _read_paise(check.held_paise))
    said = _(
        "With it %(taken)s of %(limit)s was used or on hold in the %(window)s: %(left)s was left."
    )
    return [said % {**_write_figures(check), "taken": taken}]


def _explain_over_limit(check: LimitCheck) -> list[str]:
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
        said % {**_write_figures(check), "n": months},
        _("No amount would have passed; after a KYC upgrade the limits of that KYC count."),
    ]


DECLINED_WRITERS: dict[str, Callable[[LimitCheck], list[str]]] = {
    "MONTH_LIMIT": _explain_over_limit,
    "FINANCIAL_YEAR_LIMIT": _explain_over_limit,
    "BALANCE_LIMIT": _explain_over_balance,
    "KYC_EXPIRED": _explain_stopped,
}


def _write_figures(check: LimitCheck) -> dict[str, str]:
    return {
        "amount": inr(check.amount_paise),
        "limit": inr(_read_paise(check.limit)),
        "used": inr(_read_paise(check.used_paise)),
        "held": inr(_read_paise(check.held_paise)),
        "left": inr(max(0, _read_paise(check.remaining_paise))),
        "resets": ist_date(check.resets_on),
        "window": str(Window(check.rule.window).label).lower() if check.rule else "",
        "tier": str(Tier(check.tier).label),
        "account": mask(check.account_number, shown=4),
        "card": check.card_last_four,
    }


def _read_paise(amount: int | None) -> int:
    return int(amount or 0)
