"""The tables of customers, one idea a file."""

from customers.models.customer import Customer, Document, Identifier
from customers.models.history import KycChange, Receipt
from customers.models.imports import CustomerImport, ImportFile
from customers.models.instruments import Account, Card, Registration
from customers.models.merges import Kin, Merge
from customers.models.name_words import NameWord
from customers.models.notes import NOTE_CHARACTERS, CustomerNote
from customers.models.proposals import KycProposal, Unblocking
from customers.models.reviews import DuplicateReview, NumberPassedOn

__all__ = [
    "NOTE_CHARACTERS",
    "Account",
    "Card",
    "Customer",
    "CustomerImport",
    "CustomerNote",
    "Document",
    "DuplicateReview",
    "Identifier",
    "ImportFile",
    "Kin",
    "KycChange",
    "KycProposal",
    "Merge",
    "NameWord",
    "NumberPassedOn",
    "Receipt",
    "Registration",
    "Unblocking",
]
