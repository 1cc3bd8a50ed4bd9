"""Name the kinds of things, as the wire writes them and as people say them; mask numbers."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class Tier(models.TextChoices):
    """How well a customer is known, as KYC_Flag writes it."""

    MIN = "N", _("Min KYC")
    NEW_MIN = "P", _("New Min KYC")
    FULL = "F", _("Full KYC")

    @property
    def rank(self) -> int:
        return list(Tier).index(self)


class KycChannel(models.TextChoices):
    """By which channel staff come to know of the KYC. Processors have codes of their own."""

    BRANCH = "BRN", _("Branch")
    MOBILE_APP = "MOB", _("Mobile app")


class InstrumentStatus(models.TextChoices):
    """The status of an account or a card, as its processor sends it."""

    ACTIVE = "A", _("Active")
    INACTIVE = "I", _("Inactive")
    CLOSED = "C", _("Closed")
    FROZEN = "F", _("Frozen")
    NEW = "N", _("New")


USABLE_STATUSES = (InstrumentStatus.ACTIVE, InstrumentStatus.NEW)


class DocumentKind(models.TextChoices):
    """Ovid_Type: by which document a person was identified."""

    AADHAAR = "ADR", _("Aadhaar")
    PAN = "PAN", _("PAN")
    LICENCE = "DRL", _("Driving licence")
    VOTER_ID = "VOT", _("Voter id")
    PASSPORT = "PSP", _("Passport")
    NREGA = "NRG", _("NREGA card")
    NPR_LETTER = "NPR", _("NPR letter")


MOBILE_KIND = "MOB"
