"""Whole records of many new people at once, row for row what the services would have written."""

from collections.abc import Iterator, Sequence

from django.db.models import Model

from customers.choices import MOBILE, InstrumentStatus
from customers.models import (
    Account,
    Card,
    Customer,
    Document,
    Identifier,
    KycChange,
    NameWord,
    Receipt,
    Registration,
)
from customers.models.name_words import words_of
from customers.records import Told
from ppims.core.keys import Plain, plain
from ppims.db import bulk, row_proofs
from ppims.models import ReplayKey
from ppims.services import audit
from ppims.services.idempotency import Call

NUMBERED = (Registration, Account, Card, Document, KycChange, Receipt)
DONE = "000"


class Records:
    """The rows of a batch of people whom nobody has told of before: gathered, then inserted."""

    def __init__(self, ids: range) -> None:
        self.chains = audit.Chains(ids)
        self.ids: dict[type[Model], Iterator[int]] = {model: iter(ids) for model in NUMBERED}
        self.rows: bulk.Rows = {
            m: [] for m in (Customer, NameWord, Identifier, *NUMBERED, ReplayKey)
        }

    def numbered(self, model: type[Model], *values: Plain) -> int:
        """Keep a row under the next number: that number."""
        number = next(self.ids[model])
        self.rows[model].append([number, *values])
        return number


def insert(rows: bulk.Rows) -> None:
    """Insert the rows of a batch, inside a transaction."""
    for model, rows_of_it in rows.items():
        bulk.insert(model, rows_of_it)
    bulk.went_past_ids(*NUMBERED)


class Person:
    """One of them, as told so far. Instants are microseconds."""

    told: Told

    def __init__(self, records: Records, unique_id: int) -> None:
        self.records, self.unique_id = records, unique_id
        self.documents: set[str] = set()
        self.proofs: dict[str, str] = {}
        self.events: list[audit.Event] = []
        self.tier = ""

    def add(self, call: Call, told: Told, *, at: int) -> None:
        """Keep what services.customers.add_customer would; the first one makes the person."""
        if not self.events:
            self.told, self.created_at = told, at
            self._identify(MOBILE, str(told.mobile_number))
            self._change_kyc(call, told, at)
        whose = (self.unique_id, call.processor.pk)
        names = (told.customer_id, told.cif_id, told.customer_type, told.ppi_type)
        self._keep(Registration, *whose, *(name or "" for name in names), at)
        if told.account_number:
            status = told.account_status or InstrumentStatus.ACTIVE.value
            self._keep(Account, *whose, told.account_number, status)
        if told.card_number:
            number = (Card.digest_of(told.card_number), told.card_number[-4:])
            status = told.card_status or InstrumentStatus.ACTIVE.value
            self._keep(Card, *whose, *number, told.card_exp_date or "", status)
        self._record_document(told, at)
        self._answer(call, "customer added", {}, at)

    def rise(self, call: Call, told: Told, *, at: int) -> None:
        """Keep what customers.services.customers.update_customer would of a KYC tier raised, with a
        document where one is told.
        """
        assert told.kyc_flag
        changes: dict[str, object] = {"kyc_flag": [self.tier, told.kyc_flag]}
        self._change_kyc(call, told, at)
        if self._record_document(told, at):
            changes["document"] = told.ovid_type
        self._answer(call, "customer updated", {"changes": changes}, at)

    def close(self) -> None:
        """Keep what is of the person as a whole, once all is told."""
        self.records.rows[Customer].append(self._row())
        for word in words_of(str(self.told.customer_name)):
            self.records.rows[NameWord].append([word, self.unique_id])
        self.records.chains.add(self.unique_id, self.events)

    def _row(self) -> bulk.Row:
        told = self.told
        assert told.date_of_birth
        address = (told.address_line1, told.address_line2, told.city, told.state, told.pincode)
        texts = (told.maiden_name, told.email_id, *address, told.nri_flag)
        return [
            self.unique_id,
            told.customer_name,
            told.mobile_number,
            told.date_of_birth.isoformat(),
            *(text or "" for text in texts),
            self.tier,
            self.tier_since,
            self.channel,
            self.updated_on,
            Customer.Status.ACTIVE.value,
            "",
            self.created_at,
        ]

    def _identify(self, kind: str, value: str) -> bytes:
        digest = Identifier.digest_of(kind, value)
        self.records.rows[Identifier].append([kind, digest, self.unique_id])
        return digest

    def _keep(self, model: type[Model], *values: Plain, also: bytes = b"") -> int:
        """Keep a row under the next number, to be proven by the next audit entry: that number."""
        number = self.records.numbered(model, *values)
        self._prove(model, [number, *values], also)
        return number

    def _prove(self, model: type[Model], values: Sequence[Plain], also: bytes = b"") -> None:
        key, its = self.records.chains.key, row_proofs.shape(model)
        name, proof = row_proofs.of_values(key, its, values, also)
        self.proofs[name] = proof

    def _change_kyc(self, call: Call, told: Told, at: int) -> None:
        before, self.tier = self.tier, str(told.kyc_flag)
        self.channel = str(told.kyc_updated_channel)
        updated_on = plain(told.kyc_updated_on)
        self.updated_on = updated_on if isinstance(updated_on, int) else at
        self.tier_since = min(self.updated_on, at)
        kyc = (self.channel, self.updated_on, before, self.tier, self.tier_since)
        self._keep(KycChange, self.unique_id, at, call.processor.pk, None, *kyc)
        self._prove(Customer, self._row())

    def _record_document(self, told: Told, at: int) -> bool:
        if told.document is None or told.document[0] in self.documents:
            return False
        kind, number = told.document
        self.documents.add(kind)
        self._identify(kind, number)
        paper = Document(customer_id=self.unique_id, kind=kind)
        paper.seal(number)
        sealed = (bytes(paper.digest), paper.last_four, paper.key_id, bytes(paper.sealed))
        self._keep(Document, self.unique_id, kind, *sealed, at, None)
        return True

    def _answer(self, call: Call, action: str, changes: dict[str, object], at: int) -> None:
        key = (call.processor.pk, call.operation.value, call.ref_id)
        kyc = (self.tier, self.channel, self.updated_on)
        receipt = self._keep(
            *(Receipt, self.unique_id, *key, at, DONE, self.unique_id, None, *kyc),
            also=call.digests,
        )
        self.records.rows[ReplayKey].append([*key, self.unique_id, receipt, call.digests])
        detail = {"ref_id": call.ref_id, **changes, row_proofs.PROOFS: self.proofs}
        self.events.append((at, call.processor.pk, action, detail))
        self.proofs = {}
