"""Loads, evictions and what happens to them on the way."""

from __future__ import annotations

from jano_core.scheduler.types import Model
from jano_core.testing.playbook import Playbook

CHAT_RUNS = """
    1 arrives for chat | load chat
    chat is ready      | grant 1
"""

CODE_IS_NEXT = f"""{CHAT_RUNS}
    2 arrives for code | nothing
    1 is served        | unload chat
"""


def roomy(*names: str, budget: int = 2) -> Playbook:
    """Models of size 1 in a box of size `budget`."""
    return Playbook([Model(name=name, memory=1) for name in names], budget=budget)


def test_who_comes_while_a_model_loads_joins_that_load() -> None:
    Playbook("chat code").perform("""
        1 arrives for chat       | load chat
        2 arrives for chat       | nothing
        chat is ready            | grant 1
        1 is served              | grant 2
    """)


def test_a_busy_model_drains_before_it_goes() -> None:
    book = Playbook("chat code").perform(f"{CHAT_RUNS}\n 2 arrives for code | nothing")
    assert book.state("chat") == "draining"
    book.perform("""
        1 is served  | unload chat
        chat is gone | load code
        code is ready | grant 2
    """)


def test_a_drain_is_revoked_when_somebody_comes_for_the_model() -> None:
    book = Playbook([Model(name="chat", parallel=2), Model(name="code")])
    book.perform(f"{CHAT_RUNS}\n 2 arrives for code | nothing")
    assert book.state("chat") == "draining"
    book.perform("3 arrives for chat | grant 3")
    book.perform("""
        1 is served | nothing
        3 is served | unload chat
    """)


def test_a_drain_is_revoked_when_its_cause_leaves() -> None:
    book = Playbook("chat code").perform(f"""{CHAT_RUNS}
        2 arrives for code | nothing
        2 leaves           | nothing
    """)
    assert book.state("chat") == "ready"
    book.perform("1 is served | nothing")


def test_a_load_that_nobody_waits_for_is_given_up_while_it_starts() -> None:
    book = Playbook("chat code").perform("""
        1 arrives for chat | load chat
        1 leaves           | unload chat
        chat is gone       | nothing
    """)
    assert [note.kind for note in book.notes if note.swap] == ["swap_started", "swap_cancelled"]


def test_a_load_that_nobody_waits_for_is_given_up_while_the_other_stops() -> None:
    Playbook("chat code").perform(f"""{CODE_IS_NEXT}
        2 leaves           | nothing
        chat is gone       | nothing
    """)


def test_it_is_not_given_up_while_one_still_waits() -> None:
    Playbook("chat code").perform("""
        1 arrives for chat | load chat
        2 arrives for chat | nothing
        1 leaves           | nothing
        chat is ready      | grant 2
    """)


def test_who_comes_while_a_load_is_given_up_waits_for_a_new_one() -> None:
    Playbook("chat code").perform("""
        1 arrives for chat | load chat
        1 leaves           | unload chat
        2 arrives for chat | nothing
        chat is gone       | load chat
        chat is ready      | grant 2
    """)


def test_a_late_report_of_a_load_that_was_given_up_changes_nothing() -> None:
    Playbook("chat code").perform("""
        1 arrives for chat | load chat
        1 leaves           | unload chat
        chat is ready      | nothing
        chat fails to load | nothing
        chat is gone       | nothing
    """)


def test_what_was_loaded_for_somebody_serves_before_it_may_go() -> None:
    Playbook("chat code").perform(f"""{CODE_IS_NEXT}
        3 arrives for chat | nothing   # chat is stopping already
        chat is gone       | load code
        code is ready      | grant 2
        2 is served        | unload code
        code is gone       | load chat
        chat is ready      | grant 3
    """)


def test_models_that_fit_together_stay_together() -> None:
    roomy("chat", "code").perform(f"""{CHAT_RUNS}
        2 arrives for code | load code
        code is ready      | grant 2
        3 arrives for chat | nothing
        1 is served        | grant 3
    """)


def test_swaps_that_do_not_touch_run_side_by_side() -> None:
    roomy("chat", "code").perform("""
        1 arrives for chat | load chat
        2 arrives for code | load code
        code is ready      | grant 2
        chat is ready      | grant 1
    """)


def test_memory_is_free_only_when_the_model_is_gone() -> None:
    roomy("chat", "code", "fast").perform(f"""{CHAT_RUNS}
        2 arrives for code | load code
        code is ready      | grant 2
        3 arrives for fast | nothing
        2 is served        | nothing   # chat was used longer ago, so that it goes
        1 is served        | unload chat
        +60s               | nothing
        chat is gone       | load fast
    """)


def test_the_least_recently_used_goes() -> None:
    roomy("chat", "code", "fast").perform("""
        1 arrives for chat | load chat
        chat is ready      | grant 1
        2 arrives for code | load code
        code is ready      | grant 2
        +1s
        2 is served        | nothing
        +1s
        1 is served        | nothing
        3 arrives for fast | unload code
    """)


def test_a_model_without_a_known_size_takes_the_whole_box() -> None:
    book = Playbook([Model(name="chat", memory=1), Model(name="huge")], budget=8)
    book.perform("""
        1 arrives for chat | load chat
        2 arrives for huge | nothing
        chat is ready      | grant 1
        1 is served        | unload chat
    """)


def test_a_swap_tells_its_phases_and_where_it_came_from() -> None:
    book = Playbook("chat code").perform(f"""{CHAT_RUNS}
        2 arrives for code
        +3s
        1 is served
        +1s
        chat is gone
        +20s
        code is ready
    """)
    ready = [note for note in book.notes if note.kind == "swap_ready"][-1]
    assert ready.phases == (3, 1, 20)
    assert (ready.coming_from, ready.model, ready.evicted) == ("chat", "code", ("chat",))
    assert ready.requests == ("2",)


def test_a_server_that_was_found_running_is_used() -> None:
    book = Playbook("chat code").perform("""
        chat is ready      | nothing
        1 arrives for chat | grant 1
    """)
    assert [note.state for note in book.notes if note.kind == "state"] == ["ready"]
