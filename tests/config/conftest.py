"""Configurations on disk and what loading them says."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from jano_core.config.load import Loaded, load
from jano_core.errors import ConfigError
from jano_core.plugin.registry import Registry


@pytest.fixture(scope="session")
def registry() -> Registry:
    """The built-ins alone, whatever plugins this machine has."""
    return Registry.discover(points=[])


@pytest.fixture
def loading(tmp_path: Path, registry: Registry) -> Callable[..., Loaded]:
    """Write `jano.toml` and load it."""

    def run(text: str, env: Mapping[str, str] = {}, **address: object) -> Loaded:
        file = tmp_path / "jano.toml"
        file.write_text(text)
        return load(file, registry, env, **address)  # type: ignore[arg-type]

    return run


@pytest.fixture
def wrong(tmp_path: Path, loading: Callable[..., Loaded]) -> Callable[..., list[str]]:
    """Every problem that loading a text finds, with the folder left out of it."""

    def run(text: str, env: Mapping[str, str] = {}, **address: object) -> list[str]:
        with pytest.raises(ConfigError) as caught:
            loading(text, env, **address)
        return [str(problem).replace(f"{tmp_path}/", "") for problem in caught.value.problems]

    return run
