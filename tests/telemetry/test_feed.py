"""The event stream: its opening, its events, slow listeners, and nothing left behind."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import anyio
import pytest

from jano_core.telemetry.activity import Activity
from jano_core.telemetry.decisions import Decisions
from jano_core.telemetry.facts import Facts, LoadProgress, RequestFirstByte
from jano_core.telemetry.feed import Feed
from jano_core.telemetry.subscriber import OUTBOX, Subscriber

from .figures import START, Wall, ended, granted, queued, state

pytestmark = pytest.mark.anyio


class Source:
    """A house with one model."""

    def __init__(self) -> None:
        self.state = "stopped"

    def log_history(self, source):
        return f"{source} history\n"

    def model_rows(self):
        return [{"id": "alpha", "state": self.state}]

    def active_profile(self):
        return None


def house() -> tuple[Facts, Feed, Source]:
    facts, source, activity, decisions = Facts(), Source(), Activity(), Decisions()
    facts.subscribe(activity)
    facts.subscribe(decisions)
    feed = Feed(facts, source, activity, decisions, Wall())
    return facts, feed, source


def parsed(chunk: bytes) -> list[tuple[str, Any]]:
    events = []
    for event in chunk.decode().split("\n\n")[:-1]:
        name, data = event.split("\n")
        assert name == "event:message"
        assert data.startswith("data:{")
        envelope = json.loads(data[5:])
        assert list(envelope) == ["type", "data"]
        events.append((envelope["type"], json.loads(envelope["data"])))
    return events


async def following(stream: AsyncIterator[bytes]) -> list[tuple[str, Any]]:
    return parsed(await anext(stream))


async def test_the_opening_shows_the_whole_house():
    facts, feed, _ = house()
    facts.emit(queued("1", "alpha", path="/v1/embeddings", method="POST", client="me"))
    async with feed.subscribe() as stream:
        events = await following(stream)
    assert [kind for kind, _ in events] == [
        "logData",
        "logData",
        "modelStatus",
        "uiConfig",
        "profileChanged",
        "inflight",
    ]
    assert events[0][1] == {"source": "proxy", "data": "proxy history\n"}
    assert events[1][1] == {"source": "upstream", "data": "upstream history\n"}
    assert events[2][1] == [{"id": "alpha", "state": "stopped"}]
    assert events[4][1] == {"active": None}
    assert events[5][1]["operation"] == "snapshot"
    assert events[5][1]["requests"] == [
        {
            "id": "1",
            "timestamp": "2023-11-14T22:13:20.000Z",
            "model": "alpha",
            "req_path": "/v1/embeddings",
            "method": "POST",
            "req_headers": {},
            "remote_ip": "me",
            "resp_headers": {},
            "resp_bytes": None,
            "elapsed_ms": 0,
            "metadata": {"state": "waiting", "node": "", "priority": "normal", "session": ""},
        }
    ]


async def test_a_state_change_is_told_as_a_fact_and_as_the_models_that_are():
    facts, feed, source = house()
    async with feed.subscribe() as stream:
        await following(stream)
        source.state = "ready"
        facts.emit(state("alpha", "ready"))
        (fact, data), models = await following(stream)
    assert fact == "fact"
    assert (data["fact"], data["state"]) == ("InstanceChanged", "ready")
    assert models == ("modelStatus", [{"id": "alpha", "state": "ready"}])


async def test_a_request_from_arrival_to_end():
    facts, feed, _ = house()
    seen = []
    async with feed.subscribe() as stream:
        await following(stream)
        for fact in (
            queued("1", "alpha"),
            granted("1", "alpha", node="local"),
            RequestFirstByte(at=START, id="1", model="alpha", ms=2.0),
            ended("alpha", id="1"),
        ):
            facts.emit(fact)
            seen += [event for event in await following(stream) if event[0] != "fact"]
            await anyio.sleep(1)
    assert [kind for kind, _ in seen] == ["inflight"] * 3 + ["activity", "inflight"]
    states = [data["request"]["metadata"]["state"] for _, data in seen[:3]]
    assert states == ["waiting", "running", "streaming"]
    assert seen[3][1] == {"id": 1}
    assert seen[4][1] == {"operation": "remove", "id": "1"}


async def test_news_of_one_request_is_held_to_four_a_second_but_not_its_end():
    facts, feed, _ = house()
    async with feed.subscribe() as stream:
        await following(stream)
        begun = anyio.current_time()
        facts.emit(queued("1", "alpha"))
        assert [kind for kind, _ in await following(stream)] == ["fact", "inflight"]
        facts.emit(granted("1", "alpha"))
        facts.emit(RequestFirstByte(at=START, id="1", model="alpha", ms=2.0))
        assert [kind for kind, _ in await following(stream)] == ["fact", "fact"]
        held = await following(stream)
        assert anyio.current_time() - begun == pytest.approx(0.25)
        assert [data["request"]["metadata"]["state"] for _, data in held] == ["streaming"]
        facts.emit(ended("alpha", id="1"))
        kinds = [kind for kind, _ in await following(stream)]
        assert kinds == ["fact", "activity", "inflight"]
        assert anyio.current_time() - begun == pytest.approx(0.25)


async def test_a_slow_listener_loses_events_and_is_sent_the_state_instead():
    facts, feed, _ = house()
    async with feed.subscribe() as stream:
        await following(stream)
        facts.emit(queued("1", "alpha"))
        for _ in range(2 * OUTBOX):
            facts.emit(LoadProgress(at=START, model="alpha", fraction=0.5))
        events = await following(stream)
        assert len(events) == OUTBOX + 2
        assert events[-2][0] == "modelStatus"
        kind, data = events[-1]
        assert (kind, data["operation"], len(data["requests"])) == ("inflight", "snapshot", 1)
        facts.emit(LoadProgress(at=START, model="alpha", fraction=0.6))
        assert [kind for kind, _ in await following(stream)] == ["fact"]


def test_what_waits_for_a_listener_that_does_not_read_is_bounded() -> None:
    subscriber = Subscriber(lambda: b"", lambda: b"all", lambda id: b"one", [])
    for number in range(3 * OUTBOX):
        subscriber.send(b"fact")
        subscriber.touch(str(number), ended=True)
    assert len(subscriber._touched) <= OUTBOX


async def test_logs_and_profiles_are_passed_on():
    _, feed, _ = house()
    async with feed.subscribe() as stream:
        await following(stream)
        feed.log("upstream", "loading…\n")
        assert await following(stream) == [
            ("logData", {"source": "upstream", "data": "loading…\n"})
        ]
        feed.profile_changed()
        assert [kind for kind, _ in await following(stream)] == ["profileChanged", "modelStatus"]


async def test_listeners_do_not_wait_for_each_other():
    facts, feed, _ = house()
    async with feed.subscribe() as slow, feed.subscribe() as quick:
        await following(quick)
        facts.emit(state("alpha", "ready"))
        assert [kind for kind, _ in await following(quick)] == ["fact", "modelStatus"]
        assert len(await following(slow)) == 8


async def test_closing_ends_the_streams_after_what_is_queued():
    facts, feed, _ = house()
    async with feed.subscribe() as stream:
        await following(stream)
        facts.emit(LoadProgress(at=START, model="alpha"))
        feed.close()
        assert [[kind for kind, _ in parsed(chunk)] async for chunk in stream] == [["fact"]]


async def test_a_waiting_listener_is_woken_and_may_be_cancelled():
    facts, feed, _ = house()
    got = []

    async def listen() -> None:
        async with feed.subscribe() as stream:
            async for chunk in stream:
                got.append(chunk)  # noqa: PERF401 - what came before the cancellation counts

    async with anyio.create_task_group() as group:
        group.start_soon(listen)
        await anyio.sleep(3600)
        facts.emit(LoadProgress(at=START, model="alpha"))
        await anyio.sleep(3600)
        group.cancel_scope.cancel()
    assert len(got) == 2
    assert [kind for kind, _ in parsed(got[1])] == ["fact"]
    assert not feed._subscribers
