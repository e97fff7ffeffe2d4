"""Loads that fail, servers that crash, and when a model is left alone."""

from __future__ import annotations

from jano_core.testing.playbook import Playbook

CHAT_RUNS = """
    1 arrives for chat | load chat
    chat is ready      | grant 1
"""


def test_a_failed_load_refuses_everybody_who_waited_for_it_and_nobody_else() -> None:
    Playbook("chat code").perform("""
        1 arrives for chat | load chat
        2 arrives for chat | nothing
        3 arrives for code | nothing
        chat fails to load | refuse 1 model_load_failed, refuse 2 model_load_failed, load code
    """)


def test_after_too_many_failed_loads_it_is_left_alone_for_a_while() -> None:
    book = Playbook("chat code", failure_limit=2, failure_reset=600).perform("""
        1 arrives for chat | load chat
        chat fails to load | refuse 1 model_load_failed
        2 arrives for chat | load chat
        chat fails to load | refuse 2 model_load_failed
        3 arrives for chat | refuse 3 model_unavailable
        4 arrives for code | load code
    """)
    assert book.state("chat") == "cooling"
    book.perform("""
        +600s              | nothing
        5 arrives for chat | refuse 5 model_unavailable
        +1s                | nothing
    """)
    assert book.state("chat") == "stopped"
    book.perform("""
        code is ready      | grant 4
        6 arrives for chat | nothing
        4 is served        | unload code
    """)


def test_a_person_may_have_it_tried_again_before_the_cool_off_is_over() -> None:
    Playbook("chat", failure_limit=2).perform("""
        1 arrives for chat | load chat
        chat fails to load | refuse 1 model_load_failed
        2 arrives for chat | load chat
        chat fails to load | refuse 2 model_load_failed
        forgive chat       | nothing
        3 arrives for chat | load chat
        chat fails to load | refuse 3 model_load_failed
        4 arrives for chat | load chat
    """)


def test_a_good_load_forgives_failed_ones() -> None:
    Playbook("chat", failure_limit=2).perform("""
        1 arrives for chat | load chat
        chat fails to load | refuse 1 model_load_failed
        2 arrives for chat | load chat
        chat is ready      | grant 2
        chat crashes       | nothing
        3 arrives for chat | load chat
        chat fails to load | refuse 3 model_load_failed
        4 arrives for chat | load chat
    """)


def test_a_crash_frees_the_model_for_a_new_start() -> None:
    book = Playbook("chat code").perform(f"{CHAT_RUNS}\n chat crashes | nothing")
    assert book.state("chat") == "stopped"
    book.perform("""
        1 fails            | nothing
        2 arrives for chat | load chat
    """)


def test_a_crash_makes_room_for_who_waits_for_another() -> None:
    Playbook("chat code").perform(f"""{CHAT_RUNS}
        2 arrives for code | nothing
        chat crashes       | load code
    """)


def test_a_model_that_dies_on_every_request_is_left_alone() -> None:
    Playbook("chat", failure_limit=2, failure_reset=60).perform(f"""{CHAT_RUNS}
        chat crashes       | nothing
        1 breaks           | load chat
        2 arrives for chat | nothing
        chat is ready      | grant 1
        chat crashes       | refuse 2 model_unavailable
        1 breaks           | refuse 1 upstream_failed
        3 arrives for chat | refuse 3 model_unavailable
        +61s               | nothing
        4 arrives for chat | load chat
    """)


def test_a_first_attempt_that_breaks_on_a_cooling_model_is_not_tried_again() -> None:
    Playbook("chat", failure_limit=1).perform(f"""{CHAT_RUNS}
        chat crashes | nothing
        1 breaks     | refuse 1 model_unavailable
    """)


def test_an_answer_served_whole_forgives_crashes() -> None:
    Playbook("chat", failure_limit=2).perform(f"""{CHAT_RUNS}
        chat crashes       | nothing
        1 breaks           | load chat
        chat is ready      | grant 1
        1 is served        | nothing
        chat crashes       | nothing
        2 arrives for chat | load chat
    """)


def test_a_server_that_dies_while_it_is_put_away_is_no_crash() -> None:
    Playbook("chat code", failure_limit=1).perform(f"""{CHAT_RUNS}
        2 arrives for code | nothing
        1 is served        | unload chat
        chat crashes       | nothing
        chat is gone       | load code
    """)
