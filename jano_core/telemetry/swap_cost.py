"""What swapping has cost today: swaps made and avoided, seconds lost, and who waited for them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

import msgspec
from msgspec import Struct, field

from .counters import NOTHING_LOADED, known_client
from .facts import Listener, RequestEnded, SwapEnded

FIGURE = "swap_cost"
"""Under which name a day that is not over is kept over a restart."""


class Lost(Struct):
    """How often, and how many seconds in all."""

    times: int = 0
    seconds: float = 0.0

    def add(self, seconds: float) -> None:
        """Once more."""
        self.times += 1
        self.seconds += seconds


class Day(Struct):
    """The account of one day, by the machine's own calendar."""

    date: str = ""
    transitions: dict[str, dict[str, Lost]] = field(default_factory=dict)
    """From → to → what those swaps took."""
    clients: dict[str, Lost] = field(default_factory=dict)
    """Who waited for a swap, and how long."""
    avoided_before: int | None = 0
    """Swaps avoided today by runs of Jano before this one."""


class SwapCost(Listener):
    """To be subscribed to the facts after `avoided`'s own source.

    `avoided` gives the swaps that the order of service has saved since Jano's start against
    first come, first served (`SwapsAvoided`), None where that cannot be told.
    `keep` is given the account whenever it has changed.
    """

    def __init__(self, avoided: Callable[[], int | None]) -> None:
        self._avoided = avoided
        self._avoided_earlier: int | None = 0
        """Of what `avoided` gives, the part that belongs to days before."""
        self._day = Day()
        self.keep: Callable[[str, str], None] = lambda name, value: None
        self.hears = {SwapEnded: self._swapped, RequestEnded: self._ended}

    def recall(self, kept: str, now: float) -> None:
        """Go on with a day that was kept, if it is not over at `now`, in unix seconds."""
        try:
            day = msgspec.json.decode(kept, type=Day)
        except msgspec.DecodeError:
            return
        if day.date == _date(now):
            self._day = day

    def today(self, now: float) -> dict[str, Any]:
        """The account as `/status` shows it; the dearest first. `now` in unix seconds."""
        self._turn_to(now)
        transitions = [
            (lost, {"from": old, "to": new})
            for old, others in self._day.transitions.items()
            for new, lost in others.items()
        ]
        clients = [(lost, {"client": client}) for client, lost in self._day.clients.items()]
        return {
            "day": self._day.date,
            "swaps": sum(lost.times for lost, _ in transitions),
            "avoided": self._avoided_today(),
            "seconds": round(sum(lost.seconds for lost, _ in transitions), 3),
            "byTransition": _rows(transitions, "swaps", "seconds"),
            "byClient": _rows(clients, "requests", "waitedSeconds"),
        }

    def _swapped(self, fact: SwapEnded) -> None:
        if fact.outcome == "ready":
            self._turn_to(fact.at)
            to = self._day.transitions.setdefault(fact.coming_from or NOTHING_LOADED, {})
            to.setdefault(fact.model, Lost()).add(fact.seconds)
            self._keep()

    def _ended(self, fact: RequestEnded) -> None:
        if fact.swap_ms:
            self._turn_to(fact.at)
            client = known_client(self._day.clients, fact.client)
            self._day.clients.setdefault(client, Lost()).add(fact.swap_ms / 1000)
            self._keep()

    def _keep(self) -> None:
        day = msgspec.structs.replace(self._day, avoided_before=self._avoided_today())
        self.keep(FIGURE, msgspec.json.encode(day).decode())

    def _avoided_today(self) -> int | None:
        now = self._avoided()
        if now is None or self._avoided_earlier is None or self._day.avoided_before is None:
            return None
        return self._day.avoided_before + now - self._avoided_earlier

    def _turn_to(self, at: float) -> None:
        date = _date(at)
        if date != self._day.date:
            if self._day.date:
                self._avoided_earlier = self._avoided()
            self._day = Day(date=date)


def _rows(
    found: list[tuple[Lost, dict[str, str]]], times: str, seconds: str
) -> list[dict[str, Any]]:
    dearest_first = sorted(found, key=lambda each: -each[0].seconds)
    return [
        {**about, times: lost.times, seconds: round(lost.seconds, 3)}
        for lost, about in dearest_first
    ]


def _date(at: float) -> str:
    return datetime.fromtimestamp(at).date().isoformat()
