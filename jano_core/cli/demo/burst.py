"""The burst: six requests for two models of which one fits in memory, over real HTTP."""

from __future__ import annotations

import http.client
import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from ...errors import JanoError
from ...testing.model_server import command
from ...testing.running import RunningJano
from ..router import Router

BURST = (("1", "chat"), ("2", "code"), ("3", "chat"), ("4", "chat"), ("5", "code"), ("6", "code"))
EXPECTED = ("1", "3", "4", "2", "5", "6")
TOKENS = 24
_FRAME_SECONDS = 0.1
_LIMIT_SECONDS = 60.0


@dataclass
class Ask:
    """One request of the burst, as its client sees it."""

    number: str
    model: str
    state: str = "not sent"
    news: str = ""
    tokens: int = 0
    seconds: float = 0.0


@dataclass
class Scene:
    """What is to be seen at one moment; `models` maps each to its state."""

    seconds: float
    asks: list[Ask]
    models: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Outcome:
    """What a burst cost, from the books of the model servers themselves."""

    order: tuple[str, ...]
    swaps: int
    seconds: float


Show = Callable[[Scene], None]


def configuration(folder: Path, strategy: str = "", load: float = 2.0, rate: float = 30) -> str:
    """A `jano.toml` with two simulated models, one at a time; the default strategy if not named.

    `load` in seconds, `rate` in tokens per second.
    """
    lines = ["[server]", 'keepalive = "250ms"']
    if strategy:
        lines += ["[scheduler]", f'strategy = "{strategy}"']
    for model in ("chat", "code"):
        book = folder / "books.jsonl"
        words = command(model, load=load, tokens=TOKENS, rate=rate, book=book)
        lines += [f"[models.{model}]", f"cmd = {json.dumps(words)}", "parallel = 1"]
    return "\n".join(lines) + "\n"


def run(jano: RunningJano, folder: Path, show: Show) -> Outcome:
    """Load `chat`, send the burst in order, show what happens, and read the books.

    Raises `JanoError` if a request was not served.
    """
    Router(jano.url).post("/api/models/load/chat")
    loaded = len(_entries(folder, "start"))
    asks = [Ask(number, model) for number, model in BURST]
    started = time.monotonic()
    clients = [threading.Thread(target=_send, args=(jano.url, ask), daemon=True) for ask in asks]
    for client, ask in zip(clients, asks, strict=True):
        client.start()
        _until_taken(jano, ask)
    while any(client.is_alive() for client in clients):
        show(_scene(jano, asks, started))
        time.sleep(_FRAME_SECONDS)
    seconds = time.monotonic() - started
    show(_scene(jano, asks, started))
    if failed := [ask for ask in asks if ask.state != "served"]:
        raise JanoError(f"request {failed[0].number} was not served: {failed[0].news}")
    order = tuple(str(line["user"]) for line in _entries(folder, "begin"))
    return Outcome(order, len(_entries(folder, "start")) - loaded, seconds)


def _send(url: str, ask: Ask) -> None:
    """One client: a streaming chat request, read as it comes."""
    body = {"model": ask.model, "user": ask.number, "stream": True, "messages": []}
    started = time.monotonic()
    ask.state = "waits"
    try:
        connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=_LIMIT_SECONDS)
        headers = {"content-type": "application/json"}
        connection.request("POST", "/v1/chat/completions", json.dumps(body), headers)
        with connection.getresponse() as response:
            for line in response:
                _read(ask, line.decode().strip(), response.status)
    except (OSError, http.client.HTTPException) as error:
        ask.state, ask.news = "failed", str(error)
    ask.seconds = time.monotonic() - started


def _read(ask: Ask, line: str, status: int) -> None:
    if line.startswith(": jano"):
        ask.news = line.removeprefix(": jano waiting").strip()
    elif status != 200 or '"error"' in line:
        ask.state, ask.news = "failed", line
    elif line == "data: [DONE]":
        ask.state, ask.news = "served", ""
    elif line.startswith("data:"):
        ask.state, ask.news = "runs", ""
        ask.tokens += '"content": "' in line


def _until_taken(jano: RunningJano, ask: Ask) -> None:
    """Return when the router has it, so that the order of arrival is the order of the burst."""
    place = int(ask.number)
    end = time.monotonic() + _LIMIT_SECONDS
    while time.monotonic() < end:
        queue = jano.get("/api/queue")
        if len(queue["waiting"]) + len(queue["running"]) >= place or ask.state == "served":
            return
        time.sleep(0.005)
    raise JanoError(f"request {ask.number} did not arrive")


def _scene(jano: RunningJano, asks: list[Ask], started: float) -> Scene:
    models = jano.get("/status")["models"]
    states = {name: str(model["state"]) for name, model in models.items()}
    return Scene(time.monotonic() - started, asks, states)


def _entries(folder: Path, what: str) -> list[dict[str, Any]]:
    lines = map(json.loads, (folder / "books.jsonl").read_text().splitlines())
    return [line for line in lines if line["what"] == what]
