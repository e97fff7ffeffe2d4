"""The house: everything built from one configuration and the plugins, and taken down again."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import anyio

from .blueprint import Blueprint, Site
from .clock import Clock
from .config.diff import diff
from .config.load import Loaded, load
from .config.schema import Config
from .gateway.app import Gateway
from .gateway.vigil import Patience
from .plugin.registry import Registry
from .recorder import Recorder
from .runtime.dispatcher import Dispatcher
from .runtime.guards import dismiss_all
from .runtime.log_buffer import LogBuffer
from .runtime.memoir import Memoir
from .runtime.sweep import sweep
from .runtime.upstream import Transport
from .telemetry.facts import ConfigReloaded
from .telemetry.observatory import Observatory
from .version import __version__
from .vitals import Vitals

log = logging.getLogger("jano.app")


Reread = Callable[[], Loaded]


class Jano:
    """One running router; the gateway, the server and the commands see it as their house."""

    version = __version__

    def __init__(
        self,
        loaded: Loaded,
        registry: Registry,
        *,
        state_folder: Path | None,
        memory_folder: Path | None,
        reread: Reread,
        url: str,
        router_log: LogBuffer,
        transport: Transport | None,
    ) -> None:
        self.registry = registry
        self.clock = Clock()
        self.router_log = router_log
        self._reread = reread
        self._memory_folder = memory_folder
        self._site = Site(
            url=url, state_folder=state_folder, transport=transport, log_of=self.log_of
        )
        blueprint = Blueprint(loaded, registry, self._site)
        self._take(blueprint, loaded.warnings)
        self.telemetry = self._observatory()
        self.facts = self.telemetry.facts
        self.ledger = self.telemetry.ledger
        self.activity = self.telemetry.activity
        self.feed = self.telemetry.feed
        self.recorder = Recorder()
        self.facts.subscribe(self.recorder)
        self.dispatcher = Dispatcher(
            blueprint.models, blueprint.policy, blueprint.kit, self.clock, self.facts
        )
        self.vitals = Vitals(self.dispatcher, self.facts, self.clock)
        self.asgi = Gateway(self)

    @classmethod
    @asynccontextmanager
    async def open(
        cls,
        loaded: Loaded,
        registry: Registry,
        *,
        state_folder: Path | None = None,
        memory_folder: Path | None = None,
        reread: Reread | None = None,
        url: str = "",
        router_log: LogBuffer | None = None,
        transport: Transport | None = None,
    ) -> AsyncIterator[Jano]:
        """Start the house; inside the context requests are served. On the way out every model
        server that Jano started is ended.

        `reread` reads the configuration again (None: it is looked for as at the start); `url` is
        where Jano answers, for swap scripts; `state_folder` holds what must outlive a kill,
        `memory_folder` what is known of the past (None: nothing); `transport` carries everything
        that goes to model servers instead of real connections. Raises `ConfigError`.
        """
        if state_folder is not None:
            for line in sweep(state_folder):
                log.warning(line)
        jano = cls(
            loaded,
            registry,
            state_folder=state_folder,
            memory_folder=memory_folder,
            reread=reread or partial(load, None, registry),
            url=url,
            router_log=router_log or LogBuffer(),
            transport=transport,
        )
        try:
            async with anyio.create_task_group() as tasks:
                if memory_folder is not None:
                    memoir = Memoir(memory_folder, jano.dispatcher.scheduler, jano.facts)
                    memoir.recall()
                    tasks.start_soon(memoir.keep)
                jano.router_log.listener = partial(jano.feed.log, "proxy")
                await tasks.start(jano.asgi.keep_watch)
                await tasks.start(jano.dispatcher.run)
                try:
                    yield jano
                finally:
                    jano.router_log.listener = None
                    jano.feed.close()
                    tasks.cancel_scope.cancel()
        finally:
            with anyio.CancelScope(shield=True):
                await dismiss_all()
            await jano.telemetry.close()

    # -- what the server asks of it

    def busy(self) -> int:
        """Requests that wait or run."""
        return len(self.dispatcher.tickets)

    def begin_shutdown(self) -> None:
        """Take no new requests; what is here is finished, but for what would never end."""
        self.dispatcher.steward.shutting_down = True
        self.feed.close()
        for log in (self.router_log, *self.dispatcher.crew.logs.values()):
            log.close()

    def cancel_all(self) -> None:
        """The grace is over: end every request now."""
        for request in tuple(self.dispatcher.tickets):
            self.dispatcher.cancel(request)

    async def reload(self) -> ConfigReloaded:
        """Read the configuration again. Raises `ConfigError`, and then nothing has changed.

        Unchanged models stay loaded, running and waiting requests are served.
        """
        loaded = self._reread()
        blueprint = Blueprint(loaded, self.registry, self._site)
        change = diff(self.config, loaded.config)
        # Servers that run on, and logs, may still tell what was a secret before.
        blueprint.secrets.include(self.secrets)
        self._take(blueprint, loaded.warnings)
        table = self.config.telemetry
        self.telemetry.reconfigure(usage_records=table.usage_records, capture=table.capture)
        self.dispatcher.reconfigure(
            blueprint.models, blueprint.policy, blueprint.kit, frozenset(change.changed)
        )
        fact = ConfigReloaded(
            at=self.clock.wall(),
            added=change.added,
            changed=change.changed,
            removed=change.removed,
        )
        self.facts.emit(fact)
        return fact

    # -- what a listener's first picture is made of

    def log_history(self, source: str) -> str:
        """The router's own log (`proxy`) or that of all model servers (`upstream`)."""
        if source == "proxy":
            return self.router_log.history()
        return "".join(buffer.history() for buffer in self.dispatcher.crew.logs.values())

    def model_rows(self) -> Sequence[Mapping[str, Any]]:
        """Each configured model, as `/api/events` shows it."""
        states = self.dispatcher.scheduler.node.instances
        return [
            {
                "id": name,
                "name": table.name or name,
                "description": table.description,
                "state": str(states[name].state) if name in states else "stopped",
                "unlisted": not table.listed,
                "peerID": "",
                "aliases": list(table.aliases),
            }
            for name, table in self.config.models.items()
        ]

    def trace(self) -> bytes:
        """What was lately asked for, as lines that `jano simulate` reads."""
        return self.recorder.trace(self.dispatcher.scheduler, self.clock.now())

    def active_profile(self) -> str | None:
        """The name of the active profile."""
        return self.catalog.active

    # -- building

    def _take(self, blueprint: Blueprint, warnings: Sequence[str]) -> None:
        self.config: Config = blueprint.config
        self.catalog = blueprint.catalog
        self.secrets = blueprint.secrets
        self.authenticator = blueprint.authenticator
        self.dialects = blueprint.dialects
        self.usage_reader = blueprint.usage_reader
        self.patience: Mapping[str, Patience] = {
            name: Patience.of(self.config.server, table)
            for name, table in self.config.models.items()
        }
        for warning in warnings:
            log.warning(warning)

    def _observatory(self) -> Observatory:
        table = self.config.telemetry

        def provider(model: str) -> str:
            found = self.config.models.get(model)
            return found.backend if found else ""

        return Observatory(
            self.clock,
            self,
            provider,
            version=__version__,
            usage_records=table.usage_records,
            capture=table.capture,
            otlp=table.otlp,
            history=self._memory_folder if table.history else None,
        )

    def log_of(self, buffer: LogBuffer) -> Callable[[str], None]:
        """Where a model server's output goes: its own log, and from there the feed."""
        buffer.listener = partial(self.feed.log, "upstream")
        return buffer.write
