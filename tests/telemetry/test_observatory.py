"""The listeners together: what is switched off costs nothing, what is kept comes back."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from jano_core.clock import Clock
from jano_core.errors import ConfigError
from jano_core.telemetry.facts import Fact, Facts, Listener, RequestEnded
from jano_core.telemetry.observatory import Observatory

from .figures import Model, Picture, ended, queued, swap
from .test_feed import Source

OFF = """
import sys, anyio
from jano_core.app import Jano
from jano_core.config.load import load
from jano_core.plugin.registry import Registry
from pathlib import Path

async def main():
    registry = Registry.discover(points=[])
    async with Jano.open(load(Path(sys.argv[1]), registry, {}), registry):
        pass

anyio.run(main)
print([name for name in sys.modules if name.split(".")[0] in ("opentelemetry", "grpc")])
"""


async def observatory(folder: Path | None, *, otlp: bool = False) -> Observatory:
    return Observatory(
        Clock(),
        Source(),
        lambda model: "openai",
        version="1",
        usage_records=3,
        capture=0,
        otlp=otlp,
        history=folder,
    )


def test_without_an_exporter_nothing_of_the_sdk_is_imported(tmp_path: Path):
    config = tmp_path / "jano.toml"
    config.write_text('[models.chat]\nurl = "http://127.0.0.1:9"\n')
    run = subprocess.run(
        [sys.executable, "-c", OFF, config], capture_output=True, text=True, check=True
    )
    assert run.stdout == "[]\n"


@pytest.mark.anyio
async def test_a_restart_shows_what_was(tmp_path: Path):
    first = await observatory(tmp_path)
    now = Clock().wall()
    first.facts.emit(swap("chat", "code", 2.0, at=now))
    for number in range(5):
        first.facts.emit(ended("code", id=str(number), at=now, client="a", swap_ms=10.0))
    for _ in range(5):
        first.facts.emit(ended("embed", at=now, resident=True))
    await first.close()

    second = await observatory(tmp_path)
    assert [row["id"] for row in second.ledger.usage()["records"]] == ["4", "3", "2"]
    assert second.activity.stats()["total_requests"] == 10
    status = second.ledger.status(Picture({"code": Model()}))
    assert (status["swapsLastHour"], status["lastSwapDurationMs"]) == (1, 2000)
    assert status["swapCostToday"]["swaps"] == 1
    assert status["swapCostToday"]["byClient"][0]["requests"] == 5
    assert status["requestsServedTotal"] == 0, "counts since this start"
    assert status["backendHealth"] == {"code": "unknown"}, "what was says nothing of now"
    await second.close()


@pytest.mark.anyio
async def test_sizes_follow_the_configuration():
    house = await observatory(None)
    for number in range(5):
        house.facts.emit(ended("chat", id=str(number)))
    house.reconfigure(usage_records=2, capture=5)
    assert [row["id"] for row in house.ledger.usage()["records"]] == ["4", "3"]
    house.reconfigure(usage_records=4, capture=5)
    house.facts.emit(ended("chat", id="5"))
    assert [row["id"] for row in house.ledger.usage()["records"]] == ["5", "4", "3"]
    assert house.captures.budget == 5
    await house.close()


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("variable", "value", "says"),
    [
        ("OTEL_TRACES_EXPORTER", "zipkin", "'zipkin' is not installed"),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/json", "http/protobuf or grpc, not 'http/json'"),
    ],
)
async def test_an_exporter_that_cannot_be(
    variable: str, value: str, says: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv(variable, value)
    with pytest.raises(ConfigError, match=says):
        await observatory(None, otlp=True)


def test_a_guest_that_raises_is_named_once_and_hears_no_more(caplog: pytest.LogCaptureFixture):
    facts, heard = Facts(), []

    def listener(name: str) -> Callable[[Fact], None]:
        def listen(fact: Fact) -> None:
            heard.append(name)
            if name == "guest":
                raise ValueError("a plugin's mistake")

        return listen

    facts.subscribe_guest(listener("guest"), "the plugin jano-guest")
    facts.subscribe(listener("own"))
    facts.emit(ended("chat"))
    facts.emit(ended("chat"))
    assert heard == ["guest", "own", "own"]
    assert [record.getMessage() for record in caplog.records] == [
        "the plugin jano-guest raised and is told nothing any more"
    ]


class Ends(Listener):
    def __init__(self, heard: list[str]) -> None:
        self.hears = {RequestEnded: lambda fact: heard.append(f"end of {fact.id}")}


def test_a_listener_hears_what_it_named_in_its_turn_until_it_is_removed():
    facts, heard = Facts(), []
    facts.subscribe(lambda fact: heard.append(type(fact).__name__))
    facts.emit(ended("chat", id="1"))
    remove = facts.subscribe(Ends(heard))
    facts.emit(queued("2", "chat"))
    facts.emit(ended("chat", id="2"))
    remove()
    facts.emit(ended("chat", id="3"))
    told = ["RequestEnded", "RequestQueued", "RequestEnded", "end of 2", "RequestEnded"]
    assert heard == told
