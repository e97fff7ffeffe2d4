"""What a swap need not wait for: drains, stops and starts that run side by side where they fit."""

from __future__ import annotations

import pytest

from jano_core.scheduler import events as ev
from jano_core.scheduler.rules.groups import Group, Groups, GroupsSettings
from jano_core.scheduler.strategy import Strategy
from jano_core.scheduler.types import Load, Model, Plan
from jano_core.scheduler.view import View
from jano_core.strategies.greedy import Greedy
from jano_core.strategies.headstart import HeadStart
from jano_core.testing.playbook import Playbook

SIDE = GroupsSettings(
    groups={"side": Group(members=("chat",), swap=False, exclusive=False)},
)
"""Loading code puts chat away, and yet chat may be loaded beside code: they fit together."""


def box(budget: int, strategy: Strategy | None = None, **memory: int) -> Playbook:
    models = [Model(name=name, memory=size) for name, size in memory.items()]
    return Playbook(models, strategy, budget=budget)


def displaced(parallel: int = 1) -> Playbook:
    """chat runs 1, and code is being loaded beside it though chat has to go."""
    models = [Model(name="chat", parallel=parallel), Model(name="code")]
    return Playbook(models, make_rule=lambda known: Groups(known, None, SIDE)).perform("""
        1 arrives for chat | load chat
        chat is ready      | grant 1
        2 arrives for code | load code
    """)


@pytest.fixture(params=[Greedy, HeadStart])
def strategy(request: pytest.FixtureRequest) -> Strategy:
    made: Strategy = request.param()
    return made


# -- what fits beside everything that is there


def test_all_that_fits_is_loaded_at_once(strategy: Strategy) -> None:
    box(2, strategy, huge=2, chat=1, code=1).perform("""
        huge is ready      | nothing
        1 arrives for huge | grant 1
        2 arrives for chat | nothing
        3 arrives for code | nothing
        huge crashes       | load chat, load code
    """)


def test_one_of_two_that_would_do_is_enough(strategy: Strategy) -> None:
    box(2, strategy, huge=2, chat=1, code=1).perform("""
        huge is ready              | nothing
        1 arrives for huge         | grant 1
        2 arrives for chat or code | nothing
        huge crashes               | load chat
    """)


def test_what_fits_does_not_wait_for_another_one_s_drain(strategy: Strategy) -> None:
    box(4, strategy, chat=2, code=3, fast=1).perform("""
        chat is ready      | nothing
        1 arrives for chat | grant 1
        2 arrives for code | nothing    # chat has to end 1 before
        3 arrives for fast | load fast
        fast is ready      | grant 3
        1 is served        | unload chat
        chat is gone       | load code
    """)


def test_what_fits_does_not_wait_for_another_one_s_stop(strategy: Strategy) -> None:
    box(4, strategy, chat=2, code=3, fast=1).perform("""
        chat is ready      | nothing
        1 arrives for code | unload chat
        2 arrives for fast | load fast
        chat is gone       | load code
        fast is ready      | grant 2
        code is ready      | grant 1
    """)


def test_what_fits_now_but_not_beside_what_was_promised_waits(strategy: Strategy) -> None:
    box(4, strategy, chat=1, code=4, fast=2).perform("""
        chat is ready      | nothing
        1 arrives for code | unload chat
        2 arrives for fast | nothing
        chat is gone       | load code
        code is ready      | grant 1
        1 is served        | unload code
        code is gone       | load fast
    """)


def test_a_swap_and_a_swap_elsewhere_in_memory_run_in_parallel(strategy: Strategy) -> None:
    box(4, strategy, chat=2, code=2, fast=2, tall=2).perform("""
        chat is ready      | nothing
        code is ready      | nothing
        1 arrives for fast | unload chat
        2 arrives for tall | unload code
        code is gone       | load fast    # whose place it takes is all the same
        chat is gone       | load tall
    """)


# -- memory that is coming back


def test_what_waits_for_one_s_stop_has_the_others_stopped_meanwhile(strategy: Strategy) -> None:
    box(4, strategy, chat=2, code=2, tall=4).perform("""
        chat is ready      | nothing
        code is ready      | nothing
        unload chat        | unload chat
        1 arrives for tall | unload code
        code is gone       | nothing
        chat is gone       | load tall
    """)


def test_several_evictions_are_stopped_together(strategy: Strategy) -> None:
    box(4, strategy, chat=2, code=1, fast=1, tall=4).perform("""
        chat is ready      | nothing
        code is ready      | nothing
        fast is ready      | nothing
        1 arrives for tall | unload chat, unload code, unload fast
        fast is gone       | nothing
        chat is gone       | nothing
        code is gone       | load tall
    """)


def test_memory_of_a_load_that_failed_is_used_at_once() -> None:
    box(4, None, chat=2, code=2, fast=2).perform("""
        1 arrives for chat  | load chat
        2 arrives for code  | load code
        3 arrives for fast  | nothing
        chat fails to load  | refuse 1 model_load_failed, load fast
    """)


def test_who_leaves_gives_its_promised_room_to_another_at_once() -> None:
    box(4, None, chat=1, code=4, fast=3).perform("""
        chat is ready      | nothing
        1 arrives for code | unload chat
        2 arrives for fast | nothing
        1 leaves           | load fast
        chat is gone       | nothing
    """)


def test_a_promise_that_was_overtaken_is_made_anew() -> None:
    """A server turned up that nobody had counted on."""
    box(2, None, chat=2, code=2, fast=1).perform("""
        chat is ready      | nothing
        1 arrives for code | unload chat
        fast is ready      | nothing
        chat is gone       | unload fast
        fast is gone       | load code
    """)


class Double(Strategy):
    """Asks for two loads at once, of which one has to wait for a drain."""

    name = "double"

    def decide(self, view: View) -> Plan:
        """See `Strategy.decide`."""
        load = [Load("code", ("chat",)), Load("fast")]
        return Plan(serve=view.fill(), load=load if len(view.queue) > 1 else ())


def test_a_load_of_the_same_plan_waits_for_the_room_that_another_makes() -> None:
    box(4, Double(), chat=3, code=2, fast=2).perform("""
        chat is ready      | nothing
        1 arrives for chat | grant 1
        2 arrives for code | nothing
        3 arrives for fast | nothing
        1 is served        | unload chat
        chat is gone       | load code, load fast
    """)


# -- a drain beside the start of the one it is for


def test_where_they_may_live_together_nobody_waits_for_the_drain() -> None:
    book = displaced()
    assert book.state("chat") == "draining"
    book.perform("""
        code is ready      | grant 2
        3 arrives for chat | nothing       # chat is leaving: no new requests
        1 is served        | unload chat
        chat is gone       | load chat     # which puts nobody away
    """)


def test_who_is_idle_is_stopped_while_the_other_starts() -> None:
    book = Playbook("chat code", make_rule=lambda known: Groups(known, None, SIDE))
    book.perform("""
        chat is ready      | nothing
        1 arrives for code | unload chat, load code
        code is ready      | grant 1
        chat is gone       | nothing
    """)


def test_where_its_memory_is_needed_the_drain_is_waited_for() -> None:
    models = [Model(name="chat", memory=2), Model(name="code", memory=2)]
    book = Playbook(models, make_rule=lambda known: Groups(known, 3, SIDE))
    book.perform("""
        1 arrives for chat | load chat
        chat is ready      | grant 1
        2 arrives for code | nothing
        1 is served        | unload chat
        chat is gone       | load code
    """)


def test_who_drains_for_a_load_that_fails_stays() -> None:
    book = displaced(parallel=2)
    book.perform("""
        3 arrives for chat  | nothing
        code fails to load  | refuse 2 model_load_failed, grant 3
    """)
    assert book.state("chat") == "ready"


def test_who_drains_for_a_load_that_is_given_up_stays() -> None:
    displaced(parallel=2).perform("""
        3 arrives for chat | nothing
        2 leaves           | unload code, grant 3
        code is gone       | nothing
    """)


def test_who_was_told_to_leave_leaves_also_when_the_load_is_given_up() -> None:
    displaced().perform("""
        unload chat  | nothing
        2 leaves     | unload code
        1 is served  | unload chat
    """)


def test_who_is_pinned_while_it_drains_stays() -> None:
    book = displaced().perform("""
        pin chat           | nothing
        code is ready      | grant 2
        1 is served        | nothing
        3 arrives for chat | grant 3
    """)
    assert book.state("chat") == "ready"


def test_both_have_memory_while_one_starts_beside_the_other() -> None:
    book = displaced()
    assert book.scheduler.node.occupied() == ("chat", "code")
    book.handle(ev.Finished(at=book.now, request="1", outcome="served"))
    assert book.scheduler.node.settled() == {"code"}


# -- who comes next


def test_it_is_told_who_comes_next_and_who_does_not_after_all() -> None:
    book = Playbook("chat code").perform("""
        1 arrives for chat | load chat
        chat is ready      | grant 1
        2 arrives for code | nothing
        3 arrives for code | nothing
        2 leaves           | nothing
        3 leaves           | nothing
        4 arrives for code | nothing
        1 is served        | unload chat
    """)
    told = [note.kind for note in book.notes if note.model == "code"]
    assert [kind for kind in told if kind in ("awaited", "forgone", "swap_started")] == [
        "awaited",
        "forgone",
        "awaited",
        "swap_started",
    ]
