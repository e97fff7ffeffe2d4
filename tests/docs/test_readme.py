"""What the README shows is true: configuration, strategy and picture."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from jano_core import Strategy
from jano_core.config.load import load
from jano_core.plugin.registry import Registry
from jano_core.simulation.simulator import Run, simulate
from jano_core.simulation.trace import Call, Header, Trace, TraceModel
from jano_core.strategies.fifo import Fifo
from jano_core.strategies.greedy import Greedy

ROOT = Path(__file__).parents[2]


def blocks(language: str) -> list[str]:
    """The README's code blocks in one language."""
    return re.findall(rf"```{language}\n(.*?)```", (ROOT / "README.md").read_text(), re.S)


def burst(strategy: Strategy) -> Run:
    """The six requests of the picture: chat is loaded, a swap takes 20 s, an answer 5 s."""
    models = [
        TraceModel(name=name, mem=1, load_s=20, unload_s=0, tok_s=1) for name in ("chat", "code")
    ]
    header = Header(trace="burst", seed=1, mem=1, models=tuple(models))
    asked = [(0.0, "chat")]
    for number, name in enumerate(["chat", "code", "chat", "chat", "code", "code"]):
        asked.append((100 + number / 1000, name))
    calls = [Call(id=number, t=at, model=name, s=5) for number, (at, name) in enumerate(asked)]
    return simulate(Trace(header, tuple(calls)), strategy)


def seconds(run: Run) -> float:
    """From the burst to its last answer. Load times vary a little in every simulation."""
    return max(fate.ended or 0 for fate in run.fates) - 100


def test_the_configuration_is_valid(tmp_path: Path) -> None:
    (text,) = blocks("toml")
    path = tmp_path / "jano.toml"
    path.write_text(text)
    assert list(load(path, Registry.discover(), {}).config.models) == ["chat", "code"]


EXAMPLES = [  # those with a plugin of their own are gone through by the tests of their tutorials
    path
    for path in sorted((ROOT / "examples").glob("*/jano.toml"))
    if not (path.parent / "pyproject.toml").exists()
]


@pytest.mark.parametrize("example", EXAMPLES, ids=str)
def test_the_examples_are_valid(example: Path) -> None:
    env = dict.fromkeys(re.findall(r"\$\{env:(\w+)\}", example.read_text()), "given")
    assert load(example, Registry.discover(), env).config.models


def test_the_strategy_runs() -> None:
    (source,) = blocks("python")
    written: dict[str, Any] = {}
    exec(compile(source, "README.md", "exec"), written)
    (crowd,) = written["jano_strategies"]()
    run = burst(crowd())
    assert run.invalid_plans == []
    assert [model for _, model in run.loads] == ["chat", "code"]


def test_the_picture_adds_up() -> None:
    fifo, greedy = burst(Fifo()), burst(Greedy())
    assert [model for _, model in fifo.loads] == ["chat", "code", "chat", "code"]
    assert [model for _, model in greedy.loads] == ["chat", "code"]
    assert seconds(fifo) == pytest.approx(90, rel=0.08)
    assert seconds(greedy) == pytest.approx(50, rel=0.08)
    picture = (ROOT / "docs" / "burst.svg").read_text()
    for claim in ("3 swaps, 90 s", "1 swap, 50 s", "40 s saved"):
        assert claim in picture
