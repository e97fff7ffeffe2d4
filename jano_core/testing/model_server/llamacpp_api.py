"""llama.cpp's own shapes: health, props, slots, completion, infill, rerank."""

from __future__ import annotations

from typing import Any

from .engine import Engine, Work
from .http import Reply, Request

LOADING = {"error": {"message": "Loading model", "type": "unavailable_error", "code": 503}}
_CONTEXT = 4096


async def health(engine: Engine, request: Request, reply: Reply) -> None:
    """`/health`: 503 while loading."""
    if engine.healthy:
        await reply.send(200, {"status": "ok"})
    else:
        await reply.send(503, LOADING)


async def props(engine: Engine, request: Request, reply: Reply) -> None:
    """`/props`: how many slots, how much context; `memory` is this server's own addition."""
    if not engine.loaded:
        await reply.send(503, LOADING)
        return
    await reply.send(200, {
        "total_slots": engine.options.parallel,
        "model_alias": engine.options.name,
        "model_path": f"/simulated/{engine.options.name}.gguf",
        "default_generation_settings": {"n_ctx": _CONTEXT},
        "chat_template": "",
        "is_sleeping": False,
        "memory": engine.options.memory,
    })  # fmt: skip


async def slots(engine: Engine, request: Request, reply: Reply) -> None:
    """`/slots`: which are at work."""
    await reply.send(200, [
        {
            "id": slot,
            "n_ctx": _CONTEXT,
            "is_processing": slot in engine.active,
            "id_task": engine.active[slot].number if slot in engine.active else -1,
        }
        for slot in range(engine.options.parallel)
    ])  # fmt: skip


async def completion(engine: Engine, request: Request, reply: Reply) -> None:
    """`/completion` and `/infill`."""
    body = request.json()
    async with engine.work(request, body) as work:
        if not body.get("stream"):
            text = await engine.whole(work)
            await reply.send(200, _completed(engine, work, text))
            return
        reply.begin(200, "text/event-stream")
        async for token in engine.tokens(work, streamed=True):
            await reply.event({"index": 0, "content": token, "tokens": [], "stop": False})
        await reply.event(_completed(engine, work, ""))
        await reply.write(b"")


async def rerank(engine: Engine, request: Request, reply: Reply) -> None:
    """`/rerank`: the longer a document, the more it is to the point."""
    body = request.json()
    async with engine.work(request, body) as work:
        documents = body.get("documents") or body.get("texts") or []
        results = [
            {"index": place, "relevance_score": float(len(str(document)))}
            for place, document in enumerate(documents)
        ]
        usage = {"prompt_tokens": work.prompt_tokens, "total_tokens": work.prompt_tokens}
        await reply.send(200, {
            "model": engine.options.name, "object": "list", "usage": usage, "results": results,
        })  # fmt: skip


def _completed(engine: Engine, work: Work, text: str) -> dict[str, Any]:
    return {
        "index": 0,
        "content": text,
        "tokens": [],
        "id_slot": work.slot,
        "stop": True,
        "model": engine.options.name,
        "tokens_predicted": work.sent,
        "tokens_evaluated": work.prompt_tokens,
        "stop_type": "limit" if work.cut_short else "eos",
        "timings": work.timings(),
    }
