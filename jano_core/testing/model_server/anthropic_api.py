"""Anthropic's shapes: messages and the count of their tokens."""

from __future__ import annotations

import json
from typing import Any

from .engine import Engine, Work
from .http import Reply, Request
from .openai_api import tool_call


async def messages(engine: Engine, request: Request, reply: Reply) -> None:
    """`/v1/messages`: text, or the use of the first tool offered; whole or as events."""
    body = request.json()
    async with engine.work(request, body) as work:
        call = tool_call(body)
        if body.get("stream"):
            await _stream(engine, work, call, reply)
            return
        if call is None:
            block = {"type": "text", "text": await engine.whole(work)}
        else:
            block = _tool_use(work, call) | {"input": call["arguments"]}
        answer = _message(engine, work, [block]) | {"stop_reason": _stop(work, call)}
        await reply.send(200, answer)


async def _stream(engine: Engine, work: Work, call: dict[str, Any] | None, reply: Reply) -> None:
    async def event(kind: str, **members: Any) -> None:
        await reply.event({"type": kind} | members, kind)

    reply.begin(200, "text/event-stream")
    await event("message_start", message=_message(engine, work, []))
    block = {"type": "text", "text": ""} if call is None else _tool_use(work, call)
    await event("content_block_start", index=0, content_block=block)
    await event("ping")
    if call is None:
        async for token in engine.tokens(work, streamed=True):
            delta = {"type": "text_delta", "text": token}
            await event("content_block_delta", index=0, delta=delta)
    else:
        delta = {"type": "input_json_delta", "partial_json": json.dumps(call["arguments"])}
        await event("content_block_delta", index=0, delta=delta)
    await event("content_block_stop", index=0)
    ended = {"stop_reason": _stop(work, call), "stop_sequence": None}
    await event("message_delta", delta=ended, usage={"output_tokens": work.sent})
    await event("message_stop")
    await reply.write(b"")


async def count_tokens(engine: Engine, request: Request, reply: Reply) -> None:
    """`/v1/messages/count_tokens`: the words of the prompt."""
    body = request.json()
    async with engine.work(request, body) as work:
        await reply.send(200, {"input_tokens": work.prompt_tokens})


def _message(engine: Engine, work: Work, content: list[Any]) -> dict[str, Any]:
    return {
        "id": f"msg_{work.number}",
        "type": "message",
        "role": "assistant",
        "model": engine.options.name,
        "content": content,
        "stop_reason": None,
        "stop_sequence": None,
        "usage": {"input_tokens": work.prompt_tokens, "output_tokens": work.sent},
    }


def _tool_use(work: Work, call: dict[str, Any]) -> dict[str, Any]:
    return {"type": "tool_use", "id": f"toolu_{work.number}", "name": call["name"], "input": {}}


def _stop(work: Work, call: dict[str, Any] | None) -> str:
    if call is not None:
        return "tool_use"
    return "max_tokens" if work.cut_short else "end_turn"
