"""OpenAI's `/v1/responses`: one message of text, whole or as events."""

from __future__ import annotations

import itertools
import time
from typing import Any

from .engine import Engine, Work
from .http import Reply, Request


async def responses(engine: Engine, request: Request, reply: Reply) -> None:
    """One answer; `stream` turns it into the events of a single output text."""
    body = request.json()
    async with engine.work(request, body) as work:
        if not body.get("stream"):
            await reply.send(200, _response(engine, work, await engine.whole(work)))
            return
        await _stream(engine, work, reply)


async def _stream(engine: Engine, work: Work, reply: Reply) -> None:
    numbers = itertools.count()

    async def event(kind: str, **members: Any) -> None:
        sequence = {"type": kind, "sequence_number": next(numbers)}
        await reply.event(sequence | members, kind)

    place = {"item_id": f"msg_{work.number}", "output_index": 0, "content_index": 0}
    reply.begin(200, "text/event-stream")
    await event("response.created", response=_response(engine, work, None))
    await event("response.in_progress", response=_response(engine, work, None))
    await event("response.output_item.added", output_index=0, item=_message(work, None))
    await event("response.content_part.added", **place, part=_part(""))
    async for token in engine.tokens(work, streamed=True):
        await event("response.output_text.delta", **place, delta=token, logprobs=[])
    text = work.text()
    await event("response.output_text.done", **place, text=text, logprobs=[])
    await event("response.content_part.done", **place, part=_part(text))
    await event("response.output_item.done", output_index=0, item=_message(work, text))
    await event("response.completed", response=_response(engine, work, text))
    await reply.write(b"")


def _response(engine: Engine, work: Work, text: str | None) -> dict[str, Any]:
    usage = {
        "input_tokens": work.prompt_tokens,
        "input_tokens_details": {"cached_tokens": 0},
        "output_tokens": work.sent,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": work.prompt_tokens + work.sent,
    }
    return {
        "id": f"resp_{work.number}",
        "object": "response",
        "created_at": int(time.time()),
        "status": "in_progress" if text is None else "completed",
        "model": engine.options.name,
        "output": [] if text is None else [_message(work, text)],
        "parallel_tool_calls": True,
        "tool_choice": "auto",
        "tools": [],
        "error": None,
        "incomplete_details": None,
        "usage": None if text is None else usage,
    }


def _message(work: Work, text: str | None) -> dict[str, Any]:
    return {
        "type": "message",
        "id": f"msg_{work.number}",
        "status": "in_progress" if text is None else "completed",
        "role": "assistant",
        "content": [] if text is None else [_part(text)],
    }


def _part(text: str) -> dict[str, Any]:
    return {"type": "output_text", "text": text, "annotations": [], "logprobs": []}
