"""One broken plugin is named and kept apart; the others work."""

from __future__ import annotations

import logging
from collections.abc import Callable
from types import ModuleType

import msgspec
import pytest

from jano_core.errors import PluginError
from jano_core.plugin.entry_point import EntryPoint
from jano_core.plugin.hookspecs import hookimpl
from jano_core.plugin.openai_backend import OpenAIBackend
from jano_core.plugin.registry import PluginInfo, Registry
from jano_core.scheduler.strategy import Strategy
from jano_core.scheduler.types import Plan


class Patient(Strategy):
    name = "patient"

    def decide(self, view: object) -> Plan:
        return Plan()


def module(**hooks: Callable[[], object]) -> ModuleType:
    made = ModuleType("stranger")
    for name, answer in hooks.items():

        def function(answer: Callable[[], object] = answer) -> object:
            return answer()

        # pluggy reads argument names, and a default makes them invisible to it.
        function.__name__ = name
        setattr(made, name, hookimpl(function))
    return made


def info(name: str = "jano-stranger", version: str = "1.2") -> PluginInfo:
    return PluginInfo(name=name, version=version, source="stranger = stranger")


def add(plugin: object, registry: Registry | None = None) -> PluginInfo:
    made = info()
    (registry or Registry()).add(made, lambda: plugin)
    return made


def test_a_good_plugin_is_found_by_kind_and_name() -> None:
    registry = Registry()
    made = add(module(jano_strategies=lambda: [Patient]), registry)
    assert registry.kind("strategies", "patient") is Patient
    assert registry.strategies == {"patient": Patient}
    assert made.provides == {"strategies": ["patient"]}
    assert made.error == ""


def test_an_import_error_is_kept_and_named_where_its_kind_is_asked_for() -> None:
    registry = Registry()
    registry.add(PluginInfo(name="jano-core", version="1", source=""), lambda: builtin())

    def broken() -> object:
        raise ImportError("no module named 'torch'")

    registry.add(info(), broken)
    assert registry.plugins[1].error == "ImportError: no module named 'torch'"
    with pytest.raises(PluginError) as caught:
        registry.kind("strategies", "X")
    assert str(caught.value) == (
        'unknown strategy "X"; installed: patient; '
        "plugin jano-stranger 1.2 is broken: ImportError: no module named 'torch'"
    )


def builtin() -> ModuleType:
    return module(jano_strategies=lambda: [Patient])


def test_a_plugin_that_exits_does_not_end_the_router() -> None:
    def leave() -> object:
        raise SystemExit(3)

    made = info()
    Registry().add(made, leave)
    assert made.error == "SystemExit: 3"


class Abstract(Strategy):
    name = "abstract"


class Nameless(OpenAIBackend):
    name = ""


class Loose(Patient):
    Settings = dict  # type: ignore[assignment]


def raising() -> object:
    raise RuntimeError("boom")


@pytest.mark.parametrize(
    ("plugin", "error"),
    [
        (
            module(jano_strategys=lambda: [Patient]),
            "unknown hook jano_strategys; did you mean jano_strategies?",
        ),
        (module(jano_zzz=list), "unknown hook jano_zzz"),
        (
            module(jano_strategies=lambda: 3),
            "jano_strategies must return a list of classes, not 3",
        ),
        (
            module(jano_strategies=lambda: [OpenAIBackend]),
            "jano_strategies returned <class 'jano_core.plugin.openai_backend.OpenAIBackend'>, "
            "which is no subclass of Strategy",
        ),
        (
            module(jano_strategies=lambda: [Abstract]),
            "Abstract is not a strategy: it lacks decide",
        ),
        (
            module(jano_backends=lambda: [Nameless]),
            "Nameless has no name to be called by in a configuration",
        ),
        (
            module(jano_strategies=lambda: [Loose]),
            "Loose.Settings must be a msgspec Struct",
        ),
        (
            module(jano_strategies=lambda: [Patient, Patient]),
            'strategy "patient" is provided twice',
        ),
        (module(jano_strategies=raising), "RuntimeError: boom"),
        (ModuleType("empty"), "it provides nothing: no function is marked with @hookimpl"),
    ],
)
def test_what_a_plugin_does_wrong_is_said(plugin: object, error: str) -> None:
    registry = Registry()
    made = add(plugin, registry)
    assert made.error == error
    assert made.provides == {}
    assert registry.strategies == registry.backends == {}


def test_a_broken_plugin_leaves_no_hook_behind() -> None:
    registry = Registry()
    add(module(jano_strategies=raising), registry)
    assert add(module(jano_strategies=lambda: [Patient]), registry).error == ""


def test_two_plugins_with_one_name_the_second_is_named_and_the_first_wins() -> None:
    class Rival(Patient):
        pass

    registry = Registry()
    registry.add(info("jano-first", "1.0"), builtin)
    second = info("jano-second", "2.0")
    registry.add(second, lambda: module(jano_strategies=lambda: [Rival]))
    assert second.error == 'strategy "patient" is already provided by jano-first 1.0'
    assert registry.kind("strategies", "patient") is Patient


def test_settings_are_allowed_to_be_a_struct() -> None:
    class Keen(Patient):
        name = "keen"

        class Settings(msgspec.Struct):
            alpha: float = 4.0

    assert add(module(jano_strategies=lambda: [Keen])).error == ""


def test_tracing_tells_each_hook_call() -> None:
    lines: list[str] = []
    Registry(trace=lines.append).add(info(), builtin)
    assert any("jano_strategies" in line for line in lines)


def test_discovery_takes_the_built_ins_and_survives_a_broken_entry_point(
    caplog: pytest.LogCaptureFixture,
) -> None:
    gone = EntryPoint(
        name="gone", value="jano_gone_entirely", distribution="jano-gone", version="0.3"
    )
    with caplog.at_level(logging.WARNING, logger="jano.plugins"):
        registry = Registry.discover(points=[gone])
    assert registry.plugins[0].name == "jano-core"
    assert {"greedy", "fifo"} <= set(registry.strategies)
    assert {"process", "script", "attach"} <= set(registry.launchers)
    assert set(registry.backends) == {"openai"}
    assert set(registry.residency_rules) == {"budget", "groups", "matrix"}
    assert set(registry.authenticators) == {"none", "keys"}
    assert [each.name for each in registry.dialects] == ["openai", "anthropic"]
    assert registry.plugins[1].error == (
        "ModuleNotFoundError: No module named 'jano_gone_entirely'"
    )
    assert "jano-gone 0.3 is broken" in caplog.text
