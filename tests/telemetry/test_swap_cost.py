"""What swapping has cost today."""

from __future__ import annotations

from jano_core.telemetry.counters import MOST_CLIENTS
from jano_core.telemetry.swap_cost import SwapCost

from .figures import START, ended, swap

DAY = 86400


class Avoided:
    value: int | None = 0

    def __call__(self) -> int | None:
        return self.value


def waited(client: str, seconds: float, at: float = START) -> object:
    return ended("code", client=client, queue_ms=seconds * 1000, swap_ms=seconds * 1000, at=at)


def book_of_a_day(avoided: Avoided) -> SwapCost:
    cost = SwapCost(avoided)
    for fact in (
        swap("", "chat", 1.0),
        swap("chat", "code", 2.5, drain=0.5),
        waited("alice", 2.5),
        waited("bob", 1.0),
        ended("code", client="carol", queue_ms=900.0, swap_ms=0.0),
        swap("code", "chat", 4.0),
        swap("chat", "code", 2.5),
        waited("bob", 3.5),
    ):
        cost.observe(fact)  # type: ignore[arg-type]
    avoided.value = 3
    return cost


def test_the_account_of_a_day():
    today = book_of_a_day(Avoided()).today(START)
    assert today.pop("day") in ("2023-11-14", "2023-11-15"), "by the machine's own calendar"
    assert today == {
        "swaps": 4,
        "avoided": 3,
        "seconds": 10.0,
        "byTransition": [
            {"from": "chat", "to": "code", "swaps": 2, "seconds": 5.0},
            {"from": "code", "to": "chat", "swaps": 1, "seconds": 4.0},
            {"from": "(none)", "to": "chat", "swaps": 1, "seconds": 1.0},
        ],
        "byClient": [
            {"client": "bob", "requests": 2, "waitedSeconds": 4.5},
            {"client": "alice", "requests": 1, "waitedSeconds": 2.5},
        ],
    }


def test_a_new_day_begins_at_nothing():
    avoided = Avoided()
    cost = book_of_a_day(avoided)
    tomorrow = cost.today(START + DAY)
    assert (tomorrow["swaps"], tomorrow["avoided"], tomorrow["byClient"]) == (0, 0, [])
    avoided.value = 5
    assert cost.today(START + DAY)["avoided"] == 2


def test_a_restart_goes_on_with_the_day():
    kept = {}
    avoided = Avoided()
    first = SwapCost(avoided)
    first.keep = kept.__setitem__
    avoided.value = 2
    first.observe(swap("chat", "code", 2.0))
    second_avoided = Avoided()
    second = SwapCost(second_avoided)
    second.recall(kept["swap_cost"], START)
    second.observe(swap("chat", "code", 3.0))
    second_avoided.value = 4
    today = second.today(START)
    assert (today["swaps"], today["seconds"], today["avoided"]) == (2, 5.0, 6)


def test_a_day_that_is_over_or_spoilt_is_not_recalled():
    kept = {}
    first = SwapCost(Avoided())
    first.keep = kept.__setitem__
    first.observe(swap("chat", "code", 2.0))
    for text, now in ((kept["swap_cost"], START + DAY), ("{", START), ("", START)):
        later = SwapCost(Avoided())
        later.recall(text, now)
        assert later.today(now)["swaps"] == 0


def test_what_cannot_be_told_is_null():
    avoided = Avoided()
    cost = book_of_a_day(avoided)
    avoided.value = None
    assert cost.today(START)["avoided"] is None


def test_callers_cannot_make_it_grow():
    cost = SwapCost(Avoided())
    for number in range(3 * MOST_CLIENTS):
        cost.observe(waited(f"c{number}", 1.0))  # type: ignore[arg-type]
    rows = cost.today(START)["byClient"]
    assert len(rows) == MOST_CLIENTS + 1
    assert rows[0] == {
        "client": "(others)",
        "requests": 2 * MOST_CLIENTS,
        "waitedSeconds": 2.0 * MOST_CLIENTS,
    }
