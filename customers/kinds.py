"""Kinds of things, as the wire writes them and as people say them; and how a number is masked."""

from django.db import models


class Tier(models.TextChoices):
    """How well a customer is known, as KYC_Flag writes it."""

    MIN = "N", "Min KYC"
    NEW_MIN = "P", "New Min KYC"
    FULL = "F", "Full KYC"

    @property
    def rank(self) -> int:
        return list(Tier).index(self)


class InstrumentStatus(models.TextChoices):
    """An account's or a card's status, as the processor tells it."""

    ACTIVE = "A", "Active"
    INACTIVE = "I", "Inactive"
    CLOSED = "C", "Closed"
    FROZEN = "F", "Frozen"
    NEW = "N", "New"


USABLE = (InstrumentStatus.ACTIVE, InstrumentStatus.NEW)


class DocumentKind(models.TextChoices):
    """Ovid_Type: what a person was identified by."""

    AADHAAR = "ADR", "Aadhaar"
    PAN = "PAN", "PAN"
    LICENCE = "DRL", "Driving licence"
    VOTER_ID = "VOT", "Voter id"
    PASSPORT = "PSP", "Passport"
    NREGA = "NRG", "NREGA card"
    NPR_LETTER = "NPR", "NPR letter"


MOBILE = "MOB"


def mask(value: str, *, shown: int) -> str:
    """Show the last few characters of a number; nothing of one too short to hide the rest."""
    return f"••••{value[-shown:]}" if len(value) > shown else "••••" if value else ""
