"""Ollama's API at Jano's address, for clients that speak nothing else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar, Literal

import msgspec
from msgspec import Raw

from jano_core import Dialect, Listed, Refused, Translation

from . import asked, pages
from .answered import Embedded, Loaded, Spoken

RELOADING = frozenset({"num_ctx", "num_batch", "num_gpu", "main_gpu", "num_thread", "use_mmap"})
"""Options of a request that make Ollama load the same model anew."""

FOR_EVER = Raw(b"-1")


class OllamaDialect(Dialect):
    """`{"error": "…"}`, and streams that are lines of JSON."""

    name = "ollama"
    calls = ("/api/chat", "/api/generate", "/api/embed", "/api/embeddings")
    pages: ClassVar[Mapping[str, Literal["GET", "POST"]]] = {
        "/api/tags": "GET", "/api/ps": "GET", "/api/show": "POST",
    }  # fmt: skip
    prefixes = (
        *calls, *pages, "/api/pull", "/api/push", "/api/create", "/api/copy", "/api/delete",
    )  # fmt: skip

    def translate(self, path: str, body: bytes) -> Translation:
        wanted = asked.Asked.read(body)
        encode = msgspec.json.encode
        if path in ("/api/embed", "/api/embeddings"):
            single = path == "/api/embeddings"
            made = encode(asked.embedding(wanted))
            return Embedded("/v1/embeddings", made, model=wanted.model, single=single)
        wanted.refuse_unload()
        kind = Loaded if wanted.only_loads else Spoken
        shape = path.removeprefix("/api/")
        if shape == "generate" and (wanted.raw or wanted.suffix):
            there, made = "/v1/completions", encode(asked.completion(wanted))
        else:
            there, made = "/v1/chat/completions", encode(asked.chat(wanted))
        return kind(there, made, model=wanted.model, stream=wanted.streams, shape=shape)

    def adjust(self, path: str, body: bytes) -> bytes:
        """Unchanged but for what would reload the model or end it behind Jano's back."""
        asked.Asked.read(body).refuse_unload()
        try:
            members = msgspec.json.decode(body, type=dict[str, Raw])
        except UnicodeDecodeError as error:  # in a name that nobody knows
            raise Refused("invalid_request", f"not a request as Ollama knows it: {error}")
        members["keep_alive"] = FOR_EVER
        if bytes(members.get("options", b"")).startswith(b"{"):
            options = msgspec.json.decode(members["options"], type=dict[str, Raw])
            kept = {name: value for name, value in options.items() if name not in RELOADING}
            members["options"] = Raw(msgspec.json.encode(kept))
        return msgspec.json.encode(members)

    def streams_lines(self, path: str, body: bytes) -> bool:
        return path in ("/api/chat", "/api/generate") and asked.Asked.read(body).streams

    def page(self, path: str, models: Sequence[Listed], body: bytes) -> object:
        match path:
            case "/api/tags":
                return pages.tags(models)
            case "/api/ps":
                return pages.running(models)
        return pages.show(models, body)

    def error(self, refused: Refused) -> bytes:
        """Ollama's clients know only a text."""
        return msgspec.json.encode({"error": refused.message})

    def stream_error(self, refused: Refused) -> bytes:
        """The last line of a stream."""
        return self.error(refused) + b"\n"

    def keepalive(self, text: str) -> bytes:
        """An empty piece, of `/api/chat` and `/api/generate` at once: clients read the half that
        they asked for, and there are no comments in lines of JSON.
        """
        message = {"role": "assistant", "content": ""}
        return msgspec.json.encode({"message": message, "response": "", "done": False}) + b"\n"
