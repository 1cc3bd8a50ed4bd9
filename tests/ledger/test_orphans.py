"""What no foreign key holds where tables are spread: the verifier looks for it anywhere."""

import pytest

from customers.models import DuplicateReview, Identifier
from limits.verify import verify
from tests.factories import make_customer, make_processor

pytestmark = pytest.mark.django_db
STRANGER = 999_999_999_999_999


@pytest.fixture
def customer():
    return make_customer(make_processor("ENT"))


def list_findings():
    return [str(finding) for finding in verify(with_columns=False)]


def test_a_review_whose_claimant_is_no_customer_is_found(customer):
    review = DuplicateReview(
        customer_id=customer,
        claimant_id=STRANGER,
        claim_digest=b"c",
        key_id="k",
        claim=b"c",
        is_by_mobile=False,
        processor=make_processor("CBS"),
        opened_at="2026-11-01T00:00:00Z",
    )
    review.save()
    assert list_findings() == [f"review {review.pk}: its claimant is not there"]
    DuplicateReview.objects.update(claimant=customer)
    assert list_findings() == []


def test_a_number_that_finds_no_customer_is_found(customer):
    Identifier(kind="PAN", digest=b"d", customer_id=STRANGER).save(force_insert=True)
    assert list_findings() == [f"identifier PAN of customer {STRANGER}: its customer is not there"]
    Identifier.objects.filter(customer_id=STRANGER).delete()
