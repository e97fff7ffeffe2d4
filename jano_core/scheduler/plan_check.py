"""The guard: is a plan legal? A strategy may be foolish, but never wrong."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping

from .instance import VACANT
from .node import Node
from .queue import Queue
from .types import LOCAL, Because, Load, Plan, Serve

_NOTHING: tuple[object, ...] = ((), [])


def serves(plan: Plan, queue: Queue) -> tuple[Serve, ...]:
    """The plan's grants in full, with ids and empty model names filled in."""
    full = []
    for entry in plan.serve:
        grant = Serve(entry) if isinstance(entry, str) else entry
        request = queue.get(grant.request)
        if request is not None and not grant.model:
            grant = Serve(grant.request, request.model, grant.node)
        full.append(grant)
    return tuple(full)


def loads(plan: Plan, nodes: Mapping[str, Node]) -> tuple[tuple[Load, tuple[str, ...]], ...]:
    """The plan's loads that ask for something, with whom to evict.

    What is loaded, or on its way already, needs no second load.
    """
    asked = []
    for load in plan.load:
        node = nodes.get(load.node)
        instance = node.instances.get(load.model) if node else None
        moving = node is not None and any(swap.target == load.model for swap in node.swaps)
        vacant = instance is None or instance.state in VACANT
        if load.evict is not None and vacant and not moving:
            asked.append((load, tuple(load.evict)))
    return tuple(asked)


def objection(plan: Plan, queue: Queue, nodes: Mapping[str, Node]) -> str:
    """Why the plan is not legal; empty when it is."""
    if isinstance(plan, Plan) and _asks_nothing(plan):
        return ""
    malformed = _against_form(plan)
    if malformed:
        return malformed
    served = serves(plan, queue)
    return (
        _against_serves(served, queue, nodes)
        or _against_rejects(plan, served, queue)
        or _against_unloads(plan, served, queue, nodes)
        or _against_haste(plan, loads(plan, nodes))
        or _against_loads(loads(plan, nodes), served, queue, nodes)
    )


def _asks_nothing(plan: Plan) -> bool:
    """Most plans: after every request that ends while nobody waits."""
    parts = (plan.serve, plan.load, plan.unload, plan.reject, plan.because)
    return plan.wake_at is None and all(part in _NOTHING for part in parts)


def _against_form(plan: object) -> str:
    """A plan is read more than once, so that an iterator would seem empty the second time."""
    if not isinstance(plan, Plan):
        return f"answers {type(plan).__name__} instead of a Plan"
    parts = {name: getattr(plan, name) for name in ("serve", "load", "unload", "reject", "because")}
    parts |= {"evict": [load.evict for load in plan.load if load.evict is not None]}
    for name, part in parts.items():
        for entries in part if name == "evict" else [part]:
            if not isinstance(entries, tuple | list):
                return f"gives {name} as {type(entries).__name__}, neither tuple nor list"
    if not all(isinstance(each, Because) for each in plan.because):
        return "explains itself with something else than Because"
    if plan.wake_at is not None and not plan.wake_at <= math.inf:
        return f"wants to be woken at {plan.wake_at!r}"
    return ""


def _against_haste(plan: Plan, asked: tuple[tuple[Load, tuple[str, ...]], ...]) -> str:
    gone = Counter((LOCAL, model) for model in plan.unload)
    gone.update((load.node, name) for load, evict in asked for name in evict)
    return next((f"puts {name!r} away twice" for (_, name), times in gone.items() if times > 1), "")


def _against_serves(served: tuple[Serve, ...], queue: Queue, nodes: Mapping[str, Node]) -> str:
    used: Counter[tuple[str, str]] = Counter()
    seen = set()
    for grant in served:
        request = queue.get(grant.request)
        if request is None or grant.request in seen:
            return f"serves {grant.request!r}, which does not wait"
        seen.add(grant.request)
        node = nodes.get(grant.node)
        if grant.model not in request.models or node is None or grant.model not in node.instances:
            return f"serves {grant.request!r} with {grant.model!r}, which it did not ask for"
        used[grant.node, grant.model] += 1
        if used[grant.node, grant.model] > node.instances[grant.model].free:
            return f"serves {grant.request!r} with {grant.model!r}, which has no free slot"
    return ""


def _against_rejects(plan: Plan, served: tuple[Serve, ...], queue: Queue) -> str:
    taken = {grant.request for grant in served}
    for reject in plan.reject:
        if reject.request not in queue or reject.request in taken:
            return f"rejects {reject.request!r}, which does not wait"
        if not 400 <= reject.status <= 599:
            return f"rejects {reject.request!r} with {reject.status!r}, which is no error"
        taken.add(reject.request)
    return ""


def _against_unloads(
    plan: Plan, served: tuple[Serve, ...], queue: Queue, nodes: Mapping[str, Node]
) -> str:
    taken = {grant.model for grant in served}
    for model in plan.unload:
        for node in nodes.values():
            instance = node.instances.get(model)
            if instance is None:
                return f"unloads {model!r}, which is not configured"
            if instance.state in VACANT:
                continue
            if not node.evictable(instance, queue) or instance.in_flight or model in taken:
                return f"unloads {model!r}, which is busy, pinned, moving, or owes a request"
    return ""


def _against_loads(
    asked: tuple[tuple[Load, tuple[str, ...]], ...],
    served: tuple[Serve, ...],
    queue: Queue,
    nodes: Mapping[str, Node],
) -> str:
    paying = {(grant.node, grant.model) for grant in served}
    for number, (load, evict) in enumerate(asked):
        node = nodes.get(load.node)
        if node is None or load.model not in node.instances:
            return f"loads {load.model!r} on {load.node!r}, which is not configured"
        if node.instances[load.model].state == "cooling":
            return f"loads {load.model!r}, which has failed too often"
        if evict and len(queue) and not queue.waits_for(load.model):
            return f"evicts for {load.model!r}, which nobody waits for, while others wait"
        for name in evict:
            instance = node.instances.get(name)
            if instance is None or not instance.serving:
                return f"evicts {name!r}, which is not loaded"
            if instance.pinned or instance.model.resident:
                return f"evicts {name!r}, which is pinned"
            if node.owes(instance, queue) and (node.name, name) not in paying:
                return f"evicts {name!r} before it served the request it was loaded for"
        others = [other for other in asked[:number] if other[0].node == load.node]
        here = node.settled() - set(evict)
        for other, taken in others:
            here = (here - set(taken)) | {other.model}
        if load.model in here or not node.rule.allowed(here | {load.model}):
            return f"loads {load.model!r} beside {sorted(here)}, which do not fit together"
    return ""
