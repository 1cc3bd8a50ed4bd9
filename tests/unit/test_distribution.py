"""Where each table stands on many machines, and the steps that bring it there."""

import pytest
from django.apps import apps
from django.db import connection, models

from ppims.db import append_only, cluster_suitability, distribution
from ppims.db.distribution import ForeignKey, Present, list_wanted, plan_steps
from ppims.db.places import (
    COLUMN_BY_TABLE,
    FOUND_BY_THEMSELVES,
    LOCAL_PLACE,
    LOCAL_TABLES,
    POINTING_AT_KIN,
    REFERENCE_TABLES,
    find_place,
    is_beside_customers,
)
from ppims.db.url import SESSION_SETTINGS

MODELS = [model for model in apps.get_models(include_auto_created=True) if model._meta.managed]
SPREAD_MODELS = [model for model in MODELS if model._meta.db_table in COLUMN_BY_TABLE]
GIVEN_UP = {
    ("customers_identifier", "customer_id"),
    ("customers_duplicatereview", "claimant_id"),
    *POINTING_AT_KIN,
}


def write_model(model):
    return model._meta.db_table


def test_every_table_of_a_model_has_one_place_and_every_place_a_table():
    tables = [write_model(model) for model in MODELS]
    named = [*COLUMN_BY_TABLE, *REFERENCE_TABLES, *LOCAL_TABLES]
    assert sorted(tables) == sorted(named)
    assert distribution.list_placeless() == []
    assert find_place("customers_stranger") is None


@pytest.mark.parametrize("model", SPREAD_MODELS, ids=write_model)
def test_what_is_unique_in_a_spread_table_is_unique_on_one_machine(model):
    column = COLUMN_BY_TABLE[write_model(model)]
    assert column in {field.column for field in model._meta.local_fields}
    unique = [
        {model._meta.get_field(name).column for name in constraint.fields}
        for constraint in model._meta.constraints
        if isinstance(constraint, models.UniqueConstraint)
    ]
    # The key gets the column by the steps; nothing else is unique by itself.
    unique += [{f.column} for f in model._meta.local_fields if f.unique and not f.primary_key]
    assert [columns for columns in unique if column not in columns] == []


@pytest.mark.parametrize("model", SPREAD_MODELS, ids=write_model)
def test_what_a_customer_has_stands_beside_the_customer(model):
    names = {field.name for field in model._meta.local_fields}
    is_apart = write_model(model) in FOUND_BY_THEMSELVES
    assert is_beside_customers(write_model(model)) is not is_apart
    assert is_apart or names & {"customer", "unique_id", "subject"}


def test_only_foreign_keys_to_others_than_the_customer_are_given_up():
    kept = {(key.table, key.columns[0]) for key in list_wanted()}
    all_of_them = {
        (write_model(model), field.column)
        for model in MODELS
        for field in model._meta.local_fields
        if field.remote_field and field.db_constraint
    }
    assert all_of_them - kept == GIVEN_UP


def test_between_tables_of_customers_a_foreign_key_has_the_customer_in_it():
    keys = {(key.table, key.columns): (key.target, key.target_columns) for key in list_wanted()}
    ours = ("limits_postingfinding", ("entry_id", "customer_id"))
    assert keys[ours] == ("limits_ledgerentry", ("id", "customer_id"))
    assert keys["limits_hold", ("customer_id",)] == ("customers_customer", ("unique_id",))
    assert keys["limits_limitcheck", ("rule_id",)] == ("limits_limitrule", ("id",))


def make_present(*, foreign_keys=(), **places):
    """Make what a database has, of which all tables but those named are in their places."""
    there = {table: places.get(table, find_place(table)) for table in distribution.list_tables()}
    keys = {write_model(model): ("the_key", ("id",)) for model in MODELS}
    return Present(there, keys, list(foreign_keys))


def test_where_all_is_in_its_place_nothing_is_to_be_done():
    wanted = list_wanted()
    assert plan_steps(make_present(foreign_keys=wanted), wanted) == []


def test_a_foreign_key_that_merges_have_made_untrue_is_taken_off():
    ours = ("limit_check_id", "customer_id")
    old = ForeignKey("old", "limits_hold", ours, "limits_limitcheck", ("id", "customer_id"))
    wanted = list_wanted()
    (step,) = plan_steps(make_present(foreign_keys=[old, *wanted]), wanted)
    assert step.words == "take the foreign key old off limits_hold"


def test_a_migrated_database_is_spread_from_the_customer_on():
    plain = dict.fromkeys(distribution.list_tables(), LOCAL_PLACE)
    old = ForeignKey("old", "limits_hold", ("limit_check_id",), "limits_limitcheck", ("id",))
    steps = plan_steps(make_present(foreign_keys=[old], **plain), list_wanted())
    words = [step.words for step in steps]
    assert words[0] == "take the foreign key old off limits_hold"
    places = [text for text in words if text.startswith(("put all", "spread"))]
    assert [text.split()[3] for text in places[: len(REFERENCE_TABLES)]] == sorted(REFERENCE_TABLES)
    assert places[len(REFERENCE_TABLES)] == "spread customers_customer by unique_id"
    assert len(places) == len(COLUMN_BY_TABLE) + len(REFERENCE_TABLES)
    key = words.index("make the primary key of limits_hold (id, customer_id)")
    assert words[key + 1] == "spread limits_hold by customer_id"
    assert words[-1].startswith("let ")
    assert len(set(words)) == len(words)


def test_a_table_and_a_column_that_a_migration_has_added_are_all_that_is_done():
    new = {"limits_refusedreport": LOCAL_PLACE}
    wanted = list_wanted()
    added = [("limits_refusedreport", "customer_id"), ("limits_limitcheck", "rule_id")]
    there = [key for key in wanted if (key.table, key.columns[0]) not in added]
    there = [key for key in there if "limits_refusedreport" not in {key.table, key.target}]
    steps = plan_steps(make_present(foreign_keys=there, **new), wanted)
    assert [step.words for step in steps] == [
        "make the primary key of limits_refusedreport (id, customer_id)",
        "spread limits_refusedreport by customer_id",
        *[
            f"let {key.table} ({', '.join(key.columns)}) point at {key.target}"
            f" ({', '.join(key.target_columns)})"
            for key in wanted
            if key not in there
        ],
    ]
    assert any(step.table == "limits_reportfinding" for step in steps)


def test_a_table_that_only_grows_frees_the_coordinators_room_with_its_trigger_at_rest():
    plain = dict.fromkeys(distribution.list_tables(), LOCAL_PLACE)
    steps = plan_steps(make_present(**plain), [])
    for table in append_only.TABLES:
        spread = [step for step in steps if step.words.startswith("spread") and step.table == table]
        sql = " ".join(text for step in spread for text in step.sql)
        assert ("DISABLE TRIGGER" in sql) == ("ENABLE TRIGGER" in sql) == bool(spread)


FIT = {
    "citus": "13.2-1",
    "server_version_num": "150020",
    "max_prepared_transactions": "200",
    "citus.enable_unsafe_triggers": "on",
    **{name: SESSION_SETTINGS[name] for name in cluster_suitability.SAME_EVERYWHERE},
    "DateStyle": "ISO, MDY",
}


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({}, None),
        ({"citus": "14.0-1"}, None),
        ({"citus": "12.1-1"}, "has Citus 12.1-1, and 13.2 is needed"),
        ({"server_version_num": "140003"}, "has PostgreSQL 14, and 15 is needed"),
        ({"max_prepared_transactions": "0"}, "prepares no transactions"),
        ({"citus.enable_unsafe_triggers": "off"}, "would protect no shard"),
        ({"DateStyle": "German, DMY"}, "has DateStyle = German, DMY, and ISO,MDY is needed"),
        ({"transform_null_equals": "on"}, "has transform_null_equals = on, and off is needed"),
    ],
)
def test_a_machine_that_will_not_do_is_said_why(changed, said):
    fault = cluster_suitability.find_fault(FIT | changed)
    assert fault is None if said is None else said in fault


@pytest.mark.django_db
def test_a_database_of_one_machine_is_refused_in_plain_words():
    refused = cluster_suitability.explain_undistributable()
    expected = {"sqlite": "SQLite is a file", "postgresql": "There is no Citus in this database"}
    assert refused.startswith(expected[connection.vendor])
