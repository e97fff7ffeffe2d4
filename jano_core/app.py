"""The house: everything built from one configuration and the plugins, and taken down again."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import anyio
from msgspec.structs import replace

from .clock import Clock
from .config.catalog import Catalog
from .config.diff import diff
from .config.load import Loaded, load
from .config.schema import Config
from .config.settings import settings_of
from .gateway.app import Gateway
from .plugin.contracts import Dialect, UsageNormalizer
from .plugin.registry import Registry
from .plugin.server import ServerSpec
from .runtime.crew import Kit
from .runtime.dispatcher import Dispatcher
from .runtime.life import ServerLife, new_life
from .runtime.log_buffer import LogBuffer
from .runtime.readiness import ServerHttp
from .runtime.sweep import sweep
from .runtime.upstream import Transport, Upstream
from .scheduler.policy import Policy
from .scheduler.residency import ResidencyRule
from .scheduler.types import Model
from .strategies.greedy import Greedy
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
        reread: Reread,
        url: str,
        router_log: LogBuffer,
        transport: Transport | None,
    ) -> None:
        self._transport = transport
        self.registry = registry
        self.clock = Clock()
        self.router_log = router_log
        self._state_folder = state_folder
        self._reread = reread
        self._url = url
        self._take(loaded)
        self.telemetry = self._observatory()
        self.facts = self.telemetry.facts
        self.ledger = self.telemetry.ledger
        self.activity = self.telemetry.activity
        self.feed = self.telemetry.feed
        self.dispatcher = Dispatcher(
            self._models(), self._policy(), self._kit(), self.clock, self.facts
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
        reread: Reread | None = None,
        url: str = "",
        router_log: LogBuffer | None = None,
        transport: Transport | None = None,
    ) -> AsyncIterator[Jano]:
        """Start the house; inside the context requests are served. On the way out every model
        server that Jano started is ended.

        `reread` reads the configuration again (None: it is looked for as at the start); `url` is
        where Jano answers, for swap scripts; `state_folder` holds what must outlive a kill;
        `transport` carries everything that goes to model servers instead of real connections.
        Raises `ConfigError`.
        """
        if state_folder is not None:
            for line in sweep(state_folder):
                log.warning(line)
        jano = cls(
            loaded,
            registry,
            state_folder=state_folder,
            reread=reread or partial(load, None, registry),
            url=url,
            router_log=router_log or LogBuffer(),
            transport=transport,
        )
        try:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(jano._publish_log)
                await tasks.start(jano.dispatcher.run)
                try:
                    yield jano
                finally:
                    jano.feed.close()
                    tasks.cancel_scope.cancel()
        finally:
            await jano.telemetry.close()

    # -- what the server asks of it

    def busy(self) -> int:
        """Requests that wait or run."""
        return len(self.dispatcher.tickets)

    def begin_shutdown(self) -> None:
        """Take no new requests; what is here is finished."""
        self.dispatcher.steward.shutting_down = True
        self.feed.close()

    def cancel_all(self) -> None:
        """The grace is over: end every request now."""
        for request in tuple(self.dispatcher.tickets):
            self.dispatcher.cancel(request)

    async def reload(self) -> ConfigReloaded:
        """Read the configuration again. Raises `ConfigError`, and then nothing has changed.

        Unchanged models stay loaded, running and waiting requests are served.
        """
        loaded = self._reread()
        change = diff(self.config, loaded.config)
        self._take(loaded)
        table = self.config.telemetry
        self.telemetry.reconfigure(usage_records=table.usage_records, capture=table.capture)
        self.dispatcher.reconfigure(
            self._models(), self._policy(), self._kit(), frozenset(change.changed)
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

    def active_profile(self) -> str | None:
        """The name of the active profile."""
        return self.catalog.active

    # -- building

    def _take(self, loaded: Loaded) -> None:
        """Make everything that can fail before anything is changed."""
        config, secrets = loaded.config, loaded.secrets
        make = self.registry.kind("authenticators", config.auth.authenticator)
        authenticator = make(settings_of(make, config.auth.settings, secrets))
        catalog = Catalog(config, secrets)
        specs = {name: self._spec(catalog, name, loaded) for name in config.models}
        self.config: Config = config
        self.catalog = catalog
        self.secrets = secrets
        self.authenticator = authenticator
        self.dialects: Sequence[Dialect] = [each() for each in self.registry.dialects]
        self.normalizers: Sequence[UsageNormalizer] = [
            each() for each in self.registry.usage_normalizers
        ]
        self._specs = specs
        for warning in loaded.warnings:
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
            history=self._state_folder if table.history else None,
        )

    async def _publish_log(self) -> None:
        async with self.router_log.subscribe() as texts:
            async for text in texts:
                self.feed.log("proxy", text)

    def _spec(self, catalog: Catalog, model: str, loaded: Loaded) -> ServerSpec:
        """The model's spec, with the name that its backend wants to be asked for."""
        spec = catalog.spec(model, loaded.env)
        backend = self.registry.kind("backends", loaded.config.models[model].backend)
        return replace(spec, upstream_model=backend.model_name(spec))

    def _models(self) -> list[Model]:
        return [self.catalog.needs(name) for name in self.config.models]

    def _policy(self) -> Policy:
        config, secrets = self.config, self.secrets
        strategy = self.registry.kind("strategies", config.scheduler.strategy)
        rule = self.registry.kind("residency_rules", config.memory.rule)
        rule_settings = settings_of(rule, config.memory.settings, secrets)

        def make_rule(models: Mapping[str, Model]) -> ResidencyRule:
            made: ResidencyRule = rule(models, config.memory.budget, rule_settings)
            return made

        return Policy(
            strategy=strategy(settings_of(strategy, config.scheduler.settings, secrets)),
            fallback=Greedy(),
            make_rule=make_rule,
            queue_limit=config.scheduler.queue_limit,
            failure_limit=config.swap.failure_limit,
            failure_reset=config.swap.failure_reset,
        )

    def _kit(self) -> Kit:
        config, registry, secrets, specs = self.config, self.registry, self.secrets, self._specs

        def make(
            model: str,
            buffer: LogBuffer,
            progress: Callable[[float | None, str], None],
            coming_from: str,
        ) -> ServerLife:
            table = config.models[model]
            backend = registry.kind("backends", table.backend)
            launcher = registry.kind("launchers", table.launch)
            own_settings = config.backends.get(table.backend, {})
            return new_life(
                specs[model],
                launcher,
                backend,
                log=self._log_of(buffer),
                progress=progress,
                coming_from=coming_from,
                router_url=self._url,
                state_folder=self._state_folder,
                launcher_settings=settings_of(launcher, table.settings, secrets),
                backend_settings=settings_of(backend, own_settings, secrets),
                make_http=lambda url: ServerHttp(url, self._transport),
            )

        return Kit(
            specs=specs,
            make=make,
            poll_interval=config.swap.poll_interval,
            connect=lambda url: Upstream(url, self._transport),
        )

    def _log_of(self, buffer: LogBuffer) -> Callable[[str], None]:
        """Where a model server's output goes: its own log and the feed, without secrets."""

        def write(text: str) -> None:
            text = self.secrets.redact(text)
            buffer.write(text)
            self.feed.log("upstream", text)

        return write
