"""Verifying, sealing and rebuilding while others write: no false alarm, no seal that lies."""

import select

import pytest

from tests.concurrency.conftest import draw_ref

ROUNDS, STEPS = 5, 60


def make_writing_steps(customers, number):
    """Checks that are settled, postings that are undone: of all customers in turn."""
    steps = []
    for n in range(STEPS):
        what = ("check_and_post", "undo", "check")[n % 3]
        customer = customers[(n + number) % len(customers)]
        steps.append([what, ("ENT", "CBS")[number], draw_ref(), customer, 100 + n])
    return steps


def test_who_looks_on_while_others_write_finds_nothing_wrong(installation):
    installation.start(4)
    customers = [installation.add_customer() for _ in range(3)]
    sealed = []
    for _ in range(ROUNDS):
        _, _, looked, numbers = installation.run_at_once(
            make_writing_steps(customers, 0),
            make_writing_steps(customers, 1),
            [["verify"], ["rebuild"], ["verify"]],
            [["seal"], ["seal"], ["rebuild"], ["seal"]],
        )
        assert [looked[0], looked[2]] == [[], []]
        sealed += [number for number in numbers if number]
    assert sealed == sorted(sealed)
    assert len(sealed) == 3 * ROUNDS
    # Each seal was of one instant: what it covers is there, and comes to what it says.
    assert installation.workers[0].ask(["verify"], ["verify", 2]) == [[], []]


@pytest.mark.only_on("postgresql", "SQLite writes one at a time, and ids with it")
def test_a_seal_waits_for_who_is_writing_whose_id_may_be_older_than_others_kept(installation):
    writer, sealer = installation.start(2)
    one, other = installation.add_customer(), installation.add_customer()
    writer.ask(*[["post", "ENT", draw_ref(), customer, 100] for customer in (one, other)])
    database = installation.database.connect()
    database.execute("BEGIN")
    database.execute("SELECT FROM limits_ledgerhead WHERE customer_id = %s FOR UPDATE", [one])
    database.execute("SELECT nextval(pg_get_serial_sequence('limits_ledgerentry', 'id'))")
    ((answer),) = writer.ask(["post", "ENT", draw_ref(), other, 100])
    assert answer[-1] is False  # a newer id is kept: who writes others does not wait
    sealer.send([["seal"]])
    assert not select.select([sealer.process.stdout], [], [], 0.7)[0]
    database.execute("COMMIT")
    database.close()
    (number,) = sealer.receive()
    kept = installation.query("SELECT entry_count FROM limits_seal WHERE number = ?", number)
    assert kept == installation.query("SELECT COUNT(*) FROM limits_ledgerentry")
