"""What people, time and the configuration want of models."""

from __future__ import annotations

import pytest

from jano_core.scheduler import events as ev
from jano_core.scheduler.types import Model, Request
from jano_core.testing.playbook import Playbook

CHAT_RUNS = """
    1 arrives for chat | load chat
    chat is ready      | grant 1
"""
CHAT_IDLES = f"{CHAT_RUNS}\n 1 is served | nothing"


def test_an_idle_model_is_unloaded_at_once() -> None:
    book = Playbook("chat").perform(f"""{CHAT_IDLES}
        unload chat  | unload chat
        chat is gone | nothing
        unload chat  | nothing
    """)
    assert book.state("chat") == "stopped"


def test_a_busy_model_ends_its_requests_first_and_takes_no_new_ones() -> None:
    Playbook([Model(name="chat", parallel=2)]).perform(f"""{CHAT_RUNS}
        unload chat        | nothing
        2 arrives for chat | nothing
        1 is served        | unload chat
        chat is gone       | load chat
        chat is ready      | grant 2
    """)


def test_a_load_under_way_is_given_up_and_made_anew_for_those_who_wait() -> None:
    Playbook("chat").perform("""
        1 arrives for chat | load chat
        unload chat        | unload chat
        chat is gone       | load chat
        chat is ready      | grant 1
    """)


def test_a_swap_that_has_not_started_is_called_off() -> None:
    book = Playbook("chat code").perform(f"""{CHAT_RUNS}
        2 arrives for code | nothing
        1 is served        | unload chat
        unload code        | nothing
        chat is gone       | load code
        code is ready      | grant 2
    """)
    kinds = [note.kind for note in book.notes if note.model == "code" and note.swap]
    assert kinds == ["swap_started", "swap_cancelled", "swap_started", "swap_ready"]


def test_unloading_one_model_delays_no_other() -> None:
    book = Playbook([Model(name="chat", memory=1), Model(name="code", memory=1)], budget=2)
    book.perform(f"""{CHAT_RUNS}
        unload chat        | nothing
        2 arrives for code | load code
        code is ready      | grant 2
    """)


def test_what_is_pinned_is_never_evicted() -> None:
    book = Playbook([Model(name=name, memory=1) for name in ("chat", "code", "fast")], budget=2)
    book.perform(f"""{CHAT_IDLES}
        pin chat           | nothing
        +1s
        2 arrives for code | load code
        code is ready      | grant 2
        2 is served        | nothing
        3 arrives for fast | unload code
    """)


def test_who_can_never_fit_beside_the_pinned_is_told_so() -> None:
    Playbook("chat code").perform(f"""{CHAT_IDLES}
        pin chat           | nothing
        2 arrives for code | refuse 2 model_unavailable
        unpin chat         | nothing
        3 arrives for code | unload chat
    """)


def test_it_is_told_so_even_while_the_pinned_one_is_busy() -> None:
    Playbook("chat code").perform(f"""{CHAT_RUNS}
        2 arrives for code | nothing
        pin chat           | refuse 2 model_unavailable
        3 arrives for code | refuse 3 model_unavailable
    """)


def test_a_pinned_model_that_a_person_unloads_is_waited_for() -> None:
    Playbook("chat code").perform("""
        1 arrives for chat | load chat
        chat is ready      | grant 1
        pin chat           | nothing
        unload chat        | nothing      # 1 may end
        2 arrives for code | nothing
        1 is served        | unload chat
        chat is gone       | load code
        code is ready      | grant 2
    """)


def test_several_are_told_so_in_the_order_in_which_their_models_were_asked_for() -> None:
    late = ["kiwi", "plum", "fig", "lime", "pear", "date"]
    book = Playbook(" ".join(["chat", *late])).perform(CHAT_RUNS)
    for number, name in enumerate(late, start=2):
        book.tell(f"{number} arrives for {name}")
    assert book.tell("pin chat") == [f"refuse {each} model_unavailable" for each in range(2, 8)]


def test_a_person_may_unload_even_what_is_pinned() -> None:
    Playbook("chat").perform(f"""{CHAT_IDLES}
        pin chat    | nothing
        unload chat | unload chat
    """)


def test_an_idle_model_goes_after_its_ttl() -> None:
    Playbook([Model(name="chat", ttl=30)]).perform(f"""{CHAT_RUNS}
        +60s               | nothing   # busy
        1 is served        | nothing
        +29s               | nothing
        2 arrives for chat | grant 2
        2 is served        | nothing
        +29s               | nothing
        +1s                | unload chat
    """)


def test_requests_for_one_model_do_not_keep_another_from_its_end() -> None:
    """Every event is a plain one: a free slot is granted, or a request ends and nobody waits."""
    models = [Model(name="chat", memory=1, ttl=30), Model(name="code", memory=1, ttl=30)]
    book = Playbook(models, budget=2).perform("""
        1 arrives for chat | load chat
        chat is ready      | grant 1
        2 arrives for code | load code
        code is ready      | grant 2
        2 is served        | nothing
        +20s               | nothing
        1 is served        | nothing
        3 arrives for chat | grant 3
    """)
    assert book.scheduler.next_deadline() == 30
    book.perform("""
        +9s                | nothing
        3 is served        | nothing
    """)
    book.now = 30.0  # an event comes before the timer
    book.perform("""
        4 arrives for chat | unload code, grant 4
        code is gone       | nothing
        4 is served        | nothing
        +29s               | nothing
        +1s                | unload chat
    """)


def test_a_request_that_comes_as_its_model_is_to_go_keeps_it() -> None:
    book = Playbook([Model(name="chat", ttl=30)]).perform(f"""{CHAT_RUNS}
        1 is served        | nothing
    """)
    book.now = 30.0
    book.perform("2 arrives for chat | grant 2")


@pytest.mark.parametrize("ttl, told", [(0, "unpin chat"), (30, "pin chat")])
def test_without_a_ttl_or_with_a_pin_it_stays(ttl: float, told: str) -> None:
    Playbook([Model(name="chat", ttl=ttl)]).perform(
        f"{CHAT_IDLES}\n {told} | nothing\n +9999s | nothing"
    )


RESIDENT = [Model(name="embed", resident=True, memory=9), Model(name="chat", memory=1)]


def test_a_resident_model_is_always_up_and_costs_no_swap() -> None:
    Playbook(RESIDENT, budget=1).perform("""
        1 arrives for embed | load embed
        2 arrives for chat  | load chat
        embed is ready      | grant 1
        3 arrives for embed | grant 3      # as many as come
        chat is ready       | grant 2
        embed crashes       | load embed
        4 arrives for embed | nothing
        embed is ready      | grant 4
        unload embed        | nothing
        1 fails
        3 fails
        4 is served         | unload embed
        embed is gone       | load embed
    """)


def test_no_swap_comes_from_a_resident_model() -> None:
    book = Playbook(RESIDENT, budget=1).perform("""
        1 arrives for embed | load embed
        embed is ready      | grant 1
        1 is served         | nothing
        2 arrives for chat  | load chat
        chat is ready       | grant 2
    """)
    assert [each.coming_from for each in book.notes if each.kind == "swap_ready"][-1] == ""


def test_a_resident_model_that_fails_is_left_alone_and_tried_again() -> None:
    Playbook(RESIDENT, failure_limit=2, failure_reset=60).perform("""
        1 arrives for embed  | load embed
        embed fails to load  | refuse 1 model_load_failed, load embed
        embed fails to load  | nothing
        2 arrives for embed  | refuse 2 model_unavailable
        +5s                  | load embed
        embed fails to load  | nothing
        +5s                  | load embed
        embed is ready       | nothing
        3 arrives for embed  | grant 3
    """)


def test_a_changed_model_ends_what_runs_and_then_gets_a_new_server() -> None:
    book = Playbook("chat").perform(f"{CHAT_RUNS}\n 2 arrives for chat | nothing")
    assert book.reconfigure("chat", changed=["chat"]) == []
    book.perform("""
        1 is served   | unload chat
        chat is gone  | load chat
        chat is ready | grant 2
    """)


def test_an_unchanged_model_stays_loaded() -> None:
    book = Playbook("chat code").perform(CHAT_RUNS)
    assert book.reconfigure("chat code fast", changed=["code"]) == []
    assert book.state("chat") == "ready"


def test_a_removed_model_serves_who_waits_and_is_then_forgotten() -> None:
    book = Playbook("chat code").perform(f"{CHAT_RUNS}\n 2 arrives for chat\n 3 arrives for code")
    assert book.reconfigure("fast") == []
    book.perform("""
        1 is served   | grant 2
        2 is served   | unload chat
        chat is gone  | load code
        code is ready | grant 3
        3 is served   | unload code
        code is gone  | nothing
    """)
    assert set(book.scheduler.node.instances) == {"fast"}


def test_a_model_that_was_added_can_be_asked_for() -> None:
    book = Playbook("chat").perform(CHAT_IDLES)
    assert book.reconfigure("chat code") == []
    book.perform("2 arrives for code | unload chat")


def test_a_changed_model_is_forgiven_its_failures() -> None:
    book = Playbook("chat", failure_limit=1).perform("""
        1 arrives for chat | load chat
        chat fails to load | refuse 1 model_load_failed
    """)
    assert book.reconfigure("chat", changed=["chat"]) == []
    book.perform("2 arrives for chat | load chat")


def test_a_swap_that_has_not_started_is_decided_anew_after_a_reload() -> None:
    """A model may be larger now than it was when its swap was decided."""
    chat, code, fast = (Model(name=name, memory=1) for name in ("chat", "code", "fast"))
    book = Playbook([chat, code, fast], budget=2).perform("""
        chat is ready      | nothing
        code is ready      | nothing
        1 arrives for fast | unload chat
    """)
    assert book.reconfigure([chat, code, Model(name="fast", memory=2)]) == ["unload code"]
    book.perform("""
        chat is gone  | nothing
        code is gone  | load fast
        fast is ready | grant 1
    """)


def test_who_waits_follows_a_model_that_becomes_resident_and_back() -> None:
    book = Playbook("chat embed").perform(f"{CHAT_RUNS}\n 2 arrives for embed | nothing")
    assert book.reconfigure([Model(name="chat"), *RESIDENT[:1]]) == ["load embed"]
    book.perform("1 is served | nothing")
    assert book.reconfigure("chat embed") == ["unload embed"]
    book.perform("""
        embed is gone  | unload chat
        chat is gone   | load embed
        embed is ready | grant 2
    """)


def test_a_model_stays_known_while_a_running_request_may_need_it_yet() -> None:
    """Taken out of the configuration, it is still the other choice of a request that breaks off."""
    book = Playbook("chat code")
    request = Request(id="1", models=("chat", "code"), arrived=book.now)
    book.handle(ev.Arrived(at=book.now, request=request))
    book.perform("chat is ready | grant 1")
    assert book.reconfigure("chat") == []
    book.perform("""
        chat crashes  | nothing
        1 breaks      | load chat
        chat is ready | grant 1
        1 is served   | nothing
    """)
    with pytest.raises(KeyError):
        book.state("code")
