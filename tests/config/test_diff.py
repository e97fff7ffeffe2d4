"""What a reload does to the servers that run."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from jano_core.config.diff import diff
from jano_core.config.schema import Config, ModelTable, RequestFilter, SwapTable
from jano_core.units import Duration

OLD = Config(
    models={
        "stays": ModelTable(launch="process", cmd="a ${PORT}"),
        "swapped": ModelTable(launch="script", url="http://h:1"),
        "goes": ModelTable(launch="attach", url="http://h:2"),
    },
    swap=SwapTable(command="/old.sh"),
)


def changed(**keys: Any) -> tuple[str, ...]:
    models = {**OLD.models, "stays": msgspec.structs.replace(OLD.models["stays"], **keys)}
    return diff(OLD, msgspec.structs.replace(OLD, models=models)).changed


def test_added_and_removed() -> None:
    models = {"stays": OLD.models["stays"], "swapped": OLD.models["swapped"], "new": ModelTable()}
    found = diff(OLD, msgspec.structs.replace(OLD, models=models))
    assert (found.added, found.changed, found.removed) == (("new",), (), ("goes",))


@pytest.mark.parametrize(
    "keys",
    [
        {"cmd": "b ${PORT}"},
        {"env": {"A": "1"}},
        {"cwd": "/tmp"},
        {"url": "http://h:3"},
        {"backend": "llamacpp"},
        {"launch": "attach"},
        {"upstream_model": "x"},
        {"save_kv": True},
        {"parallel": 4},
        {"settings": {"image": "newer"}},
        {"resident": True},
    ],
)
def test_what_needs_a_new_server(keys: dict[str, Any]) -> None:
    assert changed(**keys) == ("stays",)


@pytest.mark.parametrize(
    "keys",
    [
        {"aliases": ["x"]},
        {"ttl": Duration(5)},
        {"pinned": True},
        {"request": RequestFilter(remove=["x"])},
        {"priority": "high"},
        {"stop_timeout": Duration(1)},
    ],
)
def test_what_does_not(keys: dict[str, Any]) -> None:
    assert changed(**keys) == ()


def test_another_script_changes_what_it_swaps() -> None:
    new = msgspec.structs.replace(OLD, swap=SwapTable(command="/new.sh"))
    assert diff(OLD, new).changed == ("swapped",)


def test_a_backends_settings_change_its_models() -> None:
    new = msgspec.structs.replace(OLD, backends={"openai": {"x": 1}})
    assert diff(OLD, new).changed == ("stays", "swapped", "goes")
