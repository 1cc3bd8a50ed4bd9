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
