"""Who is let in: limits, patience, and requests that more than one model would do for."""

from __future__ import annotations

from jano_core.scheduler.types import Model, Plan
from jano_core.scheduler.view import View
from jano_core.strategies.fifo import Fifo
from jano_core.strategies.greedy import Greedy
from jano_core.strategies.headstart import HeadStart
from jano_core.testing.playbook import Playbook
from tests.scheduler.foolish import Sleeper

BOTH = [Model(name="chat", memory=1), Model(name="code", memory=1)]


def test_who_is_served_at_once_is_let_in_however_full_the_queue_is() -> None:
    Playbook(BOTH, budget=2, queue_limit=1).perform("""
        1 arrives for chat | load chat
        chat is ready      | grant 1
        2 arrives for chat | nothing
        3 arrives for code | refuse 3 queue_full   # it would wait for a load
        2 leaves           | nothing
        4 arrives for code | load code
        code is ready      | grant 4
        5 arrives for chat | nothing               # the queue is full again
        4 is served        | nothing
        6 arrives for code | grant 6
        7 arrives for code | refuse 7 queue_full   # its slot is taken
    """)


def test_nobody_waits_longer_than_max_wait() -> None:
    Playbook("chat", max_wait=10.0).perform("""
        1 arrives for chat              | load chat
        chat is ready                   | grant 1
        2 arrives for chat              | nothing
        3 arrives for chat (within 4s)  | nothing
        4 arrives for chat (within 40s) | nothing
        +5.1s                           | refuse 3 deadline_exceeded
        +5s                             | refuse 2 deadline_exceeded, refuse 4 deadline_exceeded
    """)


def test_either_of_two_models_will_do() -> None:
    for strategy in (Greedy(), Fifo(), HeadStart()):
        Playbook("chat code", strategy).perform("""
            1 arrives for chat         | load chat
            chat is ready              | grant 1
            1 is served                | nothing
            2 arrives for code or chat | grant 2
        """)


def test_a_load_that_fails_does_not_refuse_who_has_another_model() -> None:
    for strategy in (Greedy(), Fifo(), HeadStart()):
        Playbook("chat code", strategy, failure_limit=1).perform("""
            1 arrives for chat or code | load chat
            2 arrives for chat         | nothing
            chat fails to load         | refuse 2 model_load_failed, load code
            code is ready              | grant 1
            3 arrives for chat         | refuse 3 model_unavailable
            4 arrives for chat or code | nothing
            1 is served                | grant 4
        """)


def test_without_a_swap_any_loaded_model_of_several_is_enough() -> None:
    Playbook("chat code").perform("""
        1 arrives for code                   | load code
        code is ready                        | grant 1
        2 arrives for chat or code (no swap) | nothing
        3 arrives for chat (no swap)         | refuse 3 model_not_loaded
    """)


def test_a_model_that_is_always_up_serves_whom_others_could_serve_too() -> None:
    models = [Model(name="small", resident=True), Model(name="chat")]
    book = Playbook(models)
    book.perform("unpin chat | load small\nsmall is ready | nothing")
    book.perform("1 arrives for chat or small | grant 1")


class Lingering(Sleeper):
    """Lets everybody wait for a minute."""

    name = "lingering"

    def decide(self, view: View) -> Plan:
        return Plan(wake_at=view.now + 5)


def test_patience_grows_with_what_a_swap_takes() -> None:
    slow = [Model(name="chat", load_prior=100.0)]
    quick = [Model(name="chat", load_prior=1.0)]
    for models, patience in ((slow, 202), (quick, 10)):
        book = Playbook(models, Lingering(), stall_limit=10.0)
        book.perform("1 arrives for chat | nothing")
        assert book.wait(patience - 1) == []
        assert book.wait(1.5) == ["load chat"]
