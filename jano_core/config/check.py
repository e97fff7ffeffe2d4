"""What the schema alone cannot see: names, kinds, launchers, memory, paths, secrets, exposure."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

from ..errors import PluginError
from ..plugin.registry import Registry
from .schema import Config, ModelTable
from .secrets import REFERENCE, SecretMissing, Secrets
from .server_spec import needs, server_spec
from .settings import read_resolved, read_settings
from .sources import Path, Problems
from .text import strings

RESOLVED = frozenset({"models", "swap", "scheduler", "memory", "auth", "backends", "plugins"})
"""The tables in which references to secrets are resolved."""


def check(config: Config, registry: Registry, secrets: Secrets, problems: Problems) -> None:
    """Find everything wrong with a decoded and completed configuration.

    What the decoding found wrong already is not looked at again: errors that follow from others
    help nobody.
    """
    _check_kinds(config, registry, secrets, problems)
    for name, table in config.models.items():
        if not problems.touch(("models", name)):
            _check_model(name, table, config, registry, secrets, problems)
    _check_paths(config, problems)
    _check_memory(config, registry, problems)
    _check_profiles(config, problems)
    _check_secrets(config, secrets, problems)


def check_exposure(config: Config, written: bool, problems: Problems) -> None:
    """Without keys only this box is served, unless that everybody is welcome is `written` out."""
    if written or config.auth.authenticator != "none" or _is_loopback(config.server.host):
        return
    problems.add(
        ("server", "host"),
        f'"{config.server.host}" can be reached from other machines and there are no keys; '
        'configure [auth], or write authenticator = "none" there to serve everybody',
    )


def idle_tables(config: Config, registry: Registry) -> list[str]:
    """What is said of `[plugins.X]` that nobody reads."""
    readers = {each.name for each in registry.unnamed if each.Settings is not None}
    return [
        f"[plugins.{name}]: nothing that is installed reads it"
        for name in config.plugins
        if name not in readers
    ]


def _check_kinds(config: Config, registry: Registry, secrets: Secrets, problems: Problems) -> None:
    scheduler, memory, auth = config.scheduler, config.memory, config.auth
    for kind, table, key, name, raw in (
        ("strategies", "scheduler", "strategy", scheduler.strategy, scheduler.settings),
        ("residency_rules", "memory", "rule", memory.rule, memory.settings),
        ("authenticators", "auth", "authenticator", auth.authenticator, auth.settings),
    ):
        found = _kind(registry, kind, name, (table, key), problems)
        if found is not None:
            _check_settings(found, raw, (table, "settings"), secrets, problems)
    for name, raw in config.backends.items():
        found = _kind(registry, "backends", name, ("backends", name), problems)
        if found is not None:
            _check_settings(found, raw, ("backends", name), secrets, problems)
    for each in registry.unnamed:
        if each.Settings is not None:
            raw = config.plugins.get(each.name, {})
            _check_settings(each, raw, ("plugins", each.name), secrets, problems)


def _check_settings(
    owner: type[Any], raw: Mapping[str, Any], path: Path, secrets: Secrets, problems: Problems
) -> None:
    read_settings(owner, raw, path, problems)
    if not problems.touch(path):
        with suppress(SecretMissing):  # which is found with all others
            read_resolved(owner, raw, path, secrets, problems)


def _kind(
    registry: Registry, kind: str, name: str, path: Path, problems: Problems
) -> type[Any] | None:
    try:
        return registry.kind(kind, name)
    except PluginError as error:
        problems.add(path, str(error))
        return None


def _check_model(
    name: str,
    table: ModelTable,
    config: Config,
    registry: Registry,
    secrets: Secrets,
    problems: Problems,
) -> None:
    path = ("models", name)
    _kind(registry, "backends", table.backend, (*path, "backend"), problems)
    if not table.launch:
        problems.add(path, _NO_LAUNCH, table=True)
        return
    if table.url and (wrong := _wrong_url(table.url)):
        problems.add((*path, "url"), wrong)
    launcher = _kind(registry, "launchers", table.launch, (*path, "launch"), problems)
    if launcher is None:
        return
    _check_settings(launcher, table.settings, (*path, "settings"), secrets, problems)
    try:
        spec = server_spec(name, config, lambda text: text)
    except ValueError as error:
        problems.add((*path, "cmd"), f"it cannot be split into words: {error}")
        return
    for wrong in launcher.check(spec):
        problems.add(path, wrong, table=True)
    says_port = any("${PORT}" in word for word in spec.cmd)
    if table.launch == "process" and spec.cmd and not (table.url or says_port):
        problems.add((*path, "cmd"), _NO_PORT)


_NO_LAUNCH = (
    "nothing says how its server is run; give it cmd (Jano starts it) or url (it is up already), "
    "with command in [swap] if a script swaps models"
)

_NO_PORT = "it has no ${PORT} and there is no url, so Jano cannot know where the server answers"


def _wrong_url(url: str) -> str:
    if REFERENCE.search(url):
        return ""
    try:
        parts = urlsplit(url.replace("${PORT}", "1"))
        good = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:  # brackets that do not match, a port that is none
        good = False
    return "" if good else f'"{url}" is no http:// or https:// address'


def _check_paths(config: Config, problems: Problems) -> None:
    owners: dict[str, str] = {}
    for name, table in config.models.items():
        for prefix in table.paths:
            path = ("models", name, "paths")
            if not prefix.startswith("/"):
                problems.add(path, f'"{prefix}" must begin with a slash')
            elif (owner := owners.setdefault(prefix.rstrip("/"), name)) != name:
                problems.add(path, f'"{prefix}" leads to model "{owner}" already')


def _check_memory(config: Config, registry: Registry, problems: Problems) -> None:
    rule = registry.residency_rules.get(config.memory.rule)
    if rule is None or problems.touch(("memory",)):
        return
    settings = read_settings(rule, config.memory.settings, ("memory", "settings"), problems)
    models = {name: needs(name, config) for name in config.models}
    swapped = {name: model for name, model in models.items() if not model.resident}
    for name, why in rule(swapped, config.memory.budget, settings).problems():
        if name in models:
            problems.add(("models", name), f"it can never be loaded: {why}", table=True)
        else:
            problems.add(("memory", "settings"), f'"{name}": {why}', table=True)


def _check_profiles(config: Config, problems: Problems) -> None:
    known: Mapping[str, None] = dict.fromkeys(
        name.casefold()
        for model, table in config.models.items()
        for name in (model, *table.aliases, *table.variants)
    )
    for profile, table in config.profiles.items():
        for pin, target in table.pins.items():
            if target and target.casefold() not in known:
                problems.add(
                    ("profiles", profile, "pins", pin), f'there is no model called "{target}"'
                )


def _check_secrets(config: Config, secrets: Secrets, problems: Problems) -> None:
    for path, text in strings(config):
        if not REFERENCE.search(text) or path[0] == "macros":
            continue  # a macro counts where it is used
        if path[0] not in RESOLVED:
            problems.add(path, "references to secrets are not resolved in this table")
            continue
        for missing in secrets.missing(text):
            problems.add(path, missing)


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
