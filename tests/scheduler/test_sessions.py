"""A session that comes right back keeps its model for a moment."""

from __future__ import annotations

from jano_core.scheduler import events as ev
from jano_core.scheduler.sessions import MOST, Sessions
from jano_core.scheduler.types import Request
from jano_core.simulation.simulator import Run
from jano_core.strategies.greedy import Greedy
from jano_core.strategies.headstart import HeadStart, HeadStartSettings
from jano_core.testing.playbook import Playbook
from tests.simulation.stories import call, loaded, model, play, trace, wait


def request(session: str, model: str = "chat", client: str = "me") -> Request:
    return Request(id="1", models=(model,), arrived=0.0, client=client, session=session)


def test_gaps_are_learned_from_the_end_of_a_request_to_the_next() -> None:
    known = Sessions()
    for at in (0.0, 10.0, 21.0):
        known.arrived(request("s"), at)
        known.ended(request("s"), at + 5)
    [session] = known.resting("chat", 27.0, at_most=60.0)
    assert (session.since, session.gaps) == (26.0, (5.0, 6.0))
    assert not list(known.resting("code", 27.0, at_most=60.0))
    assert not list(known.resting("chat", 90.0, at_most=60.0))


def test_who_is_back_does_not_rest_and_names_are_a_client_s_own() -> None:
    known = Sessions()
    for at in (0.0, 10.0):
        known.arrived(request("s"), at)
        known.ended(request("s"), at + 5)
    known.arrived(request("s", client="you"), 15.5)
    assert list(known.resting("chat", 16.0, at_most=60.0))
    known.arrived(request("s"), 16.0)
    assert not list(known.resting("chat", 16.0, at_most=60.0))


def test_a_request_without_a_session_says_nothing() -> None:
    book = Playbook("chat", Greedy())
    book.perform("chat is ready | nothing")
    for _ in range(2):
        book.handle(ev.Arrived(at=book.now, request=request("")))
        book.handle(ev.Finished(at=book.now, request="1", outcome="served"))
    assert not list(book.scheduler.estimates.sessions.resting("chat", book.now, at_most=60.0))


def test_not_every_session_is_remembered() -> None:
    known = Sessions()
    for number in range(MOST + 10):
        for at in (0.0, 1.0):
            known.arrived(request(str(number)), number + at)
            known.ended(request(str(number)), number + at + 0.5)
    resting = list(known.resting("chat", MOST + 20.0, at_most=1e9))
    assert len(resting) <= MOST
    assert resting[0].since == MOST + 10.5


def evening(session: str, **settings: float) -> Run:
    """An agent that thinks for four seconds, then others who come now and then; when the agent is
    back and thinks again, somebody asks for B.
    """
    calls = [call(0, 0.0, "A", session=session)]
    calls += [call(n, None, "A", after=n - 1, think=4.0, session=session) for n in range(1, 5)]
    calls += [call(100 + n, 70.0 + 30 * n, "A") for n in range(8)]
    calls += [call(200, 310.0, "A", session=session), call(900, 312.0, "B")]
    calls += [call(201, None, "A", after=200, think=4.0, session=session)]
    strategy = HeadStart(HeadStartSettings(**settings))
    return play(strategy, trace([model("A"), model("B")], calls))


def test_a_session_s_own_gaps_count_where_those_of_the_model_say_nothing() -> None:
    assert loaded(evening("agent")) == "A B"
    assert loaded(evening("")) == "A B A"
    assert loaded(evening("agent", linger=0.0)) == "A B A"


def test_its_model_is_kept_for_a_moment_and_not_longer() -> None:
    trip, swap = 2 * (10 + 1), 10 + 1
    assert wait(evening("agent"), 900) < trip + 1.3 * swap
    assert wait(evening("agent"), 900) > wait(evening(""), 900)
