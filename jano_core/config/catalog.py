"""Finds the model behind what a caller wrote: a name, an alias, a variant, a path."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from urllib.parse import unquote

import msgspec
from msgspec import Struct

from ..errors import Refused
from ..plugin.server import ServerSpec
from ..scheduler.types import Model
from .child_env import child_env
from .names import Claim, claims
from .schema import Config, ModelTable, ProfileTable, RequestFilter
from .secrets import Secrets, env_names
from .server_spec import needs, server_spec
from .text import mapped, strings

MOST_KNOWN = 1024
"""Spellings of names that are remembered."""


class Target(Struct, frozen=True):
    """The model that a request is for. `filters` are to be applied in order; `requested` is the
    name as the caller wrote it.
    """

    model: str
    table: ModelTable
    requested: str
    filters: tuple[RequestFilter, ...] = ()


class Catalog:
    """The models of one configuration; a reload makes a new one."""

    def __init__(self, config: Config, secrets: Secrets | None = None) -> None:
        self._config = config
        self._secrets = secrets or Secrets()
        self._claims: dict[str, Claim] = {}
        for claim in claims(config):
            self._claims.setdefault(claim.key, claim)
        self._pins: dict[str, str] = {}
        self._known: dict[str, Target] = {}
        """What callers wrote → what it means, where that is always the same."""
        self._active: str | None = None
        pins = (pin for profile in config.profiles.values() for pin in profile.pins)
        self._most_slashes = max((name.count("/") for name in (*self._claims, *pins)), default=0)
        """That a name has."""
        self._prefixes = sorted(
            ((prefix, model) for model, table in config.models.items() for prefix in table.paths),
            key=lambda pair: len(pair[0].rstrip("/")),
            reverse=True,
        )
        self._secret_names = {name for _, text in strings(config) for name in env_names(text)}

    @property
    def accepted(self) -> tuple[str, ...]:
        """Every name that finds a model, in order of declaration."""
        return tuple(claim.name for claim in self._claims.values())

    @property
    def profiles(self) -> dict[str, ProfileTable]:
        """The profiles that can be activated, by name."""
        return self._config.profiles

    @property
    def active(self) -> str | None:
        """The active profile."""
        return self._active

    def activate(self, profile: str | None) -> None:
        """Let the pins of `profile` come before all names; None ends that.

        Raises `Refused("not_found")` and changes nothing if there is no such profile.
        """
        if profile is not None and profile not in self.profiles:
            raise Refused("not_found", f'there is no profile "{profile}"')
        pins = self.profiles[profile].pins if profile is not None else {}
        self._active = profile
        self._pins = {name.casefold(): target for name, target in pins.items()}
        self._known.clear()

    def find(self, name: str) -> Target | None:
        """The model called `name`, whatever its case; None if there is none.

        A pin of the active profile decides alone, an empty one takes the name away.
        """
        if (known := self._known.get(name)) is not None:
            return known
        claim = self._claims.get(self._pins.get(name.casefold(), name).casefold())
        target = self._target(claim, name) if claim else None
        # What a filter sets may be a secret, which is looked up each time.
        if target is not None and not target.filters and len(self._known) < MOST_KNOWN:
            self._known[name] = target
        return target

    def by_path(self, path: str) -> tuple[Target, str] | None:
        """The model whose `paths` hold the longest prefix of `path`, and the path for its server.

        A prefix ends where a segment does: `/vision` holds `/vision/x` and not `/visionary`.
        """
        for prefix, model in self._prefixes:
            rest = _below(path, prefix)
            if rest is not None:
                target = self._target(self._claims[model.casefold()], model)
                return target, (rest or "/") if target.table.strip_prefix else path
        return None

    def by_upstream(self, path: str) -> tuple[Target, str] | None:
        """`{model}/{rest}` of `/upstream/…`: the longest name that is one, and `/{rest}`.

        The rest is empty where nothing, not even a slash, follows the name. Only the name is
        percent-decoded.
        """
        for name, rest in _splits(path, self._most_slashes):
            if (target := self.find(unquote(name))) is not None:
                return target, rest
        return None

    def spec(self, model: str, base_env: Mapping[str, str]) -> ServerSpec:
        """What launchers and backends get to know of `model`, secrets resolved.

        Called before each life of a server. `base_env` is Jano's own environment. Raises
        `SecretMissing`.
        """
        return server_spec(
            model,
            self._config,
            self._secrets.resolve,
            lambda own: child_env(base_env, own, self._secret_names),
        )

    def needs(self, model: str) -> Model:
        """What the scheduler must know of `model`."""
        return needs(model, self._config)

    def _target(self, claim: Claim, requested: str) -> Target:
        table = self._config.models[claim.model]
        written = [table.request]
        if claim.variant:
            written.append(table.variants[claim.variant])
        filters = tuple(self._resolved(each) for each in written if each)
        return Target(claim.model, table, requested, filters)

    def _resolved(self, written: RequestFilter) -> RequestFilter:
        return msgspec.structs.replace(
            written,
            set=mapped(written.set, self._secrets.resolve),
            default=mapped(written.default, self._secrets.resolve),
        )


def _below(path: str, prefix: str) -> str | None:
    """What follows `prefix` in `path`; None if it does not begin with it."""
    stem = prefix.rstrip("/")
    if path == stem or path.startswith(f"{stem}/"):
        return path[len(stem) :]
    return None


def _splits(path: str, most: int) -> Iterator[tuple[str, str]]:
    """Every way to cut `a/b/c` into a name with at `most` so many slashes and a rest that begins
    with one, longest first. A client's path may have tens of thousands of them.
    """
    end = -1
    for _ in range(most + 1):
        end = path.find("/", end + 1)
        if end < 0:
            end = len(path)
            break
    while end > 0:
        yield path[:end], path[end:]
        end = path.rfind("/", 0, end)
