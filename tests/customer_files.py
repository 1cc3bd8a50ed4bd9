"""Files of customers for tests: written, brought, read, proposed and approved."""

import csv
import io

from customers.imports import storing
from customers.services import imports
from ppims.maintenance import import_reading, importing
from tests.factories import draw_mobile

CUSTOMER = {
    "Customer_Id": "C1",
    "Customer_Name": "Kavya Roy",
    "Date_Of_Birth": "14-02-1991",
    "Account_Status": "A",
    "KYC_Flag": "P",
    "KYC_Updated_Channel": "BRN",
    "KYC_Updated_On": "03-04-2025 10:15:00",
    "Customer_Type": "N",
}


def make_row(number=1, **changed):
    """Make a row that nothing is wrong with."""
    own = {"Mobile_Number": draw_mobile(), "Account_Number": f"W{number}-{draw_mobile()}"}
    return {**CUSTOMER, **own, **changed}


def write_file(*rows, names=None):
    """Write rows as a file."""
    text = io.StringIO()
    names = names or list(dict.fromkeys(name for row in rows for name in row))
    writer = csv.DictWriter(text, names)
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


def keep(content, processor, user):
    """Keep a file as it would be brought."""
    arrival = storing.begin_file()
    arrival.add(content)
    stored = vars(arrival.close())
    return imports.keep_file(processor=processor, name="list.csv", stored=stored, user=user)


def tell_nobody(done, total):
    pass


def keep_and_read(content, processor, user):
    """Bring a file and have it read."""
    file = keep(content, processor, user)
    import_reading.read_file(file, tell_nobody)
    file.refresh_from_db()
    return file


def approve(file, maker, checker):
    """Let two people agree on a file."""
    proposal = imports.propose(file_id=file.pk, reason="They move to us", user=maker)
    return imports.IMPORT_PROPOSALS.decide(proposal_id=proposal.pk, state="APPROVED", user=checker)


def add(proposal):
    """Add the customers of a file."""
    return importing.add_customers(proposal.pk, tell_nobody)


def read_refused(file):
    """Read the refused rows, as a list of dictionaries."""
    text = b"".join(storing.read_refused(file)).decode()
    return list(csv.DictReader(io.StringIO(text)))
