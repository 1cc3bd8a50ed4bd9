"""Filling in the form that adds a customer, and sending it or having it looked at."""

from customers.forms.onboard import PERSON_FIELDS, PROCESSOR_FIELDS
from tests.factories import draw_mobile

PAN = {"ovid_type": "PAN", "ovid_value": "ABCPE1234F"}


def fill_in(client, **changes):
    """Fill in a fresh form as a person does: seven fields, over what stands there already."""
    form = client.get("/onboard").context["form"]
    stands = {field.html_name: field.value() or "" for field in form}
    seven = {
        "system_id": "ENT",
        "customer_name": "Kavya Rao",
        "mobile_number": draw_mobile(),
        "date_of_birth": "14-02-1991",
        "customer_id": "C-1",
        "account_number": "A-1",
        "kyc_flag": "N",
    }
    assert set(seven) == {*PERSON_FIELDS, *PROCESSOR_FIELDS} - {"cif_id"}
    return {**stands, **seven, **changes}


def send(client, body, **more):
    return client.post("/onboard", body, **more)


def look(client, body):
    return send(client, {**body, "looking": "1"}, headers={"HX-Request": "true"})


def list_errors(response):
    return {
        name: [str(e) for e in found] for name, found in response.context["form"].errors.items()
    }
