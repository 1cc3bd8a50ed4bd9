"""Hold a customer's rows outside the ledger against what its audit says came of them.
docs/ledger.md, "Rows that the audit proves".
"""

from collections.abc import Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from contextlib import suppress
from typing import Any

from cryptography.exceptions import InvalidTag
from django.conf import settings
from django.db.models import Model

from customers.choices import MOBILE_KIND
from customers.models import (
    Account,
    Card,
    Customer,
    CustomerNote,
    Document,
    DuplicateReview,
    Identifier,
    Kin,
    KycChange,
    KycProposal,
    Merge,
    NumberPassedOn,
    Receipt,
    Registration,
    Unblocking,
)
from limits.models import Adjustment, PostingFinding, RefusedReport, ReportFinding
from limits.verify.chains import Feed, Finding
from limits.verify.history import History
from limits.verify.past_state import UNKNOWN_STATUS, Person, Tier, Timeline
from limits.verify.ref_ids import stream_with_ref_ids
from ppims.core.chain import KeysByName
from ppims.core.keys import KeyMissing
from ppims.db import row_proofs
from ppims.db.streaming import Reader, Row, stream_joined

OF_A_CUSTOMER: tuple[type[Model], ...] = (
    *(Customer, Registration, Account, Card, Document, KycChange, Receipt, CustomerNote),
    *(Unblocking, KycProposal, Merge, Kin, DuplicateReview, NumberPassedOn, Adjustment),
    *(PostingFinding, RefusedReport, ReportFinding),
)
READ_AGAIN = (Customer, Account, Document, KycChange)
UNKNOWN_PERSON = Person(None, Timeline(UNKNOWN_STATUS), {})
LABELS = {row_proofs.read_shape(m).name: str(m._meta.verbose_name) for m in OF_A_CUSTOMER}
IN_ORDER = """
    WHERE t."{owner}" > %s AND t."{owner}" <= %s ORDER BY t."{owner}", t."{key}"
"""
IDENTIFIERS = Reader(Identifier, ["customer_id", "kind", "digest"])
UNHEARD_OF = "is there, though the audit knows nothing of it"
CHANGED_ROW = "is not as the audit says it came to be"
MISSING_ROW = "is gone, though the audit knows of it"
Rows = dict[type[Model], list[dict[str, Any]]]


class Records:
    """Some customers' rows, as one snapshot has them."""

    def __init__(self, ring: KeysByName, after: int, upto: int) -> None:
        self._ring = ring
        self._feeds = {model: Feed(_read_rows(model, after, upto)) for model in OF_A_CUSTOMER}
        identifiers = IN_ORDER.format(owner="customer_id", key="kind")
        self._identifiers = Feed(stream_joined((IDENTIFIERS,), identifiers, (after, upto)))
        self.person = UNKNOWN_PERSON

    def verify(self, customer_id: int, history: History) -> Iterator[Finding]:
        """Judge one customer's rows; `person` is then what they say of when."""
        rows: Rows = {model: [] for model in READ_AGAIN}
        unseen = dict(history.proofs)
        for model, feed in self._feeds.items():
            if feed.owner != customer_id:
                continue
            its = row_proofs.read_shape(model)
            for _, *values in feed.take(customer_id):
                key = values[its.key]
                if model in rows:
                    rows[model].append(dict(zip(its.columns, values, strict=True)))
                problem = self._find_problem(its, values, unseen.pop(f"{its.name} {key}", None))
                if problem and not (problem == UNHEARD_OF and _may_be_untold(model, its, values)):
                    yield Finding(_name_row(its.name, key, customer_id), problem)
        for name in unseen:
            table, _, key = name.partition(" ")
            yield Finding(_name_row(table, key, customer_id), MISSING_ROW)
        yield from self._verify_identifiers(customer_id, rows)
        self.person = _make_person(rows, history)

    def find_strays(self, upto: int) -> Iterator[Finding]:
        """Find rows of whoever is no customer."""
        for model, feed in self._feeds.items():
            if feed.owner is None or feed.owner >= upto:
                continue
            its = row_proofs.read_shape(model)
            for owner, *values in feed.find_strays(upto):
                name = _name_row(its.name, values[its.key], owner)
                yield Finding(name, "its customer is not there")
        for owner, kind, _ in self._identifiers.find_strays(upto):
            yield Finding(f"identifier {kind} of customer {owner}", "its customer is not there")

    def _find_problem(
        self, its: row_proofs.Shape, values: list[Any], known: tuple[str, str] | None
    ) -> str | None:
        count, also = len(its.columns), b""
        if len(values) > count:  # a receipt's Ref_Id
            row_id, owner, also = values[count:]
            if row_id is None:
                return "its Ref_Id is gone"
            if (row_id, owner) != (values[0], values[1]):
                return "its Ref_Id points at another row"
        return find_problem(self._ring, its, values, known, also)

    def _verify_identifiers(self, customer_id: int, rows: Rows) -> Iterator[Finding]:
        """Find numbers that find nobody, or somebody else, though they are on record."""
        found = {(kind, digest) for _, kind, digest in self._identifiers.take(customer_id)}
        unexpected = set(found)
        for kind, digests in _list_expected(rows, found):
            its = {(kind, digest) for digest in digests}
            if not its & found:
                yield Finding(f"identifier {kind} of customer {customer_id}", "is gone")
            unexpected -= its
        for kind, _ in unexpected:
            yield Finding(f"identifier {kind} of customer {customer_id}", "is not on record")


def _list_expected(
    rows: Rows, found: AbstractSet[tuple[str, bytes]]
) -> Iterator[tuple[str, Iterable[bytes]]]:
    """List what is to find the customer, and the digests that it may be found under."""
    for row in rows[Customer]:
        if row["mobile"]:
            yield MOBILE_KIND, Identifier.list_digests(MOBILE_KIND, str(row["mobile"]))
    for row in rows[Document]:
        if row["replaced_at"] is None:
            alone = len(settings.PPIMS_DIGEST_KEYS) == 1 and (row["kind"], row["digest"]) in found
            yield row["kind"], [row["digest"]] if alone else _list_digests(row)


def _list_digests(row: dict[str, Any]) -> list[bytes]:
    """List the digests of a document; its own alone, where its number can't be read."""
    document = Document(**row)
    with suppress(KeyMissing, InvalidTag):
        return document.list_digests()
    return [bytes(document.digest)]


def find_problem(
    ring: KeysByName,
    its: row_proofs.Shape,
    values: Sequence[Any],
    known: tuple[str, str] | None,
    also: bytes = b"",
) -> str | None:
    """Say what is wrong with a row, by the newest proof that the audit has of it."""
    if known is None:
        return UNHEARD_OF
    text, key_id = known
    try:
        is_so = key_id in ring and row_proofs.write_proof(ring[key_id], its, values, also) == text
    except (TypeError, ValueError):
        is_so = False
    return None if is_so else CHANGED_ROW


def _read_rows(model: type[Model], after: int, upto: int) -> Iterator[Row]:
    owner = "unique_id" if model is Customer else "customer_id"
    tail = IN_ORDER.format(owner=owner, key=model._meta.pk.column)
    readers = [Reader(model, [owner, *row_proofs.read_shape(model).columns])]
    if model is Receipt:
        return stream_with_ref_ids(readers, f"{{keys}} {tail}", (after, upto))
    return stream_joined(readers, tail, (after, upto))


def _may_be_untold(model: type[Model], its: row_proofs.Shape, values: Sequence[Any]) -> bool:
    """Judge whether nobody has audited the row yet: a review, until it is decided."""
    return model is DuplicateReview and not values[its.columns.index("outcome")]


def _name_row(name: str, key: object, customer_id: object) -> str:
    label = f"{LABELS.get(name, name)} {key}"
    return label if name == "customer" else f"{label} of customer {customer_id}"


def _make_person(rows: Rows, history: History) -> Person:
    tiers: Timeline[Tier] | None = None
    for change in rows[KycChange]:
        tier = Tier(change["to_tier"], change["tier_since"])
        if tiers is None:
            tiers = Timeline(tier)
        else:
            tiers.add(change["at"], tier)
    accounts = {
        (row["processor_id"], row["number"]): history.find_account_timeline(row["id"])
        for row in rows[Account]
    }
    return Person(tiers, history.of_customer, accounts)
