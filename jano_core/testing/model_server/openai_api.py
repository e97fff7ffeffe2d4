"""OpenAI's shapes: chat, completions, embeddings, models."""

from __future__ import annotations

import json
import time
from typing import Any

from .engine import Engine, Work
from .http import Reply, Request

_SSE = "text/event-stream"


async def chat(engine: Engine, request: Request, reply: Reply) -> None:
    """`/v1/chat/completions`, with llama.cpp's `timings`."""
    body = request.json()
    async with engine.work(request, body) as work:
        call = tool_call(body)
        if body.get("stream"):
            await _stream_chat(engine, work, body, call, reply)
            return
        message: dict[str, Any] = {"role": "assistant", "content": None}
        if call is None:
            message["content"] = await engine.whole(work)
        else:
            message["tool_calls"] = [_function(work, call)]
        choice = {"index": 0, "message": message, "finish_reason": _finish(work, call)}
        answer = _envelope(engine, work, "chat.completion", [choice])
        await reply.send(200, answer | {"usage": usage(work), "timings": work.timings()})


async def _stream_chat(
    engine: Engine, work: Work, body: dict[str, Any], call: dict[str, Any] | None, reply: Reply
) -> None:
    async def delta(delta: dict[str, Any], finish: str | None = None) -> None:
        choice = {"index": 0, "delta": delta, "finish_reason": finish}
        await reply.event(_envelope(engine, work, "chat.completion.chunk", [choice]))

    reply.begin(200, _SSE)
    await delta({"role": "assistant", "content": None})
    if call is None:
        async for token in engine.tokens(work, streamed=True):
            await delta({"content": token})
    else:
        function = _function(work, call)
        await delta({"tool_calls": [{"index": 0, **function, "function": {
            "name": call["name"], "arguments": ""}}]})  # fmt: skip
        arguments = function["function"]["arguments"]
        await delta({"tool_calls": [{"index": 0, "function": {"arguments": arguments}}]})
    await delta({}, _finish(work, call))
    if (body.get("stream_options") or {}).get("include_usage"):
        last = _envelope(engine, work, "chat.completion.chunk", [])
        await reply.event(last | {"usage": usage(work), "timings": work.timings()})
    await reply.event("[DONE]")
    await reply.write(b"")


async def completions(engine: Engine, request: Request, reply: Reply) -> None:
    """`/v1/completions`."""
    body = request.json()
    async with engine.work(request, body) as work:
        if not body.get("stream"):
            choice = {"index": 0, "text": await engine.whole(work), "logprobs": None}
            answer = _envelope(
                engine, work, "text_completion", [choice | {"finish_reason": _finish(work, None)}]
            )
            await reply.send(200, answer | {"usage": usage(work), "timings": work.timings()})
            return
        reply.begin(200, _SSE)
        async for token in engine.tokens(work, streamed=True):
            choice = {"index": 0, "text": token, "logprobs": None, "finish_reason": None}
            await reply.event(_envelope(engine, work, "text_completion", [choice]))
        choice = {"index": 0, "text": "", "logprobs": None, "finish_reason": _finish(work, None)}
        last = _envelope(engine, work, "text_completion", [choice])
        await reply.event(last | {"usage": usage(work), "timings": work.timings()})
        await reply.event("[DONE]")
        await reply.write(b"")


async def embeddings(engine: Engine, request: Request, reply: Reply) -> None:
    """`/v1/embeddings`: four numbers for each input, made from its length."""
    body = request.json()
    async with engine.work(request, body) as work:
        given = body.get("input", "")
        texts = given if isinstance(given, list) else [given]
        data = [
            {"object": "embedding", "index": place, "embedding": [len(str(text)), 0.5, 0.25, 0.125]}
            for place, text in enumerate(texts)
        ]
        counted = {"prompt_tokens": work.prompt_tokens, "total_tokens": work.prompt_tokens}
        listed = {"object": "list", "model": engine.options.name, "data": data, "usage": counted}
        await reply.send(200, listed)


async def models(engine: Engine, request: Request, reply: Reply) -> None:
    """`/v1/models`: the one model there is."""
    entry = {"id": engine.options.name, "object": "model", "created": 0, "owned_by": "simulated"}
    await reply.send(200, {"object": "list", "data": [entry]})


def usage(work: Work) -> dict[str, Any]:
    """OpenAI's `usage`."""
    return {
        "prompt_tokens": work.prompt_tokens,
        "completion_tokens": work.sent,
        "total_tokens": work.prompt_tokens + work.sent,
        "prompt_tokens_details": {"cached_tokens": 0},
    }


def tool_call(body: dict[str, Any]) -> dict[str, Any] | None:
    """The call of the first tool offered, unless the conversation brings a tool's result.

    Reads OpenAI's and Anthropic's way of naming tools; returns name and arguments.
    """
    tools = body.get("tools")
    if not tools or body.get("tool_choice") == "none":
        return None
    last = (body.get("messages") or [{}])[-1]
    if last.get("role") == "tool" or '"tool_result"' in json.dumps(last):
        return None
    tool = tools[0].get("function") or tools[0]
    schema = tool.get("parameters") or tool.get("input_schema") or {}
    kinds = (schema.get("properties") or {}).items()
    return {"name": tool["name"], "arguments": {key: _sample(kind) for key, kind in kinds}}


def _sample(kind: dict[str, Any]) -> Any:
    if kind.get("enum"):
        return kind["enum"][0]
    samples = {"integer": 1, "number": 1.5, "boolean": True, "array": [], "object": {}}
    return samples.get(str(kind.get("type")), "text")


def _function(work: Work, call: dict[str, Any]) -> dict[str, Any]:
    function = {"name": call["name"], "arguments": json.dumps(call["arguments"])}
    return {"id": f"call_{work.number}", "type": "function", "function": function}


def _finish(work: Work, call: dict[str, Any] | None) -> str:
    if call is not None:
        return "tool_calls"
    return "length" if work.cut_short else "stop"


def _envelope(engine: Engine, work: Work, kind: str, choices: list[Any]) -> dict[str, Any]:
    return {
        "id": f"chatcmpl-{work.number}",
        "object": kind,
        "created": int(time.time()),
        "model": engine.options.name,
        "choices": choices,
    }
