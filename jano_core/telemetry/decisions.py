"""Why each request waited: the answer of `GET /api/requests/{id}` and of `jano why`."""

from __future__ import annotations

from collections import OrderedDict, defaultdict, deque
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice, takewhile
from typing import Any

from msgspec import Struct, field

from .facts import (
    Decided,
    Fact,
    Listener,
    RequestEnded,
    RequestFirstByte,
    RequestGranted,
    RequestQueued,
    RequestRequeued,
    RequestWaits,
)

REQUESTS = 1000
"""How many requests are remembered besides those under way, the newest of them."""
REASONS = 100
"""How many changes of mind about one model are kept; who waits longer has lost the first ones."""
MOST_AHEAD = 20

Step = RequestGranted | RequestFirstByte | RequestRequeued | RequestEnded
"""What becomes of a request."""


class Story(Struct, gc=False):
    """One request: its facts as they came. When it came to wait, which is while it is `in_line`,
    `line` others waited for its model, and `ahead` were some of them. `shared` is what was decided
    of the model meanwhile, once it waits no more.
    """

    queued: RequestQueued
    in_line: bool = False
    line: int = 0
    ahead: tuple[str, ...] = ()
    later: list[Step] = field(default_factory=list)
    shared: Sequence[Decided] = ()


class Decisions(Listener):
    """What is decided of a model is kept once, for all who wait for it; stories are put into words
    when somebody asks.
    """

    def __init__(self, size: int = REQUESTS) -> None:
        self._stories: deque[Story] = deque(maxlen=size)
        self._open: dict[str, Story] = {}
        self.under_way: Mapping[str, Story] = self._open
        """Request → its story, of those that have not ended, in order of arrival."""
        self._waiting: defaultdict[str, OrderedDict[str, None]] = defaultdict(OrderedDict)
        """Model → who waits for it, in order of arrival."""
        self._reasons: dict[str, deque[Decided]] = {}
        self.hears = {
            RequestQueued: self._queued,
            RequestWaits: self._waits,
            Decided: self._decided,
            RequestGranted: self._granted,
            RequestFirstByte: self._went_on,
            RequestRequeued: self._went_on,
            RequestEnded: self._ended,
        }

    def get(self, request: str) -> dict[str, Any] | None:
        """The story of a request; None if it is not, or no longer, known."""
        story = self._open.get(request) or next(
            (each for each in self._stories if each.queued.id == request), None
        )
        if story is None:
            return None
        granted = [fact for fact in story.later if isinstance(fact, RequestGranted)]
        decided = [*_own(story), *(story.shared or self._since(story))]
        return {
            "id": story.queued.id,
            "model": story.queued.model,
            "outcome": _outcome(story),
            "queue_ms": round(granted[-1].queue_ms) if granted else None,
            "swap_ms": round(granted[-1].swap_ms) if granted else None,
            "decisions": [
                {
                    "at_ms": max(0, round((each.at - story.queued.at) * 1000)),
                    "rule": each.rule,
                    "text": each.text,
                    # Told of all who wait for the model: who comes after it is not ahead of it.
                    "ahead": list(takewhile(lambda other: other != request, each.ahead)),
                    "evicted": list(each.evicted),
                }
                for each in sorted(decided, key=lambda decision: decision.at)
            ],
        }

    def _queued(self, fact: RequestQueued) -> None:
        story = self._open[fact.id] = Story(fact)
        self._stories.append(story)

    def _waits(self, fact: RequestWaits) -> None:
        if fact.resident:
            return  # for such a model nothing is decided
        story, line = self._open[fact.id], self._waiting[fact.model]
        story.in_line, story.line, story.ahead = True, len(line), tuple(islice(line, MOST_AHEAD))
        line[fact.id] = None

    def _decided(self, fact: Decided) -> None:
        self._reasons.setdefault(fact.model, deque(maxlen=REASONS)).append(fact)

    def _granted(self, fact: RequestGranted) -> None:
        if story := self._open.get(fact.id):
            if story.in_line:
                self._settle(story)
            story.later.append(fact)

    def _went_on(self, fact: RequestFirstByte | RequestRequeued) -> None:
        if story := self._open.get(fact.id):
            story.later.append(fact)

    def _ended(self, fact: RequestEnded) -> None:
        if story := self._open.pop(fact.id, None):
            if story.in_line:
                self._settle(story)
            story.later.append(fact)

    def _settle(self, story: Story) -> None:
        """It waits no longer: what was decided meanwhile is its own from now on."""
        queued = story.queued
        if queued.model in self._reasons:
            story.shared = self._since(story)
        story.in_line = False
        del self._waiting[queued.model][queued.id]

    def _since(self, story: Story) -> Sequence[Decided]:
        """What was decided of its model since it came, and what was in force then; of one that
        waits.
        """
        reasons = self._reasons.get(story.queued.model)
        if not reasons or _outcome(story) != "waiting":
            return ()
        came = story.queued.at
        found: list[Decided] = []
        for reason in reversed(reasons):
            if reason.at < came and not story.line:
                break  # nobody waited before it
            found.append(reason)
            if reason.at < came:
                break
        return found


def _outcome(story: Story) -> str:
    match story.later:
        case [*_, RequestEnded(outcome=outcome)]:
            return outcome
        case [*_, RequestGranted() | RequestFirstByte()]:
            return "running"
    return "waiting"


def _own(story: Story) -> Iterator[Decided]:
    """What was decided of the request alone, in words."""
    queued = story.queued
    if story.line:
        text = f"{story.line} wait for {queued.model} already"
        yield _decision(queued, "arrival", text, story.ahead)
    for fact in story.later:
        match fact:
            case RequestGranted(attempt=attempt):
                again = f", attempt {attempt}" if attempt > 1 else ""
                yield _decision(fact, "granted", f"a slot of {queued.model} is free{again}")
            case RequestRequeued():
                text = "its server broke off; it is the next of its model"
                yield _decision(fact, "requeued", text)
            case RequestEnded(outcome="refused"):
                yield _decision(fact, fact.code or "refused", fact.error)


def _decision(fact: Fact, rule: str, text: str, ahead: tuple[str, ...] = ()) -> Decided:
    return Decided(at=fact.at, model="", rule=rule, text=text, ahead=ahead)
