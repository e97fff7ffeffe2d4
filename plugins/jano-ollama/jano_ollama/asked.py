"""What a client of Ollama's asks for, in the words of OpenAI's API."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, TypedDict

import msgspec
from msgspec import Struct

from jano_core import Refused

SAME_OPTIONS = (
    "temperature", "top_p", "top_k", "min_p", "typical_p", "seed", "stop", "repeat_penalty",
    "repeat_last_n", "presence_penalty", "frequency_penalty", "mirostat", "mirostat_tau",
    "mirostat_eta",
)  # fmt: skip
"""Sampling options that llama.cpp's server (and mostly others) know under the same name."""

IMAGE_TYPES = (("/9j/", "jpeg"), ("iVBOR", "png"), ("R0lGOD", "gif"), ("UklGR", "webp"))
"""How base64 of an image file begins, and its type: Ollama's clients send no type along."""


class Message(TypedDict, total=False):
    """One of a chat, as far as it is read here; what its text may be is the server's to say."""

    role: Any
    content: Any
    thinking: Any
    images: list[str] | None
    tool_calls: list[dict[str, Any]] | None
    tool_call_id: Any
    tool_name: Any
    name: Any


class Asked(Struct, kw_only=True):
    """The members that mean something to servers of other kinds; all others are Ollama's own.

    Clients write null for what they do not use.
    """

    model: str
    stream: bool | None = True
    messages: list[Message] | None = None
    tools: list[Any] | None = None
    prompt: str | None = None
    suffix: str | None = None
    system: str | None = None
    images: list[str] | None = None
    raw: bool | None = None
    input: str | list[str] | None = None
    dimensions: int | None = None
    format: Any = None
    think: bool | str | None = None
    options: dict[str, Any] | None = None
    keep_alive: Any = None

    @property
    def streams(self) -> bool:
        """Ollama streams unless it is told not to."""
        return self.stream is not False and not self.only_loads

    @classmethod
    def read(cls, body: bytes) -> Asked:
        """Raises `Refused`."""
        try:
            return msgspec.json.decode(body, type=cls)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise Refused("invalid_request", f"not a request as Ollama knows it: {error}")

    @property
    def only_loads(self) -> bool:
        """Nothing to answer: the client wants the model in memory, or out of it."""
        return not (self.messages or self.prompt or self.images)

    def refuse_unload(self) -> None:
        """When a model goes is Jano's to say: others may be waiting for it. Raises `Refused`."""
        if self.only_loads and self.keep_alive in (0, "0", "0s", "0m"):
            raise Refused(
                "invalid_request",
                "Jano decides when a model leaves memory; POST /api/models/unload/{model} asks it",
            )


def chat(asked: Asked) -> dict[str, Any]:
    """A body for `/v1/chat/completions`."""
    if asked.messages:
        messages = list(_messages(asked.messages))
    else:
        messages = [{"role": "user", "content": _content(asked.prompt or " ", asked.images)}]
    if asked.system:
        messages.insert(0, {"role": "system", "content": asked.system})
    body: dict[str, Any] = {"model": asked.model, "messages": messages, **_settings(asked)}
    if asked.tools:
        body["tools"] = asked.tools
    if asked.think is not None:
        body.update(_thinking(asked.think))
    return body


def completion(asked: Asked) -> dict[str, Any]:
    """A body for `/v1/completions`: no template is to be applied, or a gap to be filled."""
    body = {"model": asked.model, "prompt": asked.prompt or " ", **_settings(asked)}
    if asked.suffix:
        body["suffix"] = asked.suffix
    return body


def embedding(asked: Asked) -> dict[str, Any]:
    """A body for `/v1/embeddings`."""
    body: dict[str, Any] = {"model": asked.model, "input": asked.input or asked.prompt or ""}
    if asked.dimensions is not None:
        body["dimensions"] = asked.dimensions
    return body


def _settings(asked: Asked) -> dict[str, Any]:
    options = asked.options or {}
    found = {name: options[name] for name in SAME_OPTIONS if options.get(name) is not None}
    limit = options.get("num_predict")
    if asked.only_loads:
        found["max_tokens"] = 1
    elif isinstance(limit, int) and limit > 0:  # Ollama: -1 without end, -2 fill the context
        found["max_tokens"] = limit
    if asked.format == "json":
        found["response_format"] = {"type": "json_object"}
    elif isinstance(asked.format, Mapping):
        schema = {"name": "answer", "strict": True, "schema": asked.format}
        found["response_format"] = {"type": "json_schema", "json_schema": schema}
    if asked.streams:
        found |= {"stream": True, "stream_options": {"include_usage": True}}
    return found


def _thinking(think: bool | str) -> dict[str, Any]:
    if isinstance(think, str):
        return {"reasoning_effort": think}
    return {"chat_template_kwargs": {"enable_thinking": think}}


def _messages(given: list[Message]) -> Iterator[dict[str, Any]]:
    """Ollama matches a tool's result with its call by name or order, OpenAI by an id."""
    open_calls: list[tuple[str, str]] = []
    count = 0
    for message in given:
        role = message.get("role", "user")
        text = message.get("content") or ""
        made: dict[str, Any] = {"role": role, "content": _content(text, message.get("images"))}
        if calls := message.get("tool_calls"):
            made["tool_calls"] = []
            for call in calls:
                count += 1
                made["tool_calls"].append(_call(call, f"call_{count}"))
                open_calls.append((made["tool_calls"][-1]["id"], _function(call).get("name", "")))
        if thinking := message.get("thinking"):
            made["reasoning_content"] = thinking
        if role == "tool":
            made["tool_call_id"] = message.get("tool_call_id") or _answered(message, open_calls)
        yield made


def _call(call: Mapping[str, Any], fallback: str) -> dict[str, Any]:
    function = _function(call)
    arguments = msgspec.json.encode(function.get("arguments") or {}).decode()
    inside = {"name": function.get("name", ""), "arguments": arguments}
    return {"id": call.get("id") or fallback, "type": "function", "function": inside}


def _function(call: Mapping[str, Any]) -> Mapping[str, Any]:
    found = call.get("function")
    return found if isinstance(found, Mapping) else {}


def _answered(message: Message, open_calls: list[tuple[str, str]]) -> str:
    """The id of the call that this result is for, which is then closed."""
    name = message.get("tool_name") or message.get("name")
    for place, (call_id, called) in enumerate(open_calls):
        if name in (None, "", called):
            del open_calls[place]
            return call_id
    return "call_0"


def _content(text: str, images: list[str] | None) -> Any:
    if not images:
        return text
    parts: list[dict[str, Any]] = [{"type": "text", "text": text}] if text else []
    for image in images:
        kind = next((kind for start, kind in IMAGE_TYPES if image.startswith(start)), "png")
        url = f"data:image/{kind};base64,{image}"
        parts.append({"type": "image_url", "image_url": {"url": url}})
    return parts
