"""Strategies that no one should use: the scheduler must keep its rules under them."""

from __future__ import annotations

import random

from jano_core.scheduler.strategy import Strategy
from jano_core.scheduler.types import Load, Plan, Reject, Serve, State
from jano_core.scheduler.view import View


class Drunk(Strategy):
    """Legal plans at random: serves some, swaps for anybody, puts away what is idle."""

    name = "drunk"

    def __init__(self, seed: int) -> None:
        super().__init__()
        self.random = random.Random(seed)

    def decide(self, view: View) -> Plan:
        """See `Strategy.decide`."""
        serve = [grant for grant in view.fill() if self.random.random() < 0.7]
        served = {grant.model for grant in serve}
        idle = [
            each.model
            for each in view.instances.values()
            if each.state in (State.READY, State.DRAINING)
            and not (each.in_flight or each.pinned or each.owes or each.model in served)
        ]
        targets = list(view.waiting()) or list(view.instances)
        load = list[Load]()
        if targets and self.random.random() < 0.6:
            for model in self.random.sample(targets, min(len(targets), self.random.choice((1, 2)))):
                evict = view.evictions(model, lambda _: self.random.random(), given=load)
                load.append(Load(model, evict))
        elif idle and self.random.random() < 0.3:
            return Plan(serve=serve, unload=[self.random.choice(idle)])
        return Plan(serve=serve, load=load, wake_at=view.now + self.random.uniform(0.1, 60))


class Hostile(Strategy):
    """Anything at all, mostly illegal, or nothing for as long as it is let."""

    name = "hostile"

    def __init__(self, seed: int) -> None:
        super().__init__()
        self.random = random.Random(seed)

    def decide(self, view: View) -> Plan:
        """See `Strategy.decide`."""
        choose = self.random.choice
        if self.random.random() < 0.1:
            raise choose([ValueError("no"), KeyError("chat"), RecursionError()])
        names = [*(name for name in view.instances if isinstance(name, str)), "nobody"]
        ids = [request.id for request in view.queue] + ["nobody"]

        def some(things: list[str]) -> list[str]:
            return [choose(things) for _ in range(choose([0, 0, 1, 1, 2]))]

        return choose(
            [
                lambda: Plan(wake_at=view.now + 1e9),
                lambda: Plan(),
                lambda: Plan(wake_at=view.now + choose([0.0, -1.0, 1e-9, float("inf")])),
                lambda: Plan(wake_at=float("nan")),
                lambda: Plan(wake_at="soon"),  # type: ignore[arg-type]
                lambda: Plan(serve=some(ids) * 2),
                lambda: Plan(serve=[Serve(each.id, each.model) for each in view.queue]),
                lambda: Plan(serve=[Serve(choose(ids), choose(names))]),
                lambda: Plan(serve=(request for request in ids)),  # type: ignore[arg-type]
                lambda: Plan(load=[Load(name, tuple(some(names))) for name in some(names)]),
                lambda: Plan(load=[Load(choose(names), ())], wake_at=view.now + 1e9),
                lambda: Plan(load=[Load(choose(names), view.evictions(names[0]))]),
                lambda: Plan(unload=some(names), wake_at=view.now + 1e9),
                lambda: Plan(unload=some(names), load=[Load(choose(names), tuple(some(names)))]),
                lambda: Plan(unload=choose(names)),  # type: ignore[arg-type]
                lambda: Plan(reject=[Reject(each) for each in some(ids)], serve=some(ids)),
                lambda: None,
            ]
        )()  # type: ignore[return-value]


class Glutton(Strategy):
    """Serves whoever waits for what is loaded, full or not, and evicts whatever is in the way."""

    name = "glutton"

    def decide(self, view: View) -> Plan:
        """See `Strategy.decide`."""
        up = [each.model for each in view.instances.values() if each.state == State.READY]
        serve = [each.id for each in view.queue if each.model in up]
        load = [Load(each.model, tuple(up)) for each in view.queue[:1] if each.model not in up]
        return Plan(serve=serve, load=load, wake_at=view.now + 5)


class Sleeper(Strategy):
    """Never wants anything, and never soon."""

    name = "sleeper"

    def decide(self, view: View) -> Plan:
        """See `Strategy.decide`."""
        return Plan(wake_at=view.now + 1e9)


class Juggler(Strategy):
    """Loads what nobody wants and puts it away again for ever; legal, and of no use."""

    name = "juggler"

    def decide(self, view: View) -> Plan:
        """See `Strategy.decide`."""
        idle = [
            each.model
            for each in view.instances.values()
            if each.state == State.READY and not (each.in_flight or each.pinned or each.owes)
        ]
        wanted = view.waiting()
        free = [name for name, each in view.instances.items() if each.state == State.STOPPED]
        for model in free:
            if isinstance(model, str) and model not in wanted and view.evictions(model) == ():
                return Plan(unload=idle, load=[Load(model, ())])
        return Plan(unload=idle, wake_at=view.now + 1e9)
