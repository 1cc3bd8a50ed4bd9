"""Verifying, sealing and rebuilding while others write: no false alarm, no seal that lies."""

from tests.concurrency.conftest import new_ref

ROUNDS, STEPS = 5, 60


def writing(customers, number):
    """Checks that are settled, postings that are undone: of all customers in turn."""
    steps = []
    for n in range(STEPS):
        what = ("check_and_post", "undo", "check")[n % 3]
        customer = customers[(n + number) % len(customers)]
        steps.append([what, ("ENT", "CBS")[number], new_ref(), customer, 100 + n])
    return steps


def test_who_looks_on_while_others_write_finds_nothing_wrong(installation):
    installation.start(4)
    customers = [installation.new_customer() for _ in range(3)]
    sealed = []
    for _ in range(ROUNDS):
        _, _, looked, numbers = installation.at_once(
            writing(customers, 0),
            writing(customers, 1),
            [["verify"], ["rebuild"], ["verify"]],
            [["seal"], ["seal"], ["rebuild"], ["seal"]],
        )
        assert [looked[0], looked[2]] == [[], []]
        sealed += [number for number in numbers if number]
    assert sealed == sorted(sealed)
    assert len(sealed) == 3 * ROUNDS
    # Each seal was of one instant: what it covers is there, and comes to what it says.
    assert installation.workers[0].ask(["verify"]) == [[]]
