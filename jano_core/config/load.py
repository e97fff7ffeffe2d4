"""From files and environment to a valid `Config`, or to the list of everything wrong with it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from msgspec import Struct

from ..errors import ConfigError, ConfigProblem
from ..plugin.registry import Registry
from . import find, macros
from .check import check, check_exposure, idle_tables
from .decode import decode
from .importers import ENDINGS, convert, from_environment
from .importers.report import Imported
from .launch import completed
from .names import check_names
from .schema import Config
from .secrets import Secrets
from .sources import Problems, Source, merge


class Loaded(Struct, frozen=True, kw_only=True):
    """A configuration that can be used.

    `files` are what it was read from, the main file first; none where it came from the
    environment. `warnings` are worth a line in the log. `env` is the environment that models'
    servers inherit from: Jano's own, with `./.env` where that was read.
    """

    config: Config
    files: tuple[Path, ...]
    secrets: Secrets
    warnings: tuple[str, ...]
    env: Mapping[str, str]


class _Origin(Struct):
    """Where a configuration comes from, before anything in it was looked at."""

    sources: list[Source]
    env: Mapping[str, str]
    files: tuple[Path, ...] = ()
    warnings: tuple[str, ...] = ()
    lenient: bool = False
    """Made from the original's environment: what it accepted is at most a warning."""


def load(
    path: Path | None,
    registry: Registry,
    env: Mapping[str, str] = os.environ,
    *,
    host: str | None = None,
    port: int | None = None,
) -> Loaded:
    """Read the configuration at `path`, or where it is found (contract, section 4).

    `host` and `port` are the command line's and win. Called at start, on reload and by
    `jano check`. Raises `ConfigError` with all problems; never changes anything.
    """
    origin = _origin(path, env)
    problems = Problems(origin.sources)
    data = macros.expand(merge(origin.sources, problems), problems)
    _override(data, host, port)
    config: Config = completed(decode(Config, data, (), problems), registry.backends)
    secrets = Secrets(origin.env)
    warnings = list(origin.warnings)
    names = Problems(origin.sources) if origin.lenient else problems
    check_names(config, names)
    check(config, registry, secrets, problems)
    written = any(source.holds(("auth", "authenticator")) for source in origin.sources)
    check_exposure(config, written or origin.lenient, problems)
    problems.throw()
    if origin.lenient:
        warnings += [f"{problem}; the first one wins" for problem in names.found]
    warnings += idle_tables(config, registry)
    if not config.models:
        warnings.append("there are no models; add [models.NAME] with cmd or url")
    return Loaded(
        config=config,
        files=origin.files,
        secrets=secrets,
        warnings=tuple(warnings),
        env=origin.env,
    )


def _origin(path: Path | None, env: Mapping[str, str]) -> _Origin:
    main = find.find(path, env)
    if main is not None:
        return _from_files(main, env)
    made = from_environment(env, Path.cwd())
    if made is not None:
        imported, whole = made
        source = Source("", imported.config)
        return _Origin([source], whole, warnings=_warnings(imported), lenient=True)
    places = ", ".join(map(str, find.candidates(env)))
    raise ConfigError(
        [ConfigProblem(f"no configuration found; looked at {places}; `jano init` writes one")]
    )


def _from_files(main: Path, env: Mapping[str, str]) -> _Origin:
    warnings: tuple[str, ...] = ()
    if program := ENDINGS.get(main.suffix.lower()):
        imported = convert(program, find.read_text(main), main)
        sources, warnings = [Source(str(main), imported.config)], _warnings(imported)
    else:
        sources = [_read(main)]
    files = (main, *find.drop_ins(main))
    sources += [_read(file) for file in files[1:]]
    return _Origin(sources, env, files, warnings)


def _read(file: Path) -> Source:
    return Source.toml(file, find.read_text(file))


def _warnings(imported: Imported) -> tuple[str, ...]:
    return tuple(note.text for note in imported.notes if note.kind != "secret")


def _override(data: dict[str, Any], host: str | None, port: int | None) -> None:
    """Put the command line's address over the files', unless the table there is nonsense."""
    server = data.setdefault("server", {})
    if isinstance(server, dict):
        server.update({} if host is None else {"host": host})
        server.update({} if port is None else {"port": port})
