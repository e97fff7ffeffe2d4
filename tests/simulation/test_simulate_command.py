from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from jano_core.cli import simulate
from jano_core.simulation.trace import write
from jano_core.simulation.workloads import WORKLOADS, make


def run(*args: object) -> Result:
    return CliRunner().invoke(simulate.command, [str(arg) for arg in args])


@pytest.fixture
def trace_file(tmp_path: Path) -> Path:
    path = tmp_path / "recorded.jsonl"
    write(make("two-small-one-large", 3), path)
    return path


def test_every_trace_meets_every_strategy(trace_file: Path) -> None:
    result = run("--trace", trace_file, "rotation:2", "--strategy", "greedy", "fifo", "--json")
    found = [(each["trace"], each["strategy"]) for each in json.loads(result.stdout)]
    pairs = [("two-small-one-large", name) for name in ("greedy", "fifo")]
    assert found == [*pairs, ("rotation:2", "greedy"), ("rotation:2", "fifo")]


def test_options_may_be_repeated_as_well(trace_file: Path) -> None:
    once = run("--trace", trace_file, "rotation", "--strategy", "greedy", "--json")
    twice = run("--trace", trace_file, "--trace", "rotation", "--strategy=greedy", "--json")
    assert json.loads(once.stdout) == json.loads(twice.stdout)


def test_the_same_command_prints_the_same_bytes(trace_file: Path) -> None:
    words = ("--trace", trace_file, "--strategy", "headstart", "--json")
    assert run(*words).stdout_bytes == run(*words).stdout_bytes


def test_settings_follow_the_name_of_a_strategy() -> None:
    words = ("headstart", "headstart:alpha=9,tier_shift=[0,0,0]")
    result = run("--trace", "rare", "--strategy", *words, "--json")
    first, second = json.loads(result.stdout)
    assert second["strategy"] == words[1]
    assert second["max_wait_s"] > first["max_wait_s"]


def test_more_memory_means_fewer_swaps(trace_file: Path) -> None:
    words = ("--trace", trace_file, "--strategy", "headstart", "--json")
    small, large = (run(*words, "--memory", size).stdout for size in ("64GiB", "128GiB"))
    assert json.loads(large)[0]["swaps"] == 3 < json.loads(small)[0]["swaps"]


def test_the_table_and_the_picture(trace_file: Path, tmp_path: Path) -> None:
    result = run("--trace", trace_file, "--picture", tmp_path / "picture.svg")
    assert [line.split()[1] for line in result.stdout.splitlines()] == [
        "strategy", "headstart", "greedy"
    ]  # fmt: skip
    assert (tmp_path / "picture.svg").read_text().startswith("<svg")


class Recorded:
    """A running router that was asked for what the file holds."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def text(self, path: str) -> str:
        assert path == "/api/trace"
        return self.path.read_text()


def test_what_a_running_router_recorded_is_played_again(
    trace_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(simulate, "find", lambda url: Recorded(trace_file))
    recorded = run("--from-running", "--strategy", "greedy", "--json")
    assert recorded.stdout == run("--trace", trace_file, "--strategy", "greedy", "--json").stdout


def test_the_workloads_are_listed() -> None:
    assert [line.split()[0] for line in run("--list").stdout.splitlines()] == list(WORKLOADS)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--trace", "none.jsonl"), "none.jsonl: No such file"),
        (("--trace", "rare:x"), "the seed of a workload is a whole number"),
        (("--trace", "rare", "--strategy", "wise"), "unknown strategy 'wise'; installed: fifo"),
        (("--trace", "rare", "--strategy", "headstart:beta=1"), "unknown field `beta`"),
        (("--trace", "rare", "--strategy", "headstart:beta"), "'beta' is not key=value"),
        (("--trace", "rare", "--strategy", "fifo:alpha=1"), "'fifo' has no settings"),
        (("--trace", "rare", "--memory", "8GiB"), "hot can never be loaded"),
        (("--trace", "rare", "--memory", "much"), "'much' is not a size"),
        (("--trace", "rare", "--memory", "10"), "write 22GiB or 800MB"),
        ((), "name a trace: --trace FILE, or --from-running"),
    ],
)
def test_wrong_usage_is_explained(words: tuple[str, ...], message: str) -> None:
    result = run(*words)
    assert result.exit_code == 2
    assert message in result.stderr
