"""Waiting requests: order, indexes, deadlines."""

from __future__ import annotations

from jano_core.scheduler.queue import Queue
from jano_core.scheduler.types import Priority, Request


def request(number: int, model: str = "chat", **fields: object) -> Request:
    return Request(id=str(number), models=(model,), arrived=float(number), **fields)  # type: ignore[arg-type]


def filled(*requests: Request) -> Queue:
    queue = Queue()
    for each in requests:
        queue.add(each)
    return queue


def test_an_empty_queue_has_nobody() -> None:
    queue = Queue()
    assert len(queue) == 0
    assert queue.pop("1") is None
    assert queue.next_deadline() is None
    assert queue.of("chat") == ()


def test_order_is_that_of_arrival_overall_and_inside_a_model() -> None:
    queue = filled(request(1), request(2, "code"), request(3))
    assert [each.id for each in queue] == ["1", "2", "3"]
    assert [each.id for each in queue.of("chat")] == ["1", "3"]


def test_urgent_ones_take_their_turn_first_and_fronts_are_one_a_priority() -> None:
    queue = filled(
        request(1, priority=Priority.LOW),
        request(2),
        request(3, priority=Priority.HIGH),
        request(4, priority=Priority.HIGH),
    )
    assert [each.id for each in queue.in_turn("chat")] == ["3", "4", "2", "1"]
    assert [each.id for each in queue.fronts("chat")] == ["3", "2", "1"]


def test_who_is_taken_out_is_gone_from_every_index() -> None:
    queue = filled(request(1), request(2, "code"))
    assert queue.pop("1") is not None
    assert "1" not in queue
    assert not queue.waits_for("chat")
    assert queue.fronts("chat") == ()
    assert list(queue.by_model()) == ["code"]


def test_who_is_put_back_is_the_head() -> None:
    queue = filled(request(2), request(3))
    queue.put_back(request(1))
    assert [each.id for each in queue] == ["1", "2", "3"]
    assert [each.id for each in queue.in_turn("chat")] == ["1", "2", "3"]


def test_deadlines_come_up_in_their_order_and_those_of_the_gone_are_forgotten() -> None:
    queue = filled(request(1, deadline=30.0), request(2, deadline=10.0), request(3, deadline=20.0))
    queue.pop("2")
    assert queue.next_deadline() == 20
    assert [each.id for each in queue.overdue(19.9)] == []
    assert [each.id for each in queue.overdue(30)] == ["3"]
    assert [each.id for each in queue.overdue(30.1)] == ["1"]


def test_who_is_put_back_keeps_its_deadline_and_is_overdue_once() -> None:
    early, late = request(1, deadline=10.0), request(2, deadline=50.0)
    queue = filled(early, late)
    queue.pop("1")
    assert queue.next_deadline() == 50  # the first one's is forgotten meanwhile
    queue.put_back(early)
    assert queue.next_deadline() == 10
    queue.pop("2")
    queue.put_back(late)  # its first entry is still known
    assert [each.id for each in queue.overdue(60)] == ["1", "2"]
