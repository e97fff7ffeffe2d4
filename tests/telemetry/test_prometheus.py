"""A real Prometheus reads /metrics under load. `JANO_SCRAPE_SECONDS=60` makes it watch longer."""

from __future__ import annotations

import json
import os
import subprocess
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import anyio
import pytest

from jano_core.runtime.ports import free_port
from jano_core.testing.running import RunningJano, running_jano
from tests.components import require_command
from tests.simulated import model_table
from tests.wire_client import ask, chat

pytestmark = [pytest.mark.wire, pytest.mark.real, pytest.mark.anyio]

SECONDS = float(os.environ.get("JANO_SCRAPE_SECONDS", "12"))
WARM_UP = 6.0
"""Seconds until Prometheus has started and looks at its list of targets for the first time."""
GROWING = '{__name__=~"jano_.+_(total|count|sum|bucket)"}'
SETTINGS = """
global: {{ scrape_interval: 500ms, scrape_timeout: 400ms }}
scrape_configs:
  - job_name: jano
    static_configs: [{{ targets: ["{target}"] }}]
"""


class Prometheus:
    """One that runs; `ask` takes a query and gives labels and value of each result."""

    def __init__(self, url: str) -> None:
        self._url = url

    def ask(self, query: str) -> list[tuple[dict[str, str], float]]:
        address = f"{self._url}/api/v1/query?{urllib.parse.urlencode({'query': query})}"
        with urllib.request.urlopen(address, timeout=5) as answer:
            found: list[Any] = json.load(answer)["data"]["result"]
        return [(row["metric"], float(row["value"][1])) for row in found]


@contextmanager
def prometheus(target: str, folder: Path) -> Iterator[Prometheus]:
    program = require_command("prometheus", "install Debian's package prometheus")
    settings, port = folder / "prometheus.yml", free_port()
    settings.write_text(SETTINGS.format(target=target.removeprefix("http://")))
    command = [program, f"--config.file={settings}", f"--storage.tsdb.path={folder / 'data'}"]
    command += [f"--web.listen-address=127.0.0.1:{port}", "--log.level=error"]
    with (folder / "prometheus.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        yield Prometheus(f"http://127.0.0.1:{port}")
    finally:
        process.terminate()
        process.wait(10)


async def settled(jano: RunningJano) -> dict[str, Any]:
    """`/status` once nobody runs or waits: a client that left may have left with its last byte."""
    with anyio.fail_after(10):
        while (status := jano.get("/status"))["inFlight"] or status["queueDepth"]:  # noqa: ASYNC110
            await anyio.sleep(0.05)
    return status


async def test_it_scrapes_under_load_and_no_counter_goes_back(tmp_path: Path) -> None:
    config = "".join(
        model_table(name, tmp_path / "book", "--load 0.1 --tokens 4") for name in ("chat", "code")
    )
    with (
        running_jano(config, tmp_path / "jano") as jano,
        prometheus(jano.url, tmp_path) as metrics,
    ):
        with anyio.move_on_after(SECONDS):
            async with anyio.create_task_group() as clients:
                for model in ("chat", "code", "chat", "code"):
                    clients.start_soon(ask_for_ever, jano.url, model)
        served = (await settled(jano))["requestsServedTotal"]
        total = "sum(jano_requests_served_total)"
        with anyio.fail_after(10):
            while not (seen := metrics.ask(total)) or seen[0][1] < served:  # noqa: ASYNC110
                await anyio.sleep(0.2)
        scrapes = metrics.ask("count_over_time(up[10m])")
        always_up = metrics.ask("min_over_time(up[10m])")
        names = {each["__name__"] for each, _ in metrics.ask(f"group by (__name__) ({GROWING})")}
        fell = [name for name in names if metrics.ask(f"sum(resets({name}[10m]))")[0][1]]

    assert served > 10
    assert seen == [({}, served)]
    assert scrapes[0][1] >= SECONDS - WARM_UP, "about two a second"
    assert always_up[0][1] == 1
    assert {"jano_swaps_total", "jano_request_duration_seconds_bucket"} <= names
    assert fell == []


async def ask_for_ever(url: str, model: str) -> None:
    while True:
        assert (await ask(url, "/v1/chat/completions", chat(model))).status == 200
