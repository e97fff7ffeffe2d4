"""One swap: models put away so that another can be loaded."""

from __future__ import annotations


class Swap:
    """From the moment its evicted models are idle, or its target may live beside them until they
    are, until its target is ready.

    `wanted` tells that somebody waited for the target when it began: such a swap is given up when
    nobody does any more. Times are on the scheduler's clock.
    """

    def __init__(
        self,
        number: int,
        target: str,
        evict: tuple[str, ...],
        *,
        now: float,
        asked_at: float,
        wanted: bool,
        why: str,
        coming_from: str,
    ) -> None:
        self.number = number
        self.target = target
        self.evict = evict
        self.asked_at = asked_at
        self.stop_began = now
        self.start_began: float | None = None
        self.wanted = wanted
        self.why = why
        self.coming_from = coming_from

    @property
    def started(self) -> bool:
        """Is the target being loaded already?"""
        return self.start_began is not None
