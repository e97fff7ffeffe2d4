"""Every part of a request's facts is what its name says."""

from __future__ import annotations

import anyio
import pytest

from jano_core.plugin.contracts import Usage
from jano_core.runtime.ticket import Ending
from jano_core.scheduler.commands import Note
from jano_core.scheduler.types import Priority
from jano_core.telemetry import facts as f
from jano_core.telemetry.counters import phases as swap_phases
from jano_core.testing.playhouse import Actor, playhouse

pytestmark = pytest.mark.anyio

USAGE = Usage(prompt_tokens=3, generated_tokens=4)


async def test_the_parts_of_a_requests_facts_are_in_their_places() -> None:
    told: list[f.Fact] = []
    async with playhouse(Actor("chat", load_s=5.0)) as stage:
        stage.jano.facts.subscribe(told.append)
        clock = stage.jano.clock
        came = clock.wall()
        ticket = stage.jano.dispatcher.submit(
            "chat",
            path="/path",
            method="PUT",
            client="client",
            session="session",
            priority=Priority.LOW,
            stream=True,
            traceparent="parent",
            tracestate="state",
        )
        lease = await ticket.lease()
        granted = clock.wall()
        ticket.first_byte()
        ticket.finish(
            Ending(
                outcome="failed",
                status=502,
                usage=USAGE,
                bytes_in=5,
                bytes_out=6,
                error="error",
                code="code",
                content_type="type",
            )
        )
    queued, has_slot, ended = (
        next(fact for fact in told if isinstance(fact, kind))
        for kind in (f.RequestQueued, f.RequestGranted, f.RequestEnded)
    )
    assert queued == f.RequestQueued(
        at=came,
        id=ticket.id,
        model="chat",
        path="/path",
        method="PUT",
        client="client",
        session="session",
        priority="low",
        stream=True,
        resident=False,
        traceparent="parent",
        tracestate="state",
    )
    assert has_slot == f.RequestGranted(
        at=granted,
        id=ticket.id,
        model="chat",
        node="local",
        attempt=1,
        queue_ms=lease.queue_ms,
        swap_ms=lease.swap_ms,
        eta_ms=ticket.eta_ms,
        url="http://127.0.0.1:9001",
    )
    assert ended == f.RequestEnded(
        at=granted,
        id=ticket.id,
        model="chat",
        outcome="failed",
        status=502,
        total_ms=pytest.approx((granted - came) * 1000),
        queue_ms=lease.queue_ms,
        swap_ms=lease.swap_ms,
        ttfb_ms=0.0,
        usage=USAGE,
        bytes_in=5,
        bytes_out=6,
        client="client",
        session="session",
        priority="low",
        path="/path",
        code="code",
        error="error",
        attempt=1,
        resident=False,
        content_type="type",
        fails=0,
    )


async def test_only_of_who_waits_it_is_told_and_before_what_follows() -> None:
    told: list[f.Fact] = []
    queue_of_one = "[scheduler]\nqueue_limit = 1"
    async with playhouse(Actor("chat", load_s=5.0), config=queue_of_one) as stage:
        submit = stage.jano.dispatcher.submit
        stage.jano.facts.subscribe(told.append)

        def story() -> list[str]:
            kinds = [type(fact).__name__ for fact in told if not isinstance(fact, f.Decided)]
            told.clear()
            return kinds

        first = submit("chat")
        assert story()[:4] == ["RequestQueued", "RequestWaits", "SwapStarted", "InstanceChanged"]
        submit("chat")
        assert story() == ["RequestQueued", "RequestEnded"], "refused at once"
        await first.lease()
        first.finish(Ending("served", 200))
        told.clear()
        submit("chat").finish(Ending("served", 200))
        assert story() == ["RequestQueued", "RequestGranted", "RequestEnded"]


async def test_no_part_of_a_swap_is_negative_where_the_clock_ticks_in_between() -> None:
    """Clocks of event loops tick in milliseconds, and a server may be there within one."""
    told: list[f.Fact] = []
    async with playhouse(Actor("chat")) as stage:
        stage.jano.facts.subscribe(told.append)
        dispatcher = stage.jano.dispatcher
        dispatcher.narrator.step("chat", "start", 0.0)
        await anyio.sleep(0.001)
        phases = (0.0, 0.0, 0.0)
        dispatcher.narrator.note(Note(kind="swap_ready", model="chat", swap=1, phases=phases))
    ended = next(fact for fact in told if isinstance(fact, f.SwapEnded))
    assert [seconds for _, seconds in swap_phases(ended)] == [0.0, 0.0, 0.0, 0.0]
