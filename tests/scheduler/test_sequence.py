"""Which model is likely to be asked for next."""

from __future__ import annotations

import pytest

from jano_core.scheduler.sequence import Sequence


def heard(models: str) -> Sequence:
    sequence = Sequence()
    for model in models:
        sequence.arrived(model)
    return sequence


def test_before_any_request_nobody_has_a_chance() -> None:
    assert Sequence().chance("a") == 0


def test_what_always_followed_will_follow() -> None:
    known = heard("pew" * 30 + "p")
    assert known.chance("e") > 0.9
    assert known.chance("w") < 0.05 and known.chance("p") < 0.05


def test_where_nothing_followed_yet_the_most_frequent_are_likely() -> None:
    known = heard("aab" * 30 + "c")
    assert known.chance("a") > known.chance("b") > 0.1


def test_habits_change() -> None:
    known = heard("ab" * 30 + "ac" * 30 + "a")
    assert known.chance("c") > 0.9


@pytest.mark.parametrize("models", ["", "a", "abc", "abcabcaab" * 20])
def test_chances_never_add_up_to_more_than_one(models: str) -> None:
    known = heard(models)
    assert sum(known.chance(model) for model in "abc") <= 1 + 1e-9
