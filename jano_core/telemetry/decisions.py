"""Why each request waited: the answer of `GET /api/requests/{id}` and of `jano why`."""

from __future__ import annotations

from collections import OrderedDict, deque
from itertools import islice
from typing import Any

from msgspec import Struct, field

from .facts import Decided, Listener, RequestEnded, RequestGranted, RequestQueued, RequestRequeued

REQUESTS = 1000
"""How many requests are remembered, the newest of them."""
REASONS = 100
"""How many changes of mind about one model are kept; who waits longer has lost the first ones."""
MOST_AHEAD = 20


class Decision(Struct, frozen=True, gc=False):
    """At `at` (unix seconds) `rule` decided; `ahead` go first, `evicted` are put away for it."""

    at: float
    rule: str
    text: str
    ahead: tuple[str, ...] = ()
    evicted: tuple[str, ...] = ()


class Story(Struct):
    """One request. `own` are decisions about it alone, `shared` those about its model while it
    waited, once it does not any more.
    """

    id: str
    model: str
    queued_at: float
    outcome: str = "waiting"
    queue_ms: float | None = None
    swap_ms: float | None = None
    own: list[Decision] = field(default_factory=list)
    shared: list[Decision] = field(default_factory=list)


class Decisions(Listener):
    """What is decided of a model is kept once, for all who wait for it."""

    def __init__(self, size: int = REQUESTS) -> None:
        self._size = size
        self._stories: OrderedDict[str, Story] = OrderedDict()
        self._waiting: dict[str, OrderedDict[str, Story]] = {}
        self._reasons: dict[str, deque[Decision]] = {}
        self.hears = {
            RequestQueued: self._queued,
            Decided: self._decided,
            RequestGranted: self._granted,
            RequestRequeued: self._requeued,
            RequestEnded: self._ended,
        }

    def get(self, request: str) -> dict[str, Any] | None:
        """The story of a request; None if it is not, or no longer, known."""
        story = self._stories.get(request)
        if story is None:
            return None
        shared = story.shared or self._since(story)
        return {
            "id": story.id,
            "model": story.model,
            "outcome": story.outcome,
            "queue_ms": _whole(story.queue_ms),
            "swap_ms": _whole(story.swap_ms),
            "decisions": [
                {
                    "at_ms": max(0, round((each.at - story.queued_at) * 1000)),
                    "rule": each.rule,
                    "text": each.text,
                    "ahead": list(each.ahead),
                    "evicted": list(each.evicted),
                }
                for each in sorted(story.own + shared, key=lambda decision: decision.at)
            ],
        }

    def _queued(self, fact: RequestQueued) -> None:
        story = self._stories[fact.id] = Story(fact.id, fact.model, fact.at)
        if not fact.resident:  # for such a model nothing is decided
            line = self._waiting.setdefault(fact.model, OrderedDict())
            if line:
                ahead = tuple(islice(line, MOST_AHEAD))
                text = f"{len(line)} wait for {fact.model} already"
                story.own.append(Decision(fact.at, "arrival", text, ahead))
            line[fact.id] = story
        if len(self._stories) > self._size:
            _, oldest = self._stories.popitem(last=False)
            self._leave(oldest)

    def _decided(self, fact: Decided) -> None:
        found = Decision(fact.at, fact.rule, fact.text, fact.ahead, fact.evicted)
        self._reasons.setdefault(fact.model, deque(maxlen=REASONS)).append(found)

    def _granted(self, fact: RequestGranted) -> None:
        if story := self._settle(fact.id, fact.at):
            story.outcome = "running"
            story.queue_ms, story.swap_ms = fact.queue_ms, fact.swap_ms
            again = f", attempt {fact.attempt}" if fact.attempt > 1 else ""
            text = f"a slot of {fact.model} is free{again}"
            story.own.append(Decision(fact.at, "granted", text))

    def _requeued(self, fact: RequestRequeued) -> None:
        if story := self._stories.get(fact.id):
            story.outcome = "waiting"
            text = "its server broke off; it is the next of its model"
            story.own.append(Decision(fact.at, "requeued", text))

    def _ended(self, fact: RequestEnded) -> None:
        story = self._settle(fact.id, fact.at)
        if story is None:
            return
        story.outcome = fact.outcome
        if fact.outcome == "refused":
            story.own.append(Decision(fact.at, fact.code or "refused", fact.error))

    def _settle(self, request: str, at: float) -> Story | None:
        """It waits no longer: what was decided meanwhile is its own from now on."""
        story = self._stories.get(request)
        if story is not None and self._leave(story):
            story.shared = self._since(story)
        return story

    def _leave(self, story: Story) -> bool:
        line = self._waiting.get(story.model)
        if line is None or line.pop(story.id, None) is None:
            return False
        if not line:
            del self._waiting[story.model]
        return True

    def _since(self, story: Story) -> list[Decision]:
        """What was decided of its model since it came, and what was in force then."""
        if story.outcome != "waiting":
            return []
        found: list[Decision] = []
        for reason in reversed(self._reasons.get(story.model, ())):
            found.append(reason)
            if reason.at < story.queued_at:
                break
        if story.own and story.own[0].rule == "arrival":
            return found
        return [each for each in found if each.at >= story.queued_at]  # nobody waited before it


def _whole(milliseconds: float | None) -> int | None:
    return None if milliseconds is None else round(milliseconds)
