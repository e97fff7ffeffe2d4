"""Swaps saved, on the original's canonical bursts and on what could distort the figure."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby
from random import Random

import pytest

from jano_core.telemetry.facts import InstanceChanged
from jano_core.telemetry.swaps_avoided import LOOK_AGAIN, SwapsAvoided

from .figures import START, ended, granted, state, waits

BURST = {
    "1": "chat", "2": "code", "3": "chat", "4": "chat", "5": "code", "6": "code",
}  # fmt: skip


def serve(book: SwapsAvoided, models: dict[str, str], loaded: str, order: str) -> None:
    """Grant in `order`, swapping where the model changes, one in memory at a time."""
    for id in order:
        if models[id] != loaded:
            if loaded:
                book.observe(state(loaded, "stopped"))
            loaded = models[id]
            book.observe(state(loaded, "ready"))
        book.observe(granted(id, loaded))
        book.observe(ended(loaded, id=id))


@pytest.mark.parametrize(
    ("loaded", "order", "avoided"),
    [("chat", "134256", 2), ("code", "256134", 3), ("", "134256", 2), ("chat", "123456", 0)],
)
def test_the_canonical_burst(loaded, order, avoided):
    book = SwapsAvoided()
    if loaded:
        book.observe(state(loaded, "ready"))
    for id, model in BURST.items():
        book.observe(waits(id, model))
    serve(book, BURST, loaded, order)
    assert book.value == avoided


def test_loads_that_nobody_waited_for_cost_nothing():
    book = SwapsAvoided()
    for name in ("ready", "stopped", "ready"):
        book.observe(state("chat", name))
    book.observe(waits("1", "chat"))
    book.observe(granted("1", "chat"))
    assert book.value == 0


def test_a_model_loaded_for_somebody_who_left_is_a_swap_made():
    book = SwapsAvoided()
    book.observe(state("chat", "ready"))
    book.observe(waits("1", "code"))
    book.observe(waits("2", "chat"))
    book.observe(state("chat", "stopped"))
    book.observe(state("code", "ready"))
    book.observe(ended("code", id="1", outcome="left", status=499))
    book.observe(state("code", "stopped"))
    book.observe(state("chat", "ready"))
    book.observe(granted("2", "chat"))
    assert book.value == -2
    assert book.peak == 0


def test_a_second_grant_of_the_same_request_is_not_a_second_request():
    book = SwapsAvoided()
    book.observe(waits("1", "chat"))
    book.observe(granted("1", "chat"))
    book.observe(granted("1", "chat", attempt=2))
    assert book.value == 0


def test_two_models_together_make_it_unknowable():
    book = SwapsAvoided()
    book.observe(state("ears", "ready", resident=True))
    book.observe(state("chat", "ready"))
    assert book.value == 0
    book.observe(state("code", "ready"))
    assert book.value is None


def test_a_model_elsewhere_makes_it_unknowable():
    book = SwapsAvoided()
    book.observe(InstanceChanged(at=START, model="chat", node="attic", state="ready"))
    assert book.value is None


def test_what_is_settled_is_forgotten():
    book = SwapsAvoided()
    for number in range(10 * LOOK_AGAIN):
        book.observe(waits(str(number), "chat"))
        book.observe(granted(str(number), "chat"))
    assert len(book._granted) <= LOOK_AGAIN


@pytest.mark.parametrize("seed", range(5))
def test_any_order_is_compared_with_that_of_arrival(seed):
    chance = Random(seed)
    book = SwapsAvoided()
    arrived: list[str] = []
    served: list[int] = []
    waiting: list[int] = []
    for _ in range(5 * LOOK_AGAIN):
        if at_once := chance.random() < 0.2:
            waiting.append(len(arrived))
            arrived.append(chance.choice("abc"))
        elif chance.random() < 0.5 or not waiting:
            waiting.append(len(arrived))
            arrived.append(chance.choice("abc"))
            book.observe(waits(str(waiting[-1]), arrived[-1]))
            continue
        last = len(waiting) - 1
        served.append(waiting.pop(last if at_once else min(last, chance.randrange(30))))
        book.observe(granted(str(served[-1]), arrived[served[-1]]))
        in_order = changes(arrived[each] for each in sorted(served))
        assert book.value == in_order - changes(arrived[each] for each in served)


def changes(models: Iterable[str]) -> int:
    return sum(1 for _ in groupby(models))
