"""One supervisor for each model, and how it reports to the scheduler."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING

import anyio
from anyio.abc import TaskGroup
from msgspec import Struct

from ..errors import LoadFailed
from ..plugin.capabilities import Reading
from ..plugin.server import ServerSpec
from ..scheduler import events
from ..telemetry import facts as f
from .life import ServerLife
from .loan import Weigh, by_the_system
from .log_buffer import LogBuffer
from .prefetch import Prefetch
from .supervisor import Supervisor
from .upstream import Upstream
from .weigher import Weigher

if TYPE_CHECKING:
    from .dispatcher import Dispatcher

Progress = Callable[[float | None, str], None]
MakeLife = Callable[[str, LogBuffer, Progress, str], ServerLife]

ADOPTION_LIMIT_S = 5.0


class Kit(Struct, frozen=True):
    """What brings model servers to life, as the configuration has it.

    `make(model, log, progress, coming_from)` builds one life of the model's server;
    `poll_interval` is the first pause between two readiness probes, in seconds.
    """

    specs: Mapping[str, ServerSpec]
    make: MakeLife
    poll_interval: float
    connect: Callable[[str], Upstream] = Upstream
    """How requests reach a server at a URL."""
    weigh: Weigh = by_the_system
    """What a server takes in memory."""
    prefetch: bool = False
    """Are a model's files read while it waits for its turn?"""
    redact: Callable[[str], str] = str
    """Takes the values of secrets out of a text that people will see."""


class Crew:
    """All supervisors; follows the models that the scheduler knows."""

    def __init__(self, dispatcher: Dispatcher, kit: Kit) -> None:
        self._dispatcher = dispatcher
        self._kits: dict[str, Kit] = {}
        self.equip(kit)
        self.weigher = Weigher(dispatcher)
        self.prefetch = Prefetch(dispatcher)
        self.logs: dict[str, LogBuffer] = {}
        self.coming_from: dict[str, str] = {}
        """Model being loaded → the model that was last in use before."""
        self._supervisors: dict[str, Supervisor] = {}
        self._scopes: dict[str, anyio.CancelScope] = {}

    def equip(self, kit: Kit) -> None:
        """Use this kit from the next life of a server on.

        A model that is not in it is leaving, and keeps its own until it is gone.
        """
        self._redact = kit.redact
        self._kits |= dict.fromkeys(kit.specs, kit)

    def redact(self, text: str) -> str:
        """`text` as people may see it: an address or a command may hold a secret."""
        return self._redact(text)

    def kit(self, model: str) -> Kit:
        """What the model's servers are made with."""
        return self._kits[model]

    def spec(self, model: str) -> ServerSpec:
        """The model's server as it is configured."""
        return self._kits[model].specs[model]

    def serving(self, model: str) -> tuple[Upstream, ServerSpec]:
        """The way to the model's server, which is up, and how it is configured."""
        upstream = self._supervisors[model].upstream
        assert upstream is not None
        return upstream, self._kits[model].specs[model]

    def addresses(self) -> dict[str, str]:
        """Where the servers of all models answer; of those that are down, what is configured."""
        found = {name: kit.specs[name].url for name, kit in self._kits.items()}
        for name, supervisor in self._supervisors.items():
            if supervisor.upstream is not None:
                found[name] = supervisor.upstream.url
        return {name: self.redact(url) for name, url in found.items()}

    def __getitem__(self, model: str) -> Supervisor:
        return self._supervisors[model]

    async def reading(self, model: str) -> Reading | None:
        """How far the model's server is with the prompts that it reads, if it tells."""
        supervisor = self._supervisors.get(model)
        return await supervisor.reading() if supervisor else None

    def asleep(self) -> frozenset[str]:
        """Models whose servers sleep."""
        return frozenset(name for name, each in self._supervisors.items() if each.asleep)

    def follow(self, tasks: TaskGroup) -> None:
        """Hire for new models, let go for those that are gone."""
        self.prefetch.tasks = tasks
        models = self._dispatcher.scheduler.node.instances
        for name in models.keys() - self._supervisors.keys():
            self.logs[name] = LogBuffer(redact=self.redact)
            self._supervisors[name] = self._hire(name)
            self._scopes[name] = anyio.CancelScope()
            tasks.start_soon(_work, self._supervisors[name], self._scopes[name])
        for name in self._supervisors.keys() - models.keys():
            self._scopes.pop(name).cancel()
            self.logs.pop(name).close()
            del self._supervisors[name], self._kits[name]

    async def adopt(self) -> None:
        """At start-up: use servers that run already, as far as they fit together, and put away the
        others.
        """
        node = self._dispatcher.scheduler.node
        with anyio.move_on_after(ADOPTION_LIMIT_S):
            for name, instance in tuple(node.instances.items()):
                supervisor = self._supervisors[name]
                if instance.model.resident:
                    continue
                if not node.rule.allowed({*node.occupied(), name}):
                    await supervisor.clear()
                elif await supervisor.adopt():
                    supervisor.load()  # it is up: this only reports so

    def _hire(self, name: str) -> Supervisor:
        report, log = ModelReport(self._dispatcher, name), self.logs[name]

        def make() -> ServerLife:
            coming_from = self.coming_from.get(name, "")
            return self._kits[name].make(name, log, report.progress, coming_from)

        return Supervisor(
            make,
            report,
            log,
            self._kits[name].poll_interval,
            lambda url: self._kits[name].connect(url),
            partial(self._make_room, report),
            lambda parts: self._kits[name].weigh(parts),
        )

    async def _make_room(self, report: ModelReport) -> None:
        """Where Jano cannot end a server, a model may have stayed in its memory: it must be gone
        before another that does not fit beside it is loaded. Raises `LoadFailed`.
        """
        model, report.kept_out = report.model, False
        for name, other in tuple(self._supervisors.items()):
            if name == model or not other.release.leftover or self._fit(name, model):
                continue
            if why := await other.release.let_go():
                report.kept_out = True
                raise LoadFailed(f"{name} may still be in memory: {why}")
        await self.weigher.make_room(model)

    def _fit(self, *models: str) -> bool:
        """Is there room for all of them beside what is loaded? What is always up takes none."""
        node = self._dispatcher.scheduler.node
        found = [node.instances.get(name) for name in models]  # a reload may have taken one away
        if any(each is None or each.model.resident for each in found):
            return True
        return node.rule.allowed({*node.occupied(), *models})


async def _work(supervisor: Supervisor, scope: anyio.CancelScope) -> None:
    """A reload may have taken its model away again before it begins."""
    with scope:
        await supervisor.run()


class ModelReport:
    """One supervisor's line to the scheduler, on which no secret passes; a `Report`."""

    def __init__(self, dispatcher: Dispatcher, model: str) -> None:
        self._dispatcher = dispatcher
        self.model = model
        self.kept_out = False
        """The load under way fails because another model did not make room for it."""

    def loaded(self, parallel: int | None, memory: int | None) -> None:
        """The model is ready. What the server says of itself counts where nothing is configured."""
        slots = self._dispatcher.crew.spec(self.model).parallel or parallel
        self._post(events.Loaded(at=self._now(), model=self.model, parallel=slots, memory=memory))

    def load_failed(self, message: str, detail: str) -> None:
        """It could not be made ready."""
        message, detail = self._redact(message), self._redact(detail)
        self._dispatcher.last_errors[self.model] = message
        self._post(
            events.LoadFailed(
                at=self._now(),
                model=self.model,
                message=message,
                detail=detail,
                kept_out=self.kept_out,
            )
        )

    def unloaded(self, error: str) -> None:
        """It is gone, as ordered; `error` says what could not be proven."""
        error = self._redact(error)
        if error:
            self._dispatcher.last_errors[self.model] = error
        self._post(events.Unloaded(at=self._now(), model=self.model, error=error))

    def crashed(self, message: str, detail: str) -> None:
        """Its server died or hung."""
        message, detail = self._redact(message), self._redact(detail)
        self._dispatcher.last_errors[self.model] = message
        at = self._dispatcher.clock.wall()
        self._dispatcher.facts.emit(f.ServerCrashed(at=at, model=self.model, why=message))
        self._post(events.Crashed(at=self._now(), model=self.model, message=message, detail=detail))

    def step(self, step: str, seconds: float) -> None:
        """A step of its server's life is done."""
        self._dispatcher.narrator.step(self.model, step, seconds)

    def progress(self, fraction: float | None, note: str) -> None:
        """How far its load is."""
        self._dispatcher.outlook.progress[self.model] = (fraction, note)
        at = self._dispatcher.clock.wall()
        self._dispatcher.facts.emit(
            f.LoadProgress(at=at, model=self.model, fraction=fraction, note=note)
        )

    def _redact(self, text: str) -> str:
        return self._dispatcher.crew.redact(text)

    def _now(self) -> float:
        return self._dispatcher.clock.now()

    def _post(self, event: events.AnyEvent) -> None:
        self._dispatcher.post(event)
