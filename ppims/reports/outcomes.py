"""What became of a transaction, in one word: used on every page, each with a colour of its own."""

from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _


class Outcome(TextChoices):
    """The value is also the class of the word's dot in static/app.css."""

    POSTED = "posted", _("Posted")
    ON_HOLD = "on-hold", _("On hold")
    DECLINED = "declined", _("Declined")
    RELEASED = "released", _("Released")
    REVERSED = "reversed", _("Reversed")


def find_outcome(
    *, is_allowed: bool | None, posted_paise: int | None, returned_paise: int, is_held: bool
) -> Outcome:
    """Say what became of a transaction. `is_allowed`: what its check answered, None without one;
    `posted_paise`: None where nothing was; `returned_paise`: what its reversals come to;
    `is_held`: its hold is open still.
    """
    if posted_paise is not None:
        # A merge that moves ₹0 has nothing to give back.
        is_reversed = posted_paise and returned_paise == posted_paise
        return Outcome.REVERSED if is_reversed else Outcome.POSTED
    if is_allowed is False:
        return Outcome.DECLINED
    return Outcome.ON_HOLD if is_held else Outcome.RELEASED
