"""Where a supervisor tells what became of its server."""

from __future__ import annotations

from typing import Protocol


class Report(Protocol):
    """Implemented by the dispatcher. Synchronous, called on the event loop."""

    def loaded(self, parallel: int | None, memory: int | None) -> None:
        """It is ready; it takes so many requests at once and so many bytes (None: not told)."""

    def load_failed(self, message: str, detail: str) -> None:
        """It could not be made ready; nothing of it is left. `detail` is the end of its log."""

    def unloaded(self, error: str) -> None:
        """It was told to go and is gone; `error` says so where that could not be proven."""

    def crashed(self, message: str, detail: str) -> None:
        """It was ready, died or hung, and is gone."""

    def step(self, step: str, seconds: float) -> None:
        """A step of its life took so long, up to now: see `telemetry.facts.ServerStep`."""

    def progress(self, fraction: float | None, note: str) -> None:
        """How far a load is, 0..1 (None: unknown), with a note for people."""
