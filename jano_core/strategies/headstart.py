"""The default: a loaded model keeps a head start of a few swaps, and nobody waits for ever.

1. A swap serves at least everybody who was waiting for the model when it became ready.
2. After that the loaded model keeps a head start of `alpha` measured round trips over the oldest
   request for another one; then it yields.
3. The oldest goes next. Priority counts as age, and a model that has only less urgent work yields
   to more urgent work after `hold` round trips. A model that ran dry is kept for a moment if its
   own recent gaps, or those of a session that just used it, say that the next request is about to
   come.

Every time in here is a multiple of what swapping costs on this box: no constant in seconds, so
that the same rule fits loads of one second and of two minutes.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

from msgspec import Struct

from jano_core.scheduler.strategy import Strategy
from jano_core.scheduler.types import Because, Load, Plan, Request, Serve
from jano_core.scheduler.view import View

RECENT_GAPS = 8
FEWEST_GAPS = 3
LEAST_CHANCE = 0.01
"""Of being wanted again soon: no model is free to lose, and dear reloads stay dearer."""
BUSY = 1e3
"""Price of waiting for running requests to end: only where there is no idle choice."""
LONG = math.inf
"""Length of a request of which nothing is known: it goes behind those that say they are short."""
CLEARLY = 3.0
"""How much more a forecast must promise than what it puts away."""


class HeadStartSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[scheduler.settings]` of `headstart`; `alpha`, `hold`, `linger` count round trips.

    `tier_shift` are seconds added to the arrival of high, normal and low requests. `linger` 0
    gives up a dry model at once. After `preload` round trips without any request the model that
    is likely to be asked for next is loaded (0: never). `shortest_first` lets requests that are
    known to be short pass longer ones for the same model, until those have waited for a round trip.
    """

    alpha: float = 4.0
    hold: float = 0.5
    linger: float = 2.0
    tier_shift: tuple[float, float, float] = (-60.0, 0.0, 120.0)
    preload: float = 0.0
    shortest_first: bool = False


class HeadStart(Strategy):
    """Greedy's mean wait with a bounded longest one; knows priorities and closed loops."""

    name = "headstart"
    Settings = HeadStartSettings

    def __init__(self, settings: Struct | None = None) -> None:
        assert settings is None or isinstance(settings, HeadStartSettings)
        self.settings: HeadStartSettings = settings or HeadStartSettings()
        self.eager = not self.settings.preload  # which is a wish while nobody waits
        self.in_turn = not self.settings.shortest_first

    def decide(self, view: View) -> Plan:
        """See `Strategy.decide`."""
        return _Decision(view, self.settings).plan()


class _Decision:
    """One look at the queue. `holder` has its place in memory, `rival` would take it."""

    def __init__(self, view: View, settings: HeadStartSettings) -> None:
        self.view = view
        self.settings = settings
        self.waiting = view.waiting()
        self.fronts = {model: view.fronts(model) for model in self.waiting}
        self.wakes: list[float] = []
        self.because: list[Because] = []

    def plan(self) -> Plan:
        """The oldest rival that gets its place goes next; everybody else is served on."""
        view = self.view
        rivals = [model for model in self.waiting if view.instances[model].state == "stopped"]
        load = list[Load]()
        for rival in sorted(rivals, key=lambda model: (self.oldest(model), model)):
            coming = {each.model for each in load}
            if coming and all(coming & {*each.models} for each in self.waiting[rival]):
                continue  # what is loaded already does as well
            evict = view.evictions(rival, self.price, given=load)
            if evict is None:
                self.explain(rival, "no room", "nobody who may go now makes room for it")
                continue
            if evict and load:
                continue  # one at a time makes room; who needs none is loaded beside it
            if not all(self.yields(holder, rival) for holder in evict):
                if self.overdue(rival):
                    self.explain_younger(rival, rivals)
                    break
                continue
            if any(self.lingers(holder, rival, rivals) for holder in evict):
                continue
            why = f"it has the oldest request, {self.turn_of(evict)}"
            load.append(Load(rival, evict, why=why))
        going = {name for each in load for name in each.evict or ()}
        if not self.waiting and self.settings.preload:
            load = self.forecast()
        wake_at = min(self.wakes, default=None)
        return Plan(serve=self.fill(going), load=load, wake_at=wake_at, because=self.because)

    def turn_of(self, evict: tuple[str, ...]) -> str:
        """Why those go, and what it costs to have them back, by the chance of that."""
        if not evict:
            return "there is room"
        return f"{', '.join(evict)} had its turn ({sum(map(self.worth, evict)):.1f} s to lose)"

    def yields(self, holder: str, rival: str) -> bool:
        """Rules 1 and 2, and the right of the more urgent."""
        if holder not in self.waiting:
            return True
        ready_since = self.view.instances[holder].ready_since
        mine, theirs = self.first(rival), self.first(holder)
        if mine.priority < self.fronts[holder][0].priority:
            turn = ready_since + self.settings.hold * self.trip(holder, rival)
            if not self.reached(turn):
                left = turn - self.view.now
                text = f"{holder} has less urgent work and {left:.1f} s left of its turn"
                return self.explain(rival, "hold", text, holder)
            return True
        if theirs.arrived <= ready_since:
            text = f"{holder} was loaded for requests that still wait, and they come first"
            return self.explain(rival, "gate", text, holder)
        head_start = self.settings.alpha * self.trip(holder, rival)
        if self.age(mine) + head_start >= self.age(theirs):
            text = f"its oldest request came {self.age(theirs) - self.age(mine):.1f} s before that "
            text += f"of {holder}, which keeps a head start of {head_start:.1f} s"
            return self.explain(rival, "head start", text, holder)
        return True

    def lingers(self, holder: str, rival: str, rivals: list[str]) -> bool:
        """Does it pay to keep a dry model for its next request, or for a session's?"""
        idle_since = self.view.instances[holder].idle_since
        if holder in self.waiting or idle_since is None:
            return False
        room = self.room(holder, rivals)
        pauses = [(idle_since, self.view.stats(holder).gaps)]
        pauses += [(each.since, each.gaps) for each in self.view.sessions(holder, room)]
        for since, gaps in pauses:
            if not self.reached(since + self.patience(holder, gaps, room, rivals)):
                text = f"{holder} ran dry, and its next request usually comes within moments"
                return not self.explain(rival, "linger", text, holder)
        return False

    def room(self, holder: str, rivals: list[str]) -> float:
        """Seconds that a dry model may be kept at most: what is left of a round trip since the
        oldest of the rivals began to wait.
        """
        oldest = min(self.oldest(rival) for rival in rivals)
        trip = min(self.trip(holder, rival) for rival in rivals)
        return trip - (self.view.now - oldest)

    def patience(
        self, holder: str, known: tuple[float, ...], room: float, rivals: list[str]
    ) -> float:
        """For how long after it ran dry keeping it saves more than it costs those who wait."""
        gaps = sorted(known[-RECENT_GAPS:])
        if len(gaps) < FEWEST_GAPS:
            return 0.0
        stats = self.view.stats(holder)
        saved = self.settings.linger * (stats.load_s + stats.unload_s)
        crowd = sum(len(self.waiting[rival]) for rival in rivals)
        best = patience = 0.0
        for index, gap in enumerate(gaps):
            if gap > room:
                break
            lost = sum(gaps[:index]) + gap * (len(gaps) - index)
            gain = ((index + 1) * saved - crowd * lost) / len(gaps)
            if gain > best:
                best, patience = gain, 1.1 * gap  # the next may be a little longer
        return patience

    def forecast(self) -> list[Load]:
        """Nobody waits: who is likely to be next, and worth much more than what it puts away?"""
        instances = self.view.instances.values()
        absent = [each.model for each in instances if each.state == "stopped"]
        likely = [model for model in absent if self.view.chance_of_next(model) > LEAST_CHANCE]
        for model in sorted(likely, key=lambda model: (-self.promise(model), model)):
            evict = self.view.evictions(model, self.promise)
            if evict is None or CLEARLY * sum(map(self.promise, evict)) > self.promise(model):
                continue
            if all(self.long_idle(holder, model) for holder in evict):
                return [Load(model, evict, why="it is likely to be asked for next")]
        return []

    def promise(self, model: str) -> float:
        """Seconds of loading, by the chance that the next request is for it."""
        return self.view.stats(model).load_s * self.view.chance_of_next(model)

    def long_idle(self, holder: str, rival: str) -> bool:
        """Has nobody asked for it for so long that the rival may be tried?"""
        idle_since = self.view.instances[holder].idle_since
        pause = self.settings.preload * self.trip(holder, rival)
        return idle_since is not None and self.reached(idle_since + pause)

    def fill(self, skip: Iterable[str]) -> tuple[Serve, ...]:
        """Everybody who can be served now."""
        return self.view.fill(skip, self.turn if self.settings.shortest_first else None)

    def turn(self, request: Request) -> tuple[int, int, float, float]:
        """Urgent first, then whose server died, who has waited for a round trip by age, and the
        others by length.
        """
        if request.attempt > 1:
            return request.priority, -1, request.arrived, 0.0
        if self.view.now - request.arrived > 2 * self.one_way(request.model):
            return request.priority, 0, request.arrived, 0.0
        length = LONG if request.length is None else request.length
        return request.priority, 1, length, request.arrived

    def overdue(self, model: str) -> bool:
        """Has its oldest request waited longer than any head start lasts?"""
        return self.view.now - self.oldest(model) > self.settings.alpha * 2 * self.one_way(model)

    def price(self, model: str) -> float:
        """What losing it costs."""
        return self.worth(model) + (BUSY if self.view.instances[model].in_flight else 0.0)

    def worth(self, model: str) -> float:
        """Seconds of reload, by the chance of being wanted within the time it takes twice."""
        stats = self.view.stats(model)
        chance = 1 - math.exp(-stats.rate * 2 * (stats.load_s + stats.unload_s))
        return stats.load_s * max(LEAST_CHANCE, chance)

    def trip(self, one: str, other: str) -> float:
        """Seconds of swapping from one model to the other and back."""
        return self.one_way(one) + self.one_way(other)

    def one_way(self, model: str) -> float:
        """Load, unload, and what the slots lose that are empty while the last one drains."""
        stats, slots = self.view.stats(model), self.view.instances[model].slots
        return stats.load_s + stats.unload_s + stats.service_s * (1 - 1 / slots)

    def first(self, model: str) -> Request:
        """Its oldest request, priority counted as age."""
        return min(self.fronts[model], key=self.age)

    def oldest(self, model: str) -> float:
        """When that one came, priority counted as age."""
        return self.age(self.first(model))

    def age(self, request: Request) -> float:
        """When it would have come if priority were age."""
        return request.arrived + self.settings.tier_shift[request.priority]

    def explain(self, rival: str, rule: str, text: str, *behind: str) -> bool:
        """Say why a rival does not get its turn; False, for that is what it comes to."""
        self.because.append(Because(rival, rule, text, behind))
        return False

    def explain_younger(self, rival: str, rivals: list[str]) -> None:
        """Nobody younger may slip in before an overdue rival."""
        for other in rivals:
            if (self.oldest(other), other) > (self.oldest(rival), rival):
                self.explain(other, "overdue", f"{rival} has waited too long to be overtaken")

    def reached(self, time: float) -> bool:
        """Is it `time` already? If not, ask again then."""
        if self.view.now >= time:
            return True
        self.wakes.append(time)
        return False
