"""A strategy for Jano: when the loaded model has run dry, the largest crowd is next."""

from jano_core import Load, Plan, Strategy, hookimpl


class Crowd(Strategy):
    name = "crowd"

    def decide(self, view):
        waiting = view.waiting()
        for model in sorted(waiting, key=lambda name: (-len(waiting[name]), name)):
            evict = view.evictions(model)
            loadable = view.instances[model].state == "stopped" and evict is not None
            if loadable and waiting.keys().isdisjoint(evict):
                return Plan(serve=view.fill(skip=evict), load=[Load(model, evict)])
        return Plan(serve=view.fill())


@hookimpl
def jano_strategies():
    return [Crowd]
