"""The guard: is a plan legal? A strategy may be foolish, but never wrong."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from .instance import VACANT
from .node import Node
from .queue import Queue
from .types import Load, Plan, Serve


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
    """The plan's loads that ask for something, with whom to evict."""
    asked = []
    for load in plan.load:
        node = nodes.get(load.node)
        instance = node.instances.get(load.model) if node else None
        if load.evict is not None and (instance is None or instance.state in VACANT):
            asked.append((load, tuple(load.evict)))
    return tuple(asked)


def objection(plan: Plan, queue: Queue, nodes: Mapping[str, Node]) -> str:
    """Why the plan is not legal; empty when it is."""
    served = serves(plan, queue)
    return (
        _against_serves(served, queue, nodes)
        or _against_rejects(plan, served, queue)
        or _against_unloads(plan, served, queue, nodes)
        or _against_loads(loads(plan, nodes), served, queue, nodes)
    )


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
            if instance is None or not instance.serving or instance.pinned:
                return f"evicts {name!r}, which is not loaded or is pinned"
            if node.owes(instance, queue) and (node.name, name) not in paying:
                return f"evicts {name!r} before it served the request it was loaded for"
        others = [other for other in asked[:number] if other[0].node == load.node]
        if any(set(evict) & set(taken) for _, taken in others):
            return f"evicts {evict} twice"
        here = set(node.occupied()) - set(evict)
        for other, taken in others:
            here = (here - set(taken)) | {other.model}
        if load.model in here or not node.rule.allowed(here | {load.model}):
            return f"loads {load.model!r} beside {sorted(here)}, which do not fit together"
    return ""
