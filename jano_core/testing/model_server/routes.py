"""Which path is answered by what."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from . import anthropic_api, llamacpp_api, media_api, mirror_api, openai_api, responses_api
from .engine import Engine, Failing
from .http import Reply, Request
from .websocket import echo

Route = Callable[[Engine, Request, Reply], Awaitable[None]]

_ROUTES: dict[tuple[str, str], Route] = {
    ("GET", "/health"): llamacpp_api.health,
    ("GET", "/props"): llamacpp_api.props,
    ("GET", "/slots"): llamacpp_api.slots,
    ("GET", "/models"): openai_api.models,
    ("POST", "/chat/completions"): openai_api.chat,
    ("POST", "/completions"): openai_api.completions,
    ("POST", "/embeddings"): openai_api.embeddings,
    ("POST", "/responses"): responses_api.responses,
    ("POST", "/messages"): anthropic_api.messages,
    ("POST", "/messages/count_tokens"): anthropic_api.count_tokens,
    ("POST", "/completion"): llamacpp_api.completion,
    ("POST", "/infill"): llamacpp_api.completion,
    ("POST", "/rerank"): llamacpp_api.rerank,
    ("POST", "/reranking"): llamacpp_api.rerank,
    ("POST", "/audio/transcriptions"): media_api.transcriptions,
    ("POST", "/audio/speech"): media_api.speech,
    ("GET", "/audio/voices"): media_api.voices,
    ("POST", "/audio/voices"): media_api.voices,
    ("POST", "/images/generations"): media_api.images,
    ("POST", "/images/edits"): media_api.images,
    ("POST", "/sdapi/v1/txt2img"): media_api.sdapi,
    ("POST", "/sdapi/v1/img2img"): media_api.sdapi,
    ("GET", "/sdapi/v1/loras"): media_api.loras,
}
"""Paths without `/v1`, which may stand before each of them."""


class Router:
    """Answers every request of every connection."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def handle(
        self,
        request: Request,
        reply: Reply,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        """Answer one request, errors in llama.cpp's shape."""
        if request.header("upgrade").lower() == "websocket":
            await echo(request, reader, writer)
            return
        route = self._find(request)
        if route is None:
            await _refuse(reply, 404, "File Not Found")
            return
        try:
            await route(self._engine, request, reply)
        except Failing as failing:
            await _refuse(reply, *failing.args)
        except ValueError as error:
            await _refuse(reply, 400, str(error))

    def _find(self, request: Request) -> Route | None:
        if request.path.startswith("/echo"):
            return mirror_api.echo
        if request.path.startswith("/request"):
            return mirror_api.described
        return _ROUTES.get((request.method, request.path.removeprefix("/v1")))


async def _refuse(reply: Reply, status: int, message: str) -> None:
    kinds = {400: "invalid_request_error", 404: "not_found_error", 503: "unavailable_error"}
    kind = kinds.get(status, "server_error")
    await reply.send(status, {"error": {"message": message, "type": kind, "code": status}})
