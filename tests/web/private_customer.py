"""A customer whose every personal datum is unlike any other text, for what a page must not say."""

from tests.factories import make_customer

NAME = "Meera Verma"
MOBILE, CARD, PAN = "919812345678", "4111222233334321", "ABCPE1234F"
ACCOUNT, CUSTOMER_ID, CIF = "009988776655", "CUST00077", "CIF000042"
DETAILS = {
    "customer_name": NAME,
    "mobile_number": MOBILE,
    "customer_id": CUSTOMER_ID,
    "cif_id": CIF,
    "account_number": ACCOUNT,
    "card_number": CARD,
    "card_status": "A",
    "ovid_type": "PAN",
    "ovid_value": PAN,
    "email_id": "meera.verma@example.in",
    "address_line1": "12 Lake View Road",
    "address_line2": "Adyar",
    "city": "Chennai",
    "state": "Tamil Nadu",
    "pincode": "600017",
    "maiden_name": "Ranganathan",
}
# What no page shows unless it was revealed; of a card never more than its last four.
PRIVATE_WORDS = (
    *(MOBILE, MOBILE[2:], PAN, ACCOUNT, CUSTOMER_ID, CIF),
    *("meera.verma@", "Lake View", "Adyar", "600017", "Ranganathan", "14 Feb 1991"),
)
NEVER_SHOWN = (CARD, CARD[:12], CARD[4:])


def make_meera(processor, *more):
    return make_customer(processor, *more, **DETAILS)


def list_unmasked(response):
    """List what a page says of what is private."""
    page = response.content.decode()
    return [text for text in (*PRIVATE_WORDS, *NEVER_SHOWN) if text in page]
