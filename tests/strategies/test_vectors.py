"""The original Jano's canonical bursts: who is served in which order, and at what cost in swaps."""

from __future__ import annotations

import pytest

from jano_core.scheduler.strategy import Strategy
from jano_core.strategies.fifo import Fifo
from jano_core.strategies.greedy import Greedy
from jano_core.testing.playbook import Playbook
from jano_core.testing.stage import Stage

BURST = ("chat", "code", "chat", "chat", "code", "code")
THREE = ("chat", "fast", "code", "fast", "chat", "fast")

VECTORS = [
    (Greedy, BURST, "chat", "1 3 4 2 5 6", "code"),
    (Greedy, BURST, "code", "2 5 6 1 3 4", "chat"),
    (Greedy, BURST, "", "1 3 4 2 5 6", "chat code"),
    (Greedy, THREE, "fast", "2 4 6 1 5 3", "chat code"),
    (Fifo, BURST, "chat", "1 2 3 4 5 6", "code chat code"),
    (Fifo, BURST, "", "1 2 3 4 5 6", "chat code chat code"),
    (Fifo, THREE, "fast", "1 2 3 4 5 6", "chat fast code fast chat fast"),
]


@pytest.mark.parametrize("strategy, burst, start, order, loads", VECTORS)
def test_a_canonical_burst(
    strategy: type[Strategy], burst: tuple[str, ...], start: str, order: str, loads: str
) -> None:
    """With something loaded, a request runs there while the burst comes in, as in the original."""
    book = Playbook("chat code fast", strategy())
    stage = Stage(book, took=lambda order: 10.0)
    arrivals = [(1.0, f"{id} arrives for {model}") for id, model in enumerate(burst, start=1)]
    if start:
        book.perform(f"{start} is ready | nothing")
        arrivals.insert(0, (0.0, f"0 arrives for {start}"))
    stage.play(arrivals)
    assert [id for id in stage.order if id != "0"] == order.split()
    assert stage.loads == loads.split()


def test_nothing_waiting_nothing_done() -> None:
    for strategy in (Greedy(), Fifo()):
        Playbook("chat", strategy).perform("chat is ready | nothing\n +60s | nothing")


def test_greedy_does_not_let_a_busy_model_keep_the_others_from_what_is_free() -> None:
    Playbook("chat code", Greedy()).perform("""
        1 arrives for chat | load chat
        2 arrives for code | nothing
        3 arrives for chat | nothing
        chat is ready      | grant 1
        1 is served        | grant 3
        3 is served        | unload chat
        chat is gone       | load code
        code is ready      | grant 2
    """)


def test_fifo_pays_what_was_loaded_for_somebody_before_an_urgent_one_takes_its_place() -> None:
    book = Playbook("chat code", Fifo()).perform("""
        1 arrives for chat        | load chat
        2 arrives for code (high) | nothing
        chat is ready             | grant 1
        3 arrives for chat        | nothing
        1 is served               | unload chat
        chat is gone              | load code
    """)
    assert not [note for note in book.notes if note.kind == "strategy_fell_back"]


def test_fifo_lets_nobody_overtake_but_the_urgent() -> None:
    Playbook("chat code", Fifo()).perform("""
        1 arrives for chat        | load chat
        chat is ready             | grant 1
        2 arrives for code        | nothing
        3 arrives for chat        | nothing
        4 arrives for chat (high) | nothing
        1 is served               | grant 4
        4 is served               | unload chat
        chat is gone              | load code
        code is ready             | grant 2
        2 is served               | unload code
        code is gone              | load chat
        chat is ready             | grant 3
    """)
