"""The import law: who may know whom. What it keeps apart can be read, tested and replaced alone."""

from __future__ import annotations

import re
import sys
import tomllib
from pathlib import Path

import pytest

from tests.law.sources import CORE, ROOT, imports, name, python_files

EVERYBODY = {"errors", "units", "clock", "version", "websocket_frames"}
"""Modules of plain words, numbers and bytes, free for all but the scheduler."""

MAY_IMPORT: dict[str, set[str]] = {
    "scheduler": set(),
    "strategies": {"scheduler"},
    "simulation": {"scheduler", "strategies"},
    "plugin": {"scheduler"},
    "dialects": {"plugin"},
    "config": {"plugin", "scheduler"},
    "telemetry": {"plugin", "scheduler"},
    "runtime": {"plugin", "config", "telemetry", "scheduler"},
    "launchers": {"plugin", "runtime"},
    "gateway": {"plugin", "config", "telemetry", "scheduler", "runtime"},
    "http1": set(),
}
"""Package → the packages of the core that it may import, besides its own."""

GATEWAY_SEES_OF_RUNTIME = {
    "aside",
    "dispatcher",
    "ticket",
    "snapshot",
    "upstream",
    "log_buffer",
    "websocket",
}
"""The dispatcher and the types that pass through its face."""

WIRES_ALL = {"plugin/builtin.py"}
"""Lists every built-in kind by name, as `app.py` builds every part."""

OWNERS: dict[str, tuple[str, ...]] = {
    "pluggy": ("plugin/",),
    "httpx": (
        "runtime/upstream.py",
        "runtime/through_httpx.py",
        "runtime/loopback_transport.py",
        "testing/",
    ),
    "httptools": ("runtime/loopback_answer.py", "http1/request.py"),
    "granian": ("granian_listener.py",),
    "uvloop": ("server.py",),
    "click": ("cli/",),
    "opentelemetry": ("telemetry/",),
    "yaml": ("config/importers/",),
    "asyncio": (
        "gateway/interruptible.py",
        "http1/",
        "runtime/loopback.py",
        "runtime/loopback_connection.py",
        "telemetry/logging.py",
        "testing/model_server/",
    ),
    "trio": ("testing/",),
    "pytest": ("testing/",),
}
"""Third-party packages (and asyncio, which would break virtual time) → who may import them."""

PURE_LIBRARIES = {"msgspec"}
IMPURE = {"asyncio", "time", "random", "secrets", "os", "socket", "subprocess", "threading", "io"}
IMPURE |= {"logging", "pathlib", "datetime", "signal", "select", "tempfile", "urllib", "http"}
"""Of the standard library: clocks, chance, input and output."""


def place(path: Path) -> str:
    return path.relative_to(CORE).as_posix()


def core_imports(path: Path) -> set[tuple[str, ...]]:
    """Imports of the core itself, as parts after `jano_core`."""
    return {
        tuple(module.split(".")[1:])
        for module in imports(path)
        if module.split(".")[0] == "jano_core"
    }


@pytest.mark.parametrize("path", python_files("jano_core"), ids=place)
def test_a_package_imports_only_what_lies_below_it(path: Path) -> None:
    package = place(path).split("/")[0]
    if package not in MAY_IMPORT or place(path) in WIRES_ALL:
        return
    allowed = MAY_IMPORT[package] | {package}
    allowed |= EVERYBODY if package not in ("scheduler", "strategies") else set()
    strange = {".".join(parts) for parts in core_imports(path) if parts and parts[0] not in allowed}
    assert not strange, f"{name(path)} imports {sorted(strange)}"


@pytest.mark.parametrize("path", python_files("jano_core/gateway"), ids=place)
def test_the_gateway_knows_of_the_runtime_only_the_dispatcher_s_face(path: Path) -> None:
    seen = {parts[1] for parts in core_imports(path) if parts[0] == "runtime" and len(parts) > 1}
    assert seen <= GATEWAY_SEES_OF_RUNTIME


@pytest.mark.parametrize("path", python_files("jano_core"), ids=place)
def test_a_library_is_imported_only_by_its_owner(path: Path) -> None:
    for module in imports(path):
        owners = OWNERS.get(module.split(".")[0])
        assert owners is None or place(path).startswith(owners), f"{name(path)} imports {module}"


@pytest.mark.parametrize(
    "path", python_files("jano_core/scheduler", "jano_core/strategies"), ids=place
)
def test_the_scheduler_is_pure(path: Path) -> None:
    for module in imports(path):
        top = module.split(".")[0]
        if top == "jano_core":
            continue
        assert top in sys.stdlib_module_names | PURE_LIBRARIES, f"{name(path)} imports {module}"
        assert top not in IMPURE, f"{name(path)} imports {module}"


@pytest.mark.parametrize(
    "path",
    [path for path in python_files("plugins") if "jano_" in name(path)],
    ids=lambda path: name(path),
)
def test_a_plugin_imports_only_the_core_and_what_it_declares(path: Path) -> None:
    plugin, own = (path.relative_to(ROOT).parts)[1:3]
    project = tomllib.loads((ROOT / "plugins" / plugin / "pyproject.toml").read_text())["project"]
    declared = {re.split(r"[^\w-]", each)[0] for each in project["dependencies"]}
    allowed = sys.stdlib_module_names | PURE_LIBRARIES | {"jano_core", own, "plugins"} | declared
    allowed |= {"anyio"}  # every contract is asynchronous
    for module in imports(path):
        assert module.split(".")[0] in allowed, f"{name(path)} imports {module}"


def test_every_package_has_a_law() -> None:
    """A new package must say where it stands; these are the shell, which may know everything."""
    packages = {path.name for path in CORE.iterdir() if (path / "__init__.py").exists()}
    assert packages == set(MAY_IMPORT) | {"cli", "testing"}
