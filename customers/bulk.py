"""Write the records of many new people at once, row for row as the services would."""

from collections.abc import Iterator, Mapping, Sequence

from django.conf import settings
from django.db.models import Model

from customers.choices import MOBILE_KIND, InstrumentStatus
from customers.details import CustomerDetails
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
from customers.models.name_words import split_words
from customers.services.customers import DONE_CODE
from ppims.core import keys
from ppims.core.keys import Plain, make_plain
from ppims.db import bulk, row_proofs
from ppims.models import AuditEntry, ReplayKey
from ppims.services import audit
from ppims.services.idempotency import Call

NUMBERED_MODELS = (Registration, Account, Card, Document, KycChange, Receipt)


class Records:
    """The rows of a batch of new people: gathered, then inserted."""

    def __init__(self, ids: bulk.Numbers) -> None:
        self.chains = audit.Chains(bulk.find_numbers(ids, AuditEntry))
        self.ids: dict[type[Model], Iterator[int]] = {
            model: iter(bulk.find_numbers(ids, model)) for model in NUMBERED_MODELS
        }
        self.rows: bulk.Rows = {
            m: [] for m in (Customer, NameWord, Identifier, *NUMBERED_MODELS, ReplayKey)
        }

    def number_row(self, model: type[Model], *values: Plain) -> int:
        number = next(self.ids[model])
        self.rows[model].append([number, *values])
        return number


def insert(rows: bulk.Rows, *, are_reserved: bool = False) -> None:
    """Insert the rows of a batch, inside a transaction. `are_reserved`: their ids were reserved, so
    that others may write meanwhile (ppims/db/bulk.py).
    """
    for model, rows_of_it in rows.items():
        bulk.insert(model, rows_of_it)
    if not are_reserved:
        bulk.move_sequences_past_ids(*NUMBERED_MODELS)


class Person:
    """One of them, with what has happened so far. Instants are microseconds."""

    details: CustomerDetails

    def __init__(self, records: Records, unique_id: int) -> None:
        self.records, self.unique_id = records, unique_id
        self.documents: set[str] = set()
        self.proofs: dict[str, str] = {}
        self.events: list[audit.Event] = []
        self.tier = ""

    def add(
        self,
        call: Call,
        details: CustomerDetails,
        *,
        at: int,
        source: Mapping[str, object] | None = None,
    ) -> None:
        """Keep what services.customers.add_customer would; the first call makes the person."""
        if not self.events:
            self.details, self.created_at = details, at
            self._identify(MOBILE_KIND, str(details.mobile_number))
            self._change_kyc(call, details, at)
        whose = (self.unique_id, call.processor.pk)
        names = (details.customer_id, details.cif_id, details.customer_type, details.ppi_type)
        self._keep(Registration, *whose, *(name or "" for name in names), at)
        self._keep_instruments(details, whose)
        self._record_document(details, at)
        self._keep_receipt(call, "customer added", source or {}, at)

    def _keep_instruments(self, details: CustomerDetails, whose: tuple[int, int]) -> None:
        if details.account_number:
            status = details.account_status or InstrumentStatus.ACTIVE.value
            self._keep(Account, *whose, details.account_number, status)
        if details.card_number:
            number = (Card.digest_of(details.card_number), details.card_number[-4:])
            status = details.card_status or InstrumentStatus.ACTIVE.value
            self._keep(Card, *whose, *number, details.card_exp_date or "", status)

    def raise_kyc(self, call: Call, details: CustomerDetails, *, at: int) -> None:
        """Keep what services.customers.update_customer would for a higher tier, and a document."""
        assert details.kyc_flag
        changes: dict[str, object] = {"kyc_flag": [self.tier, details.kyc_flag]}
        self._change_kyc(call, details, at)
        if self._record_document(details, at):
            changes["document"] = details.ovid_type
        self._keep_receipt(call, "customer updated", {"changes": changes}, at)

    def close(self) -> None:
        """Keep the rows that are made once all calls are known: the person, the name, the audit."""
        self.records.rows[Customer].append(self._make_row())
        for word in split_words(str(self.details.customer_name)):
            self.records.rows[NameWord].append([word, self.unique_id])
        self.records.chains.add(self.unique_id, self.events)

    def _make_row(self) -> bulk.Row:
        details = self.details
        assert details.date_of_birth
        texts = (
            *(details.maiden_name, details.email_id, details.address_line1, details.address_line2),
            *(details.city, details.state, details.pincode, details.nri_flag),
        )
        return [
            self.unique_id,
            details.customer_name,
            details.mobile_number,
            details.date_of_birth.isoformat(),
            *(text or "" for text in texts),
            self.tier,
            self.tier_since,
            self.channel,
            self.updated_on,
            Customer.Status.ACTIVE.value,
            "",
            self.created_at,
            None,
        ]

    def _identify(self, kind: str, value: str) -> bytes:
        digest = b""
        for key in settings.PPIMS_DIGEST_KEYS:
            # Under the next key too, as records.identify does.
            if key is settings.PPIMS_DIGEST_KEYS[0] or key.is_next:
                its = keys.digest((key,), kind, value)
                self.records.rows[Identifier].append([kind, its, self.unique_id, key.id])
                digest = digest or its
        return digest

    def _keep(self, model: type[Model], *values: Plain, also: bytes = b"") -> int:
        """Keep a row, which the next audit entry proves, and return its number."""
        number = self.records.number_row(model, *values)
        self._prove(model, [number, *values], also)
        return number

    def _prove(self, model: type[Model], values: Sequence[Plain], also: bytes = b"") -> None:
        shape = row_proofs.read_shape(model)
        name, proof = row_proofs.prove_values(self.records.chains.key, shape, values, also)
        self.proofs[name] = proof

    def _change_kyc(self, call: Call, details: CustomerDetails, at: int) -> None:
        before, self.tier = self.tier, str(details.kyc_flag)
        self.channel = str(details.kyc_updated_channel)
        updated_on = make_plain(details.kyc_updated_on)
        self.updated_on = updated_on if isinstance(updated_on, int) else at
        self.tier_since = min(self.updated_on, at)
        kyc = (self.channel, self.updated_on, before, self.tier, self.tier_since, None)
        self._keep(KycChange, self.unique_id, at, call.processor.pk, None, *kyc)
        self._prove(Customer, self._make_row())

    def _record_document(self, details: CustomerDetails, at: int) -> bool:
        if details.document is None or details.document[0] in self.documents:
            return False
        kind, number = details.document
        self.documents.add(kind)
        self._identify(kind, number)
        paper = Document(customer_id=self.unique_id, kind=kind)
        paper.seal(number)
        sealed = (bytes(paper.digest), paper.last_four, paper.key_id, bytes(paper.sealed))
        self._keep(Document, self.unique_id, kind, *sealed, at, None)
        return True

    def _keep_receipt(self, call: Call, action: str, said: Mapping[str, object], at: int) -> None:
        kyc = (self.tier, self.channel, self.updated_on)
        receipt = self._keep(
            *(Receipt, self.unique_id, *call.key, at, DONE_CODE, self.unique_id, None, *kyc),
            also=call.digests,
        )
        self.records.rows[ReplayKey].append([*call.key, self.unique_id, receipt, call.digests])
        detail = {"ref_id": call.ref_id, **said, row_proofs.PROOFS_KEY: self.proofs}
        self.events.append((at, call.processor.pk, action, detail))
        self.proofs = {}
