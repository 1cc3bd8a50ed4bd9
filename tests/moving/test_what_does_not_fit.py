"""Rows that SQLite holds and PostgreSQL would not take: named, before anything is written."""

import pytest
from django.core.management import CommandError, call_command
from django.db import connection, connections

from customers.models import Customer
from limits.verify import verify
from ppims.db import alias
from ppims.db.column_limits import find_unfit
from tests.factories import make_customer, make_processor
from tests.moving.conftest import read_everything

pytestmark = pytest.mark.only_on("sqlite", "PostgreSQL refuses such rows itself")

LONG_TEXT = "s" * 101
# What is put where, and what is said of it: of each kind of column one at least.
ROWS = {
    "UPDATE customers_customer SET email = 'a' || char(0) || '@x.in'": (
        "customers_customer {customer}: email holds a NUL character"
    ),
    "UPDATE customers_customer SET city = CAST('Pune' AS BLOB)": (
        "customers_customer {customer}: city is no text"
    ),
    f"INSERT INTO customers_nameword SELECT '{LONG_TEXT}', unique_id FROM customers_customer": (
        "customers_nameword {customer}: word is longer than 100 characters"
    ),
    "UPDATE customers_customer SET date_of_birth = '1991-02-31'": (
        "customers_customer {customer}: date_of_birth is no date"
    ),
    "UPDATE customers_customer SET created_at = 'today'": (
        "customers_customer {customer}: created_at is no time"
    ),
    "UPDATE ppims_audithead SET entry_count = 3000000000 WHERE subject > 0": (
        "ppims_audithead {customer}: entry_count is out of its range"
    ),
    "UPDATE ppims_audithead SET entry_count = 'ten' WHERE subject > 0": (
        "ppims_audithead {customer}: entry_count is no whole number"
    ),
    "UPDATE ppims_user SET is_active = 7": "ppims_user {user}: is_active is neither true nor false",
    "UPDATE customers_card SET digest = 'text'": "customers_card {card}: digest is not bytes",
}


def break_row(sql):
    with connection.cursor() as cursor:
        cursor.execute(sql)


def test_nothing_is_found_where_all_fits(filled):
    assert list(find_unfit()) == []


@pytest.mark.parametrize("sql", ROWS)
@pytest.mark.django_db
def test_a_row_is_named_by_table_key_and_column_and_never_by_its_value(sql, django_user_model):
    customer = make_customer(make_processor(), card_number="6070800000001234", email_id="m@x.in")
    django_user_model.objects.create(username="farhan")
    keys = {
        "customer": customer,
        "card": Customer.objects.get().cards.get().pk,
        "user": django_user_model.objects.get().pk,
    }
    break_row(sql)
    assert [str(unfit) for unfit in find_unfit()] == [ROWS[sql].format(**keys)]
    named, problem = ROWS[sql].format(**keys).split(": ")
    assert (named, problem) in [(found.row, found.problem) for found in verify()]


@pytest.fixture
def unfit(filled):
    """An installation with an e-mail address and a name's word of before: the customer's words."""
    break_row("UPDATE customers_customer SET email = 'a' || char(0) || '@x.in'")
    break_row(f"INSERT INTO customers_nameword VALUES ('{LONG_TEXT}', {filled})")
    return f"customers_customer {filled}: email holds a NUL character"


@pytest.fixture
def empty_postgres(request):
    server = request.getfixturevalue("postgres_server")
    name = server.make_database()
    yield server.write_url(name)
    server.drop_database(name)


def test_a_move_names_them_and_writes_nothing(unfit, empty_postgres):
    with pytest.raises(CommandError, match="Nothing is written, for rows do not fit: ") as refused:
        call_command("copy_database", to=empty_postgres)
    assert unfit in str(refused.value)
    assert "customers_nameword" in str(refused.value)
    assert LONG_TEXT not in str(refused.value)
    with alias.open_database(empty_postgres) as target:
        assert connections[target].introspection.table_names() == []
    break_row("UPDATE customers_customer SET email = 'a@x.in'")
    break_row("DELETE FROM customers_nameword WHERE length(word) > 100")
    call_command("copy_database", to=empty_postgres)
    with alias.open_database(empty_postgres) as target:
        assert read_everything(target) == read_everything("default")
