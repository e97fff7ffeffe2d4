"""What a llama-server says of a prompt that it reads, in the estimate of a client that waits."""

from __future__ import annotations

import json
import re

import anyio
import pytest

from jano_core.testing.playhouse import Actor, Heard, Says, playhouse
from tests.gateway.scripts import CHAT, asks, streams

pytestmark = pytest.mark.anyio

PROMPT = 8000
READ_S = 200.0
LOGGED = (
    "0.03.308.814 I slot print_timing: id  0 | task 3 | prompt processing,"
    " n_tokens = {tokens:6d}, progress = {progress:.2f}, t =   3.21 s / 878.29 tokens per second\n"
)


async def told_eta(*, length: bool, beside: int = 0) -> int:
    """The first estimate, after 15 s, of a stream that waits while a long prompt is read; `length`:
    the server logs how long the prompt is. `beside` others are read at the same time.
    """

    def answer(heard: Heard) -> Says:
        if heard.method == "POST":
            stream = b'"stream":true' in heard.body.replace(b" ", b"")
            return streams(b"data: x\n\n") if stream else Says(first=READ_S)
        if not heard.target.startswith(b"/slots"):
            return Says(status=404)
        read = int(PROMPT * (anyio.current_time() - began) / READ_S)
        if length and (life := stage.jano.dispatcher.crew["chat"].parts):
            life.server.log(LOGGED.format(tokens=read, progress=read / PROMPT))
        slot = {"id": 0, "id_task": 3, "is_processing": True, "next_token": [{"n_decoded": 0}]}
        slot |= {"n_prompt_tokens_processed": read, "n_prompt_tokens": read + 256}
        return Says(chunks=(json.dumps([slot]).encode(),))

    settings = f'backend = "llamacpp"\nparallel = {1 + beside}'
    began = anyio.current_time()
    chat = Actor("chat", settings, script=answer)
    async with playhouse(chat) as stage, anyio.create_task_group() as tasks:
        for _ in range(1 + beside):
            tasks.start_soon(stage.client.ask, "POST", CHAT, asks("chat"))
        await anyio.sleep(1)
        async with stage.client.open("POST", CHAT, body=asks("chat", stream=True)) as waits:
            await waits.head()
            sign = (await waits.chunk()).decode()
        tasks.cancel_scope.cancel()
    found = re.search(r"eta=(\d+)s", sign)
    assert found, sign
    return int(found[1])


async def test_who_waits_is_told_when_the_prompt_is_read() -> None:
    assert await told_eta(length=True) == pytest.approx(READ_S - 16, abs=15)


async def test_a_server_that_does_not_say_how_long_the_prompt_is_changes_nothing() -> None:
    assert await told_eta(length=False) < 20


async def test_of_several_prompts_it_is_not_known_which_is_meant() -> None:
    assert await told_eta(length=True, beside=1) < 20
