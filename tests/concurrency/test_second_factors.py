"""Codes that come twice at once, to two workers: each counts for one of them."""

import pytest

ROUNDS = 4


@pytest.fixture
def two(installation):
    installation.start(2)
    installation.workers[0].ask(["make_admins", "asha"])
    return installation


@pytest.mark.parametrize("which", [0, 1], ids=["of the app", "recovery"])
def test_of_two_uses_of_one_code_at_once_one_counts(two, which):
    for _ in range(ROUNDS):
        ((*codes,),) = two.workers[0].ask(["set_up_factor", "asha"])
        said = two.run_at_once(*([["give_code", "asha", codes[which]]] for _ in range(2)))
        assert sorted(said) == [[False], [True]]


def test_of_five_wrong_codes_at_once_none_is_uncounted(two):
    two.workers[0].ask(["set_up_factor", "asha"])
    wrong = ["give_code", "asha", "000000"]
    two.run_at_once([wrong, wrong], [wrong, wrong, wrong])
    ((code, _),) = two.workers[0].ask(["set_up_factor", "asha"])
    assert two.workers[0].ask(["give_code", "asha", code]) == [True]
    two.run_at_once([wrong, wrong], [wrong, wrong, wrong])
    assert two.query("SELECT wrong_codes FROM ppims_secondfactor") == [(0,)]
    assert two.query("SELECT locked_until_seconds > 0 FROM ppims_secondfactor") == [(1,)]


def test_two_sessions_that_begin_to_set_up_at_once_are_shown_two_secrets(two):
    for _ in range(ROUNDS):
        two.workers[0].ask(["remove_factor", "asha"])
        said = two.run_at_once(*([["draw_secret", "asha", key]] for key in ("one", "other")))
        assert said[0] != said[1]
