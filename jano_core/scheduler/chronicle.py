"""Why does who wait? Told once for each model that is waited for, and again when it changes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .commands import Note
from .instance import Instance
from .plan_check import loads
from .types import Because, Plan

if TYPE_CHECKING:
    from .scheduler import Scheduler

MOST_AHEAD = 20
"""How many of those before a request are named."""


class Chronicle:
    """Reads a decision after it was carried out. Tells; decides nothing."""

    def __init__(self, scheduler: Scheduler) -> None:
        self._scheduler = scheduler
        self._told: dict[str, tuple[str, tuple[str, ...]]] = {}

    def forget(self) -> None:
        """Nobody waits any more."""
        self._told.clear()

    def tell_of_slots(self) -> None:
        """Everybody who waits, waits for a slot of a model that is ready."""
        waited_for = self._scheduler.queue.models()
        for model in waited_for:
            if self._told.get(model) != ("slots", (model,)):
                self._say(*self._why(self._scheduler.node.instances[model], None, None, ""))
        if len(self._told) > len(waited_for):
            self._forget_all_but(waited_for)

    def tell(self, plan: Plan, by: str) -> None:
        """`plan` was carried out; `by` is the strategy that made it."""
        waited_for = self._scheduler.queue.models()
        self._forget_all_but(waited_for)
        if not waited_for:
            return
        said = {each.model: each for each in plan.because}
        asked = loads(plan, self._scheduler.nodes)
        meant = {load.model: (load.why, evict) for load, evict in asked}
        for model in waited_for:
            instance = self._scheduler.node.instances[model]
            why, evicted = self._why(instance, said.get(model), meant.get(model), by)
            if self._told.get(model) != (why.rule, why.behind):
                self._say(why, evicted)

    def _say(self, why: Because, evicted: tuple[str, ...]) -> None:
        self._told[why.model] = why.rule, why.behind
        self._scheduler.emit(
            Note(
                kind="decision",
                model=why.model,
                rule=why.rule,
                text=why.text,
                requests=self._ahead(why.behind),
                evicted=evicted,
            )
        )

    def _forget_all_but(self, models: tuple[str, ...]) -> None:
        for model in self._told.keys() - models:
            del self._told[model]

    def _why(
        self,
        instance: Instance,
        said: Because | None,
        meant: tuple[str, tuple[str, ...]] | None,
        by: str,
    ) -> tuple[Because, tuple[str, ...]]:
        """The reason, and whom the model has evicted or will evict."""
        name, node = instance.name, self._scheduler.node
        swap = next((swap for swap in node.swaps if swap.target == name), None)
        if swap is not None:
            step = f"{name} is being loaded" if swap.started else "they are being put away"
            gone = f"{', '.join(swap.evict)} had to go; " if swap.evict else ""
            return Because(name, "swap", f"{swap.why or by}; {gone}{step}"), swap.evict
        if meant is not None:
            why, evict = meant
            busy = tuple(each for each in evict if node.instances[each].in_flight)
            text = f"{why or by}; what runs on {', '.join(busy) or 'others'} ends first"
            return Because(name, "drain", text, busy), evict
        if said is not None:
            return said, ()
        if instance.leaving or instance.state in ("draining", "stopping"):
            return Because(name, "leaving", f"{name} makes room", (name,)), ()
        if instance.serving:
            slots = "its slot is" if instance.slots == 1 else f"all its {instance.slots} slots are"
            text = f"{name} is loaded, and {slots} taken"
            return Because(name, "slots", text, (name,)), ()
        if instance.state == "starting":
            return Because(name, "swap", f"{name} is being loaded"), ()
        loaded = tuple(each.name for each in node.instances.values() if each.serving)
        return Because(name, by, f"{by} lets {', '.join(loaded) or 'nobody'} go first", loaded), ()

    def _ahead(self, behind: tuple[str, ...]) -> tuple[str, ...]:
        """Requests that keep those models where they are: running ones, then waiting ones."""
        ahead: list[str] = []
        for name in behind:
            instance = self._scheduler.node.instances.get(name)
            if instance is not None:
                ahead += sorted(instance.in_flight)
        for name in behind:
            for request in self._scheduler.queue.in_turn(name):
                if len(ahead) >= MOST_AHEAD:
                    return tuple(ahead)
                ahead.append(request.id)
        return tuple(ahead[:MOST_AHEAD])
