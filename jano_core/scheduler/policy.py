"""What a configuration decides about scheduling, as one value."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from msgspec import Struct

from .residency import ResidencyRule
from .strategy import Strategy
from .types import Model

MakeRule = Callable[[Mapping[str, Model]], ResidencyRule]


class Policy(Struct, frozen=True, kw_only=True):
    """`strategy` advises, `fallback` decides where it fails. Times in seconds.

    `make_rule` builds the residency rule for a set of models; it is called again when the set
    changes. No request waits longer than `max_wait` (0: as long as its client). When a strategy has
    let an idle box wait for `stall_limit` or the longest swap there and back, whichever is
    longer, `fallback` decides.
    """

    strategy: Strategy
    fallback: Strategy
    make_rule: MakeRule
    queue_limit: int = 1000
    max_wait: float = 0.0
    failure_limit: int = 3
    failure_reset: float = 300.0
    stall_limit: float = 120.0
