"""What one configuration amounts to: every object that it names, made before anything is changed.

A reload makes a second blueprint. Whatever is wrong with it is found here, while the first is in
force.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

from msgspec import Struct
from msgspec.structs import replace

from .config.catalog import Catalog
from .config.load import Loaded
from .config.settings import settings_of
from .plugin.contracts import Authenticator, Contract, Dialect
from .plugin.registry import Registry
from .plugin.server import ServerSpec
from .runtime.crew import Kit
from .runtime.life import ServerLife, new_life
from .runtime.loan import by_nobody, by_the_system
from .runtime.log_buffer import LogBuffer
from .runtime.readiness import ServerHttp
from .runtime.upstream import Transport, Upstream
from .scheduler.policy import Policy
from .scheduler.residency import ResidencyRule
from .scheduler.types import Model
from .strategies.greedy import Greedy
from .telemetry.usage_reader import UsageReader

Kind = TypeVar("Kind", bound=Contract)


class Site(Struct, frozen=True, kw_only=True):
    """Where the house stands, whatever its configuration.

    `url` is where Jano answers, `state_folder` holds what outlives a kill (None: nothing does),
    `transport` carries all that goes to model servers instead of real connections, and `log_of`
    says where a server's output goes besides its own buffer.
    """

    url: str
    state_folder: Path | None
    transport: Transport | None
    log_of: Callable[[LogBuffer], Callable[[str], None]]


class Blueprint:
    """Everything built from one configuration. Raises `ConfigError` or `PluginError`."""

    def __init__(self, loaded: Loaded, registry: Registry, site: Site) -> None:
        self.config = loaded.config
        self.secrets = loaded.secrets
        self.catalog = Catalog(self.config, self.secrets)
        self.dialects: Sequence[Dialect] = [self._made(each) for each in registry.dialects]
        self.usage_reader = UsageReader([self._made(each) for each in registry.usage_normalizers])
        self._registry = registry
        self._site = site
        self._specs = {name: self._spec(name, loaded.env) for name in self.config.models}
        self.authenticator = self._authenticator()
        self.models: list[Model] = [self.catalog.needs(name) for name in self.config.models]
        self.policy = self._policy()
        self.kit = Kit(
            specs=self._specs,
            make=self._make_life,
            poll_interval=self.config.swap.poll_interval,
            connect=lambda url: Upstream(url, site.transport),
            prefetch=self.config.swap.prefetch,
            weigh=by_the_system if site.transport is None else by_nobody,
            redact=self.secrets.redact,
        )

    def _spec(self, model: str, env: Mapping[str, str]) -> ServerSpec:
        """The model's spec, with the name that its backend wants to be asked for."""
        spec = self.catalog.spec(model, env)
        backend = self._registry.kind("backends", self.config.models[model].backend)
        return replace(spec, upstream_model=backend.model_name(spec))

    def _made(self, kind: type[Kind]) -> Kind:
        """With what `[plugins.NAME]` says, where it declares settings."""
        if kind.Settings is None:
            return kind()
        settings = settings_of(kind, self.config.plugins.get(kind.name, {}), self.secrets)
        make: Callable[[Struct | None], Kind] = kind
        return make(settings)

    def _authenticator(self) -> Authenticator:
        table = self.config.auth
        kind = self._registry.kind("authenticators", table.authenticator)
        made: Authenticator = kind(settings_of(kind, table.settings, self.secrets))
        return made

    def _policy(self) -> Policy:
        config, secrets = self.config, self.secrets
        strategy = self._registry.kind("strategies", config.scheduler.strategy)
        rule = self._registry.kind("residency_rules", config.memory.rule)
        rule_settings = settings_of(rule, config.memory.settings, secrets)

        def make_rule(models: Mapping[str, Model]) -> ResidencyRule:
            made: ResidencyRule = rule(models, config.memory.budget, rule_settings)
            return made

        return Policy(
            strategy=strategy(settings_of(strategy, config.scheduler.settings, secrets)),
            fallback=Greedy(),
            make_rule=make_rule,
            queue_limit=config.scheduler.queue_limit,
            max_wait=config.scheduler.max_wait,
            failure_limit=config.swap.failure_limit,
            failure_reset=config.swap.failure_reset,
        )

    def _make_life(
        self,
        model: str,
        buffer: LogBuffer,
        progress: Callable[[float | None, str], None],
        coming_from: str,
    ) -> ServerLife:
        site, secrets, table = self._site, self.secrets, self.config.models[model]
        launcher = self._registry.kind("launchers", table.launch)
        backend = self._registry.kind("backends", table.backend)
        of_backend = self.config.backends.get(table.backend, {})
        return new_life(
            self._specs[model],
            launcher,
            backend,
            log=site.log_of(buffer),
            progress=progress,
            coming_from=coming_from,
            router_url=site.url,
            state_folder=site.state_folder,
            launcher_settings=settings_of(launcher, table.settings, secrets),
            backend_settings=settings_of(backend, of_backend, secrets),
            make_http=lambda url: ServerHttp(url, site.transport),
        )
