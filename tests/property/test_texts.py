"""Whatever text one database accepts the other accepts, and gives back the same: each is tried with
the same texts, and one rule says beforehand which are accepted.
"""

import unicodedata

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from customers.models import Customer
from customers.models.name_words import WORD_CHARACTERS, split_words
from customers.services import notes
from ppims.core.errors import Malformed
from ppims.reports.search import find_hits
from tests.api.answers import assert_malformed, read_done
from tests.factories import make_customer, make_person
from tests.ledger.histories import make_maker_and_checker

REFUSED_CATEGORIES = {"Cc", "Zl", "Zp"}
OVERRIDES = "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
# What grows when folded or taken apart, what nobody sees, and what is refused.
ODD_CHARACTERS = (
    "ßﷺİŉΐﬃé\u0301\u00ad\u200b\u200c\u200d\ufeff\ufffe\U0010ffff\x00\x1f\x7f\x85\u2028\u202e"
)
TEXTS = st.text(
    st.characters(exclude_categories=["Cs"]) | st.sampled_from(ODD_CHARACTERS), max_size=110
)
FIELDS = {"Customer_Name": "name", "City": "city", "KYC_Updated_Channel": "kyc_updated_channel"}
MANY_EXAMPLES = settings(
    max_examples=25,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


def is_plain(text):
    return not any(c in OVERRIDES or unicodedata.category(c) in REFUSED_CATEGORIES for c in text)


def is_seen(text):
    return any(unicodedata.category(c) not in {"Cf", "Zs", *REFUSED_CATEGORIES} for c in text)


@MANY_EXAMPLES
@given(text=TEXTS, field=st.sampled_from(list(FIELDS)))
@example("ß" * 100, "Customer_Name")
@example("ﷺ" * 100, "Customer_Name")
@example("\U0010ffff" * 100, "Customer_Name")
@example("Mee\x00ra", "City")
def test_a_field_of_a_processor_is_refused_or_given_back(ent, text, field):
    answer = ent.call("add-customer", **make_person(**{field: text}))
    said = text.strip()
    if not is_seen(text) or said.upper() in {"NA", "N/A"}:
        if field != "City":
            assert_malformed(answer, field)
        else:
            read_done(answer)
    elif len(said) > 100 or not is_plain(said):
        assert_malformed(answer, field)
    else:
        data, _ = read_done(answer)
        assert getattr(Customer.objects.get(pk=data["Unique_Id"]), FIELDS[field]) == said


@MANY_EXAMPLES
@given(local=TEXTS.filter(lambda text: not set(text) & set("@")), domain=st.just("x.in"))
@example("a\x00", "x.in")
def test_an_e_mail_address_is_refused_or_given_back(ent, local, domain):
    email = f"{local}@{domain}"
    answer = ent.call("add-customer", **make_person(Email_Id=email))
    if answer[0] == 400:
        assert_malformed(answer, "Email_Id")
        assert not is_plain(local) or any(c.isspace() for c in local) or not local.strip()
    else:
        assert Customer.objects.get(pk=read_done(answer)[0]["Unique_Id"]).email == email.strip()


@MANY_EXAMPLES
@given(text=TEXTS)
@example("ß" * 100)
@example("ﷺ" * 100)
def test_a_name_is_found_by_itself(ent, text):
    if not split_words(text) or len(text.strip()) > 100 or not is_plain(text.strip()):
        return
    customer = make_customer(ent.processor, customer_name=text.strip())
    assert all(len(word) <= WORD_CHARACTERS for word in split_words(text))
    if max(map(len, split_words(text))) > 1:
        assert customer in {hit.customer_id for hit in find_hits(text.strip())}


@pytest.fixture
def maker(db):
    return make_maker_and_checker()[0]


@MANY_EXAMPLES
@given(text=TEXTS)
@example("a\x00b")
@example("two\r\nlines")
def test_a_note_of_staff_is_refused_or_given_back(ent, maker, text):
    customer = make_customer(ent.processor)
    said = text.strip()
    try:
        note = notes.add_note(customer_id=customer, text=text, user=maker)
    except Malformed:
        assert not is_seen(text) or not is_plain(said.translate(dict.fromkeys(map(ord, "\n\r\t"))))
    else:
        note.refresh_from_db()
        assert note.text == said
