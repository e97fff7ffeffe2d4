"""The rules of the original's failure budget."""

from __future__ import annotations

import math

import pytest

from jano_core.scheduler.failure_budget import FailureBudget


@pytest.mark.parametrize("limit", [0, -1, math.nan, math.inf])
def test_a_limit_must_be_finite_and_at_least_one(limit: float) -> None:
    with pytest.raises(ValueError, match=r"FailureBudget\.limit must be >= 1, got"):
        FailureBudget(limit, 1000)  # type: ignore[arg-type]


@pytest.mark.parametrize("reset", [-1, math.nan, math.inf])
def test_a_reset_must_be_finite_and_not_negative(reset: float) -> None:
    with pytest.raises(ValueError, match=r"FailureBudget\.reset must be >= 0, got"):
        FailureBudget(2, reset)


def test_an_unknown_model_has_no_failures() -> None:
    budget = FailureBudget(2, 1000)
    assert budget.count("chat", 0) == 0
    assert not budget.exceeded("chat", 0)
    assert not budget.knows("chat")
    budget.succeed("chat")


def test_failures_are_counted_per_model() -> None:
    budget = FailureBudget(2, 1000)
    budget.fail("chat", 0)
    budget.fail("chat", 1)
    budget.fail("code", 2)
    assert (budget.count("chat", 3), budget.count("code", 3)) == (2, 1)


def test_it_is_spent_at_the_limit_and_after() -> None:
    budget = FailureBudget(2, 1000)
    spent = []
    for now in range(3):
        budget.fail("chat", now)
        spent.append(budget.exceeded("chat", now))
    assert spent == [False, True, True]


def test_silence_longer_than_the_window_forgives() -> None:
    budget = FailureBudget(1, 1000)
    budget.fail("chat", 0)
    assert budget.exceeded("chat", 1000)
    assert budget.forgiven_at("chat") == 1000
    assert not budget.exceeded("chat", 1000.5)
    assert not budget.knows("chat")


def test_a_new_failure_pushes_the_mark() -> None:
    budget = FailureBudget(2, 1000)
    budget.fail("chat", 0)
    budget.fail("chat", 800)
    assert budget.count("chat", 1600) == 2
    assert budget.count("chat", 1801) == 0


def test_a_failure_adds_to_the_stored_count_however_old() -> None:
    budget = FailureBudget(2, 1000)
    budget.fail("chat", 0)
    budget.fail("chat", 5000)
    assert budget.count("chat", 5000) == 2


def test_without_a_window_it_forgives_as_soon_as_time_moves() -> None:
    budget = FailureBudget(1, 0)
    budget.fail("chat", 5)
    assert budget.count("chat", 5) == 1
    assert budget.count("chat", 5.001) == 0


def test_success_forgets_that_model_alone() -> None:
    budget = FailureBudget(2, 1000)
    budget.fail("chat", 0)
    budget.fail("code", 0)
    budget.succeed("chat")
    budget.fail("chat", 1)
    assert (budget.count("chat", 1), budget.count("code", 1)) == (1, 1)
