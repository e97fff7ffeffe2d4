"""What may happen to a request between its arrival and its end."""

from __future__ import annotations

import pytest

from jano_core.scheduler import events as ev
from jano_core.scheduler.commands import Grant
from jano_core.scheduler.types import Model, Request
from jano_core.strategies.fifo import Fifo
from jano_core.testing.playbook import Playbook

CHAT_RUNS = """
    1 arrives for chat | load chat
    chat is ready      | grant 1
"""


def test_urgent_requests_overtake_and_equals_keep_their_order() -> None:
    Playbook("chat").perform(f"""{CHAT_RUNS}
        2 arrives for chat (low)
        3 arrives for chat
        4 arrives for chat (high)
        5 arrives for chat (high)
        1 is served | grant 4
        4 is served | grant 5
        5 is served | grant 3
        3 is served | grant 2
    """)


def test_the_most_urgent_decides_what_is_loaded_next() -> None:
    Playbook("chat code fast").perform(f"""{CHAT_RUNS}
        2 arrives for code (low)
        3 arrives for fast (high)
        1 is served  | unload chat
        chat is gone | load fast
    """)


def test_parallel_slots_are_filled_and_never_exceeded() -> None:
    Playbook([Model(name="chat", parallel=2)]).perform("""
        1 arrives for chat | load chat
        2 arrives for chat | nothing
        3 arrives for chat | nothing
        chat is ready      | grant 1, grant 2
        2 is served        | grant 3
    """)


def test_the_server_knows_its_slots_better_than_the_configuration() -> None:
    Playbook([Model(name="chat", parallel=4)]).perform("""
        1 arrives for chat         | load chat
        2 arrives for chat         | nothing
        chat is ready with 1 slots | grant 1
    """)


def test_a_waiting_request_may_leave_at_any_time() -> None:
    book = Playbook("chat").perform(
        f"{CHAT_RUNS}\n 2 arrives for chat | nothing\n 2 leaves | nothing"
    )
    assert not len(book.scheduler.queue)
    book.perform("1 is served | nothing")


def test_a_request_whose_server_broke_off_is_the_next_one_once() -> None:
    book = Playbook("chat").perform(f"""{CHAT_RUNS}
        2 arrives for chat | nothing
        chat crashes       | load chat
        1 breaks           | nothing
        chat is ready      | grant 1
        1 breaks           | refuse 1 upstream_failed, grant 2
    """)
    assert [note.requests for note in book.notes if note.kind == "requeued"] == [("1",)]


def test_why_it_is_the_next_one_is_told() -> None:
    book = Playbook("chat").perform(CHAT_RUNS)
    commands = book.scheduler.handle(
        ev.Finished(at=book.now, request="1", outcome="failed", retry=True, why="broke off")
    )
    assert [note.text for note in commands if getattr(note, "kind", "") == "requeued"] == [
        "broke off"
    ]


def test_the_second_grant_says_so() -> None:
    book = Playbook("chat").perform(f"{CHAT_RUNS}\n chat crashes")
    commands = book.scheduler.handle(
        ev.Finished(at=book.now, request="1", outcome="failed", retry=True)
    )
    assert not [command for command in commands if isinstance(command, Grant)]
    commands = book.scheduler.handle(ev.Loaded(at=book.now, model="chat"))
    assert [command.attempt for command in commands if isinstance(command, Grant)] == [2]


def test_a_grant_tells_how_long_it_waited_and_how_much_of_that_was_a_swap() -> None:
    book = Playbook("chat code").perform(f"""{CHAT_RUNS}
        2 arrives for code
        +3s
        1 is served
        +1s
        chat is gone
        +20s
    """)
    commands = book.scheduler.handle(ev.Loaded(at=book.now, model="code"))
    [grant] = [command for command in commands if isinstance(command, Grant)]
    assert (grant.queue_s, grant.swap_s) == (24, 21)


def test_running_requests_of_a_server_that_died_may_end_late() -> None:
    Playbook("chat").perform(f"""{CHAT_RUNS}
        chat crashes       | nothing
        2 arrives for chat | load chat
        chat is ready      | grant 2
        1 fails            | nothing   # it held no slot of the new server
        3 arrives for chat | nothing
    """)


def test_a_full_queue_refuses() -> None:
    Playbook("chat", queue_limit=1).perform(f"""{CHAT_RUNS}
        2 arrives for chat | nothing
        3 arrives for chat | refuse 3 queue_full
        1 is served        | grant 2
        4 arrives for chat | nothing
    """)


def test_past_its_deadline_a_request_is_refused_instead_of_started() -> None:
    Playbook("chat").perform(f"""{CHAT_RUNS}
        2 arrives for chat (within 5s) | nothing
        +4s                            | nothing
        +1.1s                          | refuse 2 deadline_exceeded
        1 is served                    | nothing
    """)


def test_a_deadline_does_not_touch_what_runs() -> None:
    Playbook("chat").perform("""
        1 arrives for chat (within 5s) | load chat
        chat is ready                  | grant 1
        +60s                           | nothing
    """)


def test_a_deadline_outlives_a_second_attempt() -> None:
    Playbook("chat").perform("""
        1 arrives for chat (within 50s) | load chat
        chat is ready                   | grant 1
        +1s
        2 arrives for chat (within 90s) | nothing
        chat crashes                    | load chat
        1 breaks                        | nothing
        +49.1s                          | refuse 1 deadline_exceeded
    """)


def test_a_request_that_wants_no_swap_is_told_so_at_once() -> None:
    Playbook("chat code").perform("""
        1 arrives for chat (no swap) | refuse 1 model_not_loaded
        2 arrives for chat           | load chat
        3 arrives for chat (no swap) | nothing
        4 arrives for code (no swap) | refuse 4 model_not_loaded
        chat is ready                | grant 2
        2 is served                  | grant 3
    """)


def test_a_request_that_wants_no_swap_does_not_wait_for_what_is_to_go() -> None:
    Playbook("chat code").perform("""
        1 arrives for chat           | load chat
        chat is ready                | grant 1
        unload chat                  | nothing
        2 arrives for chat (no swap) | refuse 2 model_not_loaded
    """)


def test_a_request_that_wants_no_swap_does_not_bring_back_what_went_for_another() -> None:
    Playbook("chat code", Fifo()).perform("""
        1 arrives for chat           | load chat
        chat is ready                | grant 1
        2 arrives for code           | nothing
        3 arrives for chat (no swap) | nothing       # chat may yet stay, if 2 leaves
        4 arrives for chat           | nothing
        1 is served                  | unload chat, refuse 3 model_not_loaded
        chat is gone                 | load code
        code is ready                | grant 2
        2 is served                  | unload code
        code is gone                 | load chat
    """)


def test_a_score_shows_the_line_that_came_out_otherwise() -> None:
    with pytest.raises(AssertionError) as raised:
        Playbook("chat").perform("""
            1 arrives for chat | load chat
            chat is ready      | grant 2
        """)
    line, expected, came = (" ".join(line.split()) for line in str(raised.value).splitlines())
    assert line == "chat is ready | grant 2"
    assert (expected, came) == ("expected: grant 2", "came: grant 1")


def test_a_score_says_what_it_cannot_say() -> None:
    with pytest.raises(ValueError, match="chat explodes"):
        Playbook("chat").perform("chat explodes")
    with pytest.raises(ValueError, match="gold"):
        Playbook("chat").perform("1 arrives for chat (gold)")


def test_a_deadline_of_now_is_kept_by_a_start_now() -> None:
    """`X-Jano-Deadline: 0` asks for a free slot or nothing."""
    book = Playbook("chat code")
    book.perform("""
        1 arrives for chat | load chat
        chat is ready      | grant 1
        1 is served
    """)
    now = book.now
    for number, model in ((2, "chat"), (3, "code")):
        request = Request(id=str(number), models=(model,), arrived=now, deadline=now)
        book.handle(ev.Arrived(at=now, request=request))
    assert book.said[-2:] == ["grant 2", "refuse 3 deadline_exceeded"]
