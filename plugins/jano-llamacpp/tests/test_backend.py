"""The backend against answers as llama-server gives them."""

from __future__ import annotations

import json
from importlib.metadata import entry_points
from pathlib import Path

import pytest

import jano_llamacpp
from jano_core import Description, Reading, ReadsFiles, Reply, Server, ServerSpec, UpstreamError
from jano_llamacpp import LlamaCpp

PROPS = {
    "default_generation_settings": {"n_ctx": 2048, "params": {}},
    "total_slots": 4,
    "model_path": "/models/tiny.gguf",
    "is_sleeping": False,
}
LOADING = {"error": {"message": "Loading model", "type": "unavailable_error", "code": 503}}


class Pages:
    """A server that has just these pages; any other path is a refused connection."""

    def __init__(self, pages: dict[str, tuple[int, object]]) -> None:
        self.pages = pages
        self.headers: dict[str, str] = {}

    async def get(self, path: str, *, timeout: float = 2.0) -> Reply:
        if path not in self.pages:
            raise UpstreamError(f"connection refused: {path}")
        status, body = self.pages[path]
        return Reply(status=status, body=json.dumps(body).encode())

    async def post(self, path: str, body: object = None, *, timeout: float = 30.0) -> Reply:
        return await self.get(path)


def backend(pages: dict[str, tuple[int, object]]) -> LlamaCpp:
    return LlamaCpp(Server(ServerSpec(model="chat"), http=Pages(pages), log=lambda line: None))


def slots(*processing: bool) -> list[dict[str, object]]:
    return [{"id": i, "n_ctx": 512, "is_processing": at} for i, at in enumerate(processing)]


@pytest.mark.parametrize(
    ("command", "read"),
    [
        ("llama-server -m tiny.gguf", ["tiny.gguf"]),
        ("python -m llama_cpp.server --model=sub/tiny.gguf", ["sub/tiny.gguf"]),
        ("llama-server -m big-00001-of-00002.gguf", [f"big-0000{n}-of-00002.gguf" for n in (1, 2)]),
        ("llama-server -m gone.gguf", []),
        ("llama-server --models-dir sub", []),
        ("llama-server -m", []),
    ],
)
def test_its_files_are_those_of_the_command(tmp_path: Path, command: str, read: list[str]) -> None:
    (tmp_path / "sub").mkdir()
    for name in ("tiny.gguf", "sub/tiny.gguf", *(f"big-0000{n}-of-00002.gguf" for n in (1, 2))):
        (tmp_path / name).touch()
    spec = ServerSpec(model="chat", cmd=tuple(command.split()), cwd=str(tmp_path))
    made = LlamaCpp(Server(spec, http=Pages({}), log=lambda line: None))
    assert isinstance(made, ReadsFiles)
    assert list(made.files()) == [tmp_path / name for name in read]


def test_questions_carry_the_server_s_own_key() -> None:
    pages = Pages({})
    spec = ServerSpec(model="chat", cmd=("llama-server", "--api-key", "one,two"))
    LlamaCpp(Server(spec, http=pages, log=print))
    assert pages.headers == {"authorization": "Bearer one"}


@pytest.mark.anyio
async def test_a_loading_server_is_alive_and_not_ready() -> None:
    loading = backend({"/health": (503, LOADING), "/props": (503, LOADING)})
    assert await loading.alive() is True
    assert await loading.ready() is False
    assert await loading.describe() == Description()


@pytest.mark.anyio
async def test_a_server_that_does_not_listen_yet_is_neither() -> None:
    assert await backend({}).alive() is False
    assert await backend({}).ready() is False


@pytest.mark.anyio
async def test_a_ready_server_tells_its_slots_and_context() -> None:
    ready = backend({"/health": (200, {"status": "ok"}), "/props": (200, PROPS)})
    assert await ready.ready() is True
    assert await ready.describe() == Description(parallel=4, context=2048)
    assert await ready.resident() == {"chat": None}


@pytest.mark.anyio
@pytest.mark.parametrize(
    "page",
    [(401, {"error": {}}), (200, []), (200, {}), (200, {"total_slots": "4"}), (200, None)],
    ids=["locked", "list", "empty", "text", "null"],
)
async def test_odd_props_say_nothing(page: tuple[int, object]) -> None:
    assert await backend({"/props": page}).describe() == Description()


@pytest.mark.anyio
async def test_busy_counts_the_slots_at_work() -> None:
    assert await backend({"/slots": (200, slots(True, False, True))}).busy() == 2
    assert await backend({"/slots": (200, [])}).busy() == 0


@pytest.mark.anyio
async def test_busy_is_unknown_without_the_page() -> None:
    assert await backend({"/slots": (501, {"error": {}})}).busy() is None
    assert await backend({}).busy() is None


def at_work(read: int, cached: int, prompt: int, said: int) -> dict[str, object]:
    """A slot as `server_slot::to_json` writes it."""
    return {
        "id": 0,
        "id_task": 7,
        "is_processing": True,
        "n_prompt_tokens": prompt,
        "n_prompt_tokens_processed": read,
        "n_prompt_tokens_cache": cached,
        "next_token": [{"n_decoded": said}],
    }


@pytest.mark.anyio
async def test_the_prompt_that_is_least_far_is_told() -> None:
    reading = backend({"/slots": (200, [at_work(512, 100, 612, 0), at_work(900, 0, 4000, 0)])})
    assert await reading.reading() == Reading(612)
    speaking = backend({"/slots": (200, [at_work(900, 0, 4000, 7)])})
    assert await speaking.reading() is None
    assert await backend({}).reading() is None


LOGGED = (
    "0.03.308.814 I slot print_timing: id  {slot} | task {task} | prompt processing,"
    " n_tokens =   2816, progress = {progress}, t =   3.21 s / 878.29 tokens per second\n"
)


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("slot", "task", "progress", "total"),
    [(0, 7, "0.76", 3705), (0, 8, "0.76", None), (1, 7, "0.76", None), (0, 7, "0.02", None)],
    ids=["its own", "another task's", "another slot's", "too soon"],
)
async def test_the_log_tells_how_long_a_prompt_is(
    slot: int, task: int, progress: str, total: int | None
) -> None:
    told = backend({"/slots": (200, [at_work(2816, 0, 3072, 0)])})
    line = LOGGED.format(slot=slot, task=task, progress=progress)
    for piece in (line[:40], line[40:]):
        told.server.log(piece)
    assert await told.reading() == Reading(2816, total)


@pytest.mark.anyio
async def test_a_sleeping_server_holds_no_model() -> None:
    sleeping = backend({"/props": (200, PROPS | {"is_sleeping": True})})
    assert await sleeping.resident() == {}
    assert await backend({}).resident() is None


def test_the_entry_point_leads_to_the_hooks() -> None:
    (entry,) = entry_points(group="jano", name="llamacpp")
    assert entry.load() is jano_llamacpp
    assert jano_llamacpp.jano_backends() == [LlamaCpp]
