"""What of a call's body is masked where somebody has typed it into the wrong field."""

import pytest

from ppims.backoffice.call_bodies import list_request_lines


@pytest.mark.parametrize(
    ("sent", "shown"),
    [
        ("rohan@example.in", "r••••@example.in"),
        ("rohan@6077123412341234", "••••"),
        ("rohan@example.in@9812345670", "••••"),
        ("rohan@", "••••"),
    ],
)
def test_an_address_shows_its_domain_but_no_number_in_its_place(sent, shown):
    lines = list_request_lines({"Add_Customer": {"Email_Id": sent}}, "Add_Customer", {})
    assert [line.words for line in lines if "Email_Id" in line.text] == [f'"Email_Id": "{shown}"']
