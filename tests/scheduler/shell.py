"""The other side of the scheduler in tests: does what it is told, late, and watches the rules."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from jano_core.scheduler import events as ev
from jano_core.scheduler.commands import Grant, Load, Note, Refuse, Unload
from jano_core.scheduler.policy import Policy
from jano_core.scheduler.residency import Budget
from jano_core.scheduler.scheduler import Scheduler
from jano_core.scheduler.types import Model, Request


class Server:
    """What really stands in memory for a model: `gone`, `loading`, `up` or `stopping`."""

    def __init__(self, model: Model) -> None:
        self.model = model
        self.state = "gone"
        self.slots = 0
        self.requests: set[str] = set()
        self.may_go = False
        """A person or the configuration wants this life of it to end, pinned or not."""


class Shell:
    """Executes commands and asserts, at each, that it was right to give it."""

    def __init__(self, models: Iterable[Model], policy: Policy) -> None:
        self.scheduler = Scheduler(models, policy)
        self.now = 0.0
        self.servers = {model.name: Server(model) for model in models}
        self.named = set(self.servers)
        self.pinned = {model.name for model in models if model.pinned}
        self.waiting: dict[str, Request] = {}
        self.running: dict[str, str] = {}
        self.granted: dict[str, Request] = {}
        self.answered: set[str] = set()

    def deliver(self, kind: type[ev.Event], **fields: Any) -> None:
        """Report an event and do at once what the scheduler orders; the effects come later."""
        for command in self.scheduler.handle(kind(at=self.now, **fields)):  # type: ignore[arg-type]
            match command:
                case Grant():
                    self._grant(command)
                case Refuse():
                    self._refuse(command)
                case Load():
                    self._load(self.servers[command.model])
                case Unload():
                    self._unload(self.servers[command.model])
                case Note(kind="strategy_fell_back"):
                    assert command.text
        assert set(self.waiting) == {
            request.id
            for queue in (self.scheduler.queue, self.scheduler.aside)
            for request in queue
        }
        assert set(self.running) == set(self.scheduler.running)

    def arrive(self, request: Request) -> None:
        """A request comes in."""
        self.waiting[request.id] = request
        self.deliver(ev.Arrived, request=request)

    def leave(self, request: str) -> None:
        """The client of a waiting request hangs up."""
        del self.waiting[request]
        self.answered.add(request)
        self.deliver(ev.Left, request=request)

    def finish(self, request: str, outcome: ev.Outcome, retry: bool) -> None:
        """A running request releases its slot; with `retry` it wants another."""
        model = self.running.pop(request)
        self.servers[model].requests.discard(request)
        if retry:
            self.waiting[request] = self.granted[request]
        else:
            self.answered.add(request)
        self.deliver(ev.Finished, request=request, outcome=outcome, retry=retry)

    def answer(
        self,
        name: str,
        fine: bool = True,
        parallel: int | None = None,
        memory: int | None = None,
    ) -> None:
        """An order that is under way comes to its end."""
        server = self.servers[name]
        if server.state == "stopping":
            server.state = "gone"
            self.deliver(ev.Unloaded, model=name)
        elif fine:
            server.state, server.may_go = "up", False
            server.slots = server.model.parallel if parallel is None else parallel
            self.deliver(ev.Loaded, model=name, parallel=parallel, memory=memory)
        else:
            server.state = "gone"
            self.deliver(ev.LoadFailed, model=name, message="it fell over")

    def crash(self, name: str) -> None:
        """A ready server is gone by itself; its requests notice later."""
        server = self.servers[name]
        server.state, server.requests = "gone", set()
        self.deliver(ev.Crashed, model=name, message="it fell over")

    def tell(self, action: str, name: str) -> None:
        """A person wants something of a model."""
        if action == "unload":
            self.servers[name].may_go = True
        elif action != "forgive":
            (self.pinned.add if action == "pin" else self.pinned.discard)(name)
        self.deliver(ev.Told, action=action, model=name)

    def reconfigure(self, models: Iterable[Model], policy: Policy, changed: frozenset[str]) -> None:
        """The configuration is read anew; what is no longer named may go."""
        named = {model.name: model for model in models}
        self.named = set(named)
        self.pinned = {model.name for model in named.values() if model.pinned}
        for name, server in self.servers.items():
            model = named.get(name, server.model)
            moved = model.resident != server.model.resident
            server.may_go |= moved or name in changed
            server.model = model
        for name, model in named.items():
            self.servers.setdefault(name, Server(model))
        self.deliver(ev.Reconfigured, models=tuple(named.values()), policy=policy, changed=changed)

    def wait(self, seconds: float, at_most: int = 100) -> None:
        """Let time pass, waking the scheduler when it asked for it, but never in a busy loop."""
        end = self.now + seconds
        for _ in range(at_most):
            due = self.scheduler.next_deadline()
            if due is None or due > end:
                self.now = end
                return
            self.now = max(self.now, due)
            self.deliver(ev.Tick)
        raise AssertionError(f"woken {at_most} times within {seconds} s")

    def under_way(self) -> list[str]:
        """Models whose order is not answered yet."""
        return [
            name for name, each in self.servers.items() if each.state in ("loading", "stopping")
        ]

    def up(self) -> list[str]:
        """Models that are ready."""
        return [name for name, server in self.servers.items() if server.state == "up"]

    # -- the rules, seen from outside

    def _grant(self, command: Grant) -> None:
        request = self.waiting.pop(command.request)
        assert command.model in request.models
        server = self.servers[command.model]
        assert server.state == "up"
        server.requests.add(request.id)
        assert len(server.requests) <= server.slots or server.model.resident
        self.running[request.id] = command.model
        self.granted[request.id] = request

    def _refuse(self, command: Refuse) -> None:
        del self.waiting[command.request]
        self.answered.add(command.request)

    def _load(self, server: Server) -> None:
        assert server.state == "gone"
        server.state, server.may_go = "loading", False
        assert server.model.resident or self._fits()

    def _unload(self, server: Server) -> None:
        assert server.state in ("loading", "up")
        assert not server.requests
        if server.state == "up":
            kept = server.model.resident or server.model.name in self.pinned
            assert not kept or server.may_go or server.model.name not in self.named
        server.state = "stopping"

    def _fits(self) -> bool:
        rule = self.scheduler.node.rule
        taken = [
            server.model.name
            for server in self.servers.values()
            if server.state != "gone" and not server.model.resident
        ]
        memory = [rule.models[name].memory for name in taken]
        if not isinstance(rule, Budget):
            known = sum(each or 0 for each in memory)
            return rule.allowed(taken) and (rule.budget is None or known <= rule.budget)
        if rule.budget is None:
            return len(taken) <= 1
        return sum(rule.budget if each is None else each for each in memory) <= rule.budget
