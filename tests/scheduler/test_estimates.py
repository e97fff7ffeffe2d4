"""What is learned about loads, services, rates and gaps."""

from __future__ import annotations

import pytest

from jano_core.scheduler.estimates import UNKNOWN_LOAD_S, UNKNOWN_SERVICE_S, Estimates
from jano_core.scheduler.types import Model

CHAT, CODE = Model(name="chat"), Model(name="code", load_prior=7.0)


def test_before_anything_was_seen_there_are_priors() -> None:
    known = Estimates()
    assert known.stats(CHAT, 0).load_s == UNKNOWN_LOAD_S
    assert known.stats(CODE, 0).load_s == 7
    assert known.stats(CHAT, 0).service_s == UNKNOWN_SERVICE_S
    assert not known.stats(CHAT, 0).measured


def test_others_loads_are_a_better_guess_than_the_constant() -> None:
    known = Estimates()
    known.loaded("code", 3)
    assert known.stats(CHAT, 0).load_s == 3
    assert not known.stats(CHAT, 0).measured
    assert known.stats(CODE, 0).measured


def test_a_wrong_first_load_is_gone_after_a_few() -> None:
    known = Estimates()
    known.loaded("chat", 100)
    for _ in range(12):
        known.loaded("chat", 10)
    assert known.stats(CHAT, 0).load_s == pytest.approx(10, rel=0.2)


def test_the_rate_of_arrivals_fades() -> None:
    known = Estimates()
    for second in range(60):
        known.arrived("chat", float(second), None)
    busy = known.stats(CHAT, 60).rate
    assert known.stats(CHAT, 660).rate == pytest.approx(busy / 2.718, rel=0.01)


def test_idle_gaps_are_kept_newest_last_and_not_for_ever() -> None:
    known = Estimates()
    known.arrived("chat", 1, None)
    for gap in range(20):
        known.arrived("chat", 100.0 + gap, 100.0)
    assert known.stats(CHAT, 200).gaps == tuple(float(gap) for gap in range(4, 20))
