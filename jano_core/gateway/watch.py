"""Beside the exchanges: one keeper of their alarms, and the tasks that a few of them need."""

from __future__ import annotations

import logging
import math
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Protocol

import anyio
from anyio.abc import TaskGroup, TaskStatus

from .call import Call

log = logging.getLogger("jano.gateway")


class Alarm(Protocol):
    """Something that is to happen at a time, which may move away all the while."""

    def due(self) -> float:
        """When, as it looks now; monotonic seconds, infinity for never."""
        ...

    def ring(self, now: float) -> None:
        """Called once it is due; whoever stays with the watch must move its time."""
        ...


class Watch:
    """Keeps the time of all alarms with one task, which sleeps until the next may be due.

    A task or a timer for each would cost more than most of what a request needs. What is due
    moves away all the while, or ends: the keeper looks when it would have been due, and sleeps on.
    """

    def __init__(self) -> None:
        self._alarms: set[Alarm] = set()
        self.wakes_at = math.inf
        """When the keeper looks next; whoever is due sooner says so by `expect`."""
        self._sooner: anyio.Event | None = None
        self._tasks: TaskGroup | None = None

    def add(self, alarm: Alarm, due: float) -> None:
        """Ring it when it is due, until it is discarded; `due` is when that is for now."""
        self._alarms.add(alarm)
        self.expect(due)

    def discard(self, alarm: Alarm) -> None:
        """It has ended."""
        self._alarms.discard(alarm)

    def expect(self, due: float) -> None:
        """Something is due then, perhaps sooner than anything before."""
        if due < self.wakes_at:
            self.wakes_at = due
            if self._sooner is not None:
                self._sooner.set()

    def listen(self, call: Call, gone: Callable[[], None]) -> Callable[[], object]:
        """Have `gone` called when the client hangs up, or perhaps when it has its whole answer.

        What is returned must be called in the end. A server that tells (the extension
        `jano.hangup`) is asked to; for another a task awaits `receive`, so that nobody else may.
        """
        if call.on_hangup is not None:
            call.on_hangup(gone)
            return partial(call.on_hangup, None)
        scope = anyio.CancelScope()
        self.start(lambda: _await_hangup(call, gone, scope))
        return scope.cancel

    def start(self, work: Callable[[], Awaitable[object]]) -> None:
        """Do something beside the exchange that asks for it, which need not be there any more."""
        assert self._tasks is not None
        self._tasks.start_soon(_guarded, work)

    async def keep(self, *, task_status: TaskStatus[None] = anyio.TASK_STATUS_IGNORED) -> None:
        """Run for ever, beside whatever has alarms."""
        async with anyio.create_task_group() as self._tasks:
            task_status.started()
            while True:
                self._sooner = anyio.Event()
                with anyio.CancelScope(deadline=self.wakes_at):
                    await self._sooner.wait()
                now = anyio.current_time()
                if now < self.wakes_at:
                    continue
                for alarm in tuple(self._alarms):
                    if alarm.due() <= now:
                        alarm.ring(now)
                self.wakes_at = min((alarm.due() for alarm in self._alarms), default=math.inf)


async def _await_hangup(call: Call, gone: Callable[[], None], scope: anyio.CancelScope) -> None:
    with scope:
        # The body was read whole: this is a disconnect, of a client that left or has everything.
        await call.receive()
        gone()


async def _guarded(work: Callable[[], Awaitable[object]]) -> None:
    try:
        await work()
    except Exception:
        log.exception("what ran beside a request failed inside Jano")
