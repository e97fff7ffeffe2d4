"""What is remembered of why requests waited."""

from __future__ import annotations

from typing import Any

from jano_core.telemetry.decisions import Decisions
from jano_core.telemetry.facts import Decided, Fact, RequestEnded, RequestRequeued

from .figures import START, ended, granted, queued, waits


def heard(*facts: Fact, size: int = 1000) -> Decisions:
    decisions = Decisions(size)
    for fact in facts:
        decisions.observe(fact)
    return decisions


def came(id: str, model: str, at: float = START) -> tuple[Fact, Fact]:
    """To wait."""
    return queued(id, model, at=at), waits(id, model, at=at)


def decided(model: str, rule: str, after: float = 0.0) -> Decided:
    return Decided(at=START + after, model=model, rule=rule)


def rules(decisions: Decisions, request: str) -> list[str]:
    story: Any = decisions.get(request)
    return [each["rule"] for each in story["decisions"]]


def test_only_what_was_decided_while_it_waited_is_its_story() -> None:
    facts = [
        decided("a", "old"),
        *came("1", "a", START + 0.5),
        decided("b", "another model's"),
        decided("a", "first", 1),
        granted("1", "a", at=START + 2, queue_ms=2000.0),
        decided("a", "later", 3),
        ended("a", id="1"),
    ]
    assert rules(heard(*facts), "1") == ["first", "granted"]


def test_the_reason_in_force_is_the_second_one_s_too() -> None:
    decisions = heard(*came("1", "a"), decided("a", "gate"), *came("2", "a", START + 1))
    assert rules(decisions, "2") == ["gate", "arrival"]


def test_nobody_is_ahead_of_itself() -> None:
    """One reason is told of all who wait for a model; who came later is not ahead either."""
    shared = Decided(at=START + 2, model="a", rule="slots", ahead=("1", "2", "3"))
    decisions = heard(*came("2", "a"), *came("3", "a"), shared)
    ahead = {}
    for id in ("2", "3"):
        story: Any = decisions.get(id)
        ahead[id] = story["decisions"][-1]["ahead"]
    assert ahead == {"2": ["1"], "3": ["1", "2"]}


def test_who_is_granted_at_once_is_not_in_line() -> None:
    decisions = heard(queued("1", "a"), granted("1", "a"), *came("2", "a"))
    assert rules(decisions, "2") == []


def test_a_second_attempt_goes_on() -> None:
    decisions = heard(
        queued("1", "a"),
        granted("1", "a"),
        RequestRequeued(at=START, id="1", model="a"),
        granted("1", "a", attempt=2),
        ended("a", id="1"),
    )
    story: Any = decisions.get("1")
    assert rules(decisions, "1") == ["granted", "requeued", "granted"]
    assert "attempt 2" in story["decisions"][-1]["text"]


def test_a_model_that_is_always_up_has_stories_too() -> None:
    decisions = heard(queued("1", "r", resident=True), granted("1", "r"), ended("r", id="1"))
    assert rules(decisions, "1") == ["granted"]


def test_who_left_waits_no_longer() -> None:
    gone = RequestEnded(at=START, id="1", model="a", outcome="left", status=499, total_ms=5.0)
    decisions = heard(*came("1", "a"), gone, *came("2", "a"))
    story: Any = decisions.get("1")
    assert (story["outcome"], story["queue_ms"]) == ("left", None)
    assert rules(decisions, "2") == []


def test_the_oldest_are_forgotten() -> None:
    facts = [*(fact for number in range(5) for fact in came(str(number), "a"))]
    decisions = heard(*facts, ended("a", id="1"), ended("a", id="2"), size=3)
    assert decisions.get("1") is None
    assert decisions.get("2") is not None
    assert rules(decisions, "4") == ["arrival"]


def test_who_still_waits_is_known_however_many_came_after_it() -> None:
    later = [fact for number in range(2, 9) for fact in (queued(str(number), "b"),)]
    decisions = heard(*came("1", "a"), decided("a", "gate"), *later, size=3)
    assert rules(decisions, "1") == ["gate"]
