"""The contract suite for backends, run on the plainest one, and on ones that break it."""

from __future__ import annotations

from typing import Any

import anyio
import pytest

from jano_core.plugin.contracts import Backend
from jano_core.plugin.openai_backend import OpenAIBackend
from jano_core.plugin.server import Reply
from jano_core.testing.backend_contract import BackendContract, Scene, StandIn


class Plain(StandIn):
    """Answers 503 until it has loaded, on every path."""

    async def answer(self, method: str, path: str, body: Any) -> Reply:
        return self.json({"status": "ok"}) if self.loaded else self.json({"error": {}}, 503)


class TestOpenAI(BackendContract):
    backend = OpenAIBackend

    def stand_in(self) -> StandIn:
        return Plain()


class Hasty(Backend):
    """Takes any sign of life for readiness."""

    name = "hasty"

    async def ready(self) -> bool:
        return await self.alive()


class Trusting(Backend):
    """Believes that a page is what it says."""

    name = "trusting"

    async def busy(self) -> int | None:
        found: int = (await self.server.http.get("/busy")).json()["busy"]
        return found


def scene(backend: type[Backend]) -> Scene:
    contract = TestOpenAI()
    return Scene(backend, contract.stand_in(), contract.spec())


@pytest.mark.anyio
async def test_a_hasty_backend_is_found_out() -> None:
    with pytest.raises(AssertionError, match="not there"):
        await TestOpenAI().test_a_loading_model_is_not_ready(scene(Hasty))


@pytest.mark.anyio
async def test_a_trusting_backend_is_found_out() -> None:
    with pytest.raises((TypeError, KeyError)):
        await TestOpenAI().test_odd_answers_are_nothing_known(scene(Trusting), b"null", 200)


@pytest.mark.anyio
async def test_a_silent_line_ends_by_itself() -> None:
    silent = scene(OpenAIBackend)
    silent.line.silent = True
    began = anyio.current_time()
    assert await silent.backend.alive() is False
    assert anyio.current_time() - began == pytest.approx(2.0)
