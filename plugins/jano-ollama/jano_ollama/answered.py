"""OpenAI's answers in the words of Ollama's API: lines of JSON instead of events."""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec

from jano_core import Translation

NDJSON = "application/x-ndjson"
MS, SECOND = 1_000_000, 1_000_000_000
"""Nanoseconds, in which Ollama counts."""


class Spoken(Translation):
    """`/api/chat` and `/api/generate`: a text that may come in pieces.

    `shape` says where the text stands: in a message for one, at the top for the other.
    """

    def __init__(self, path: str, body: bytes, *, model: str, stream: bool, shape: str) -> None:
        super().__init__(path, body, stream=stream, content_type=NDJSON)
        self._model = model
        self._shape = shape
        self._began = time.monotonic()
        self._created = time.time()
        self._calls: dict[int, dict[str, str]] = {}
        self._reason = "stop"
        self._counts: dict[str, int] = {}

    def whole(self, document: Mapping[str, Any]) -> bytes:
        """One object with everything in it."""
        self._note(document)
        choice = _first(document)
        message = _member(choice, "message")
        text = message.get("content") or choice.get("text") or ""
        said = self._said(text, _thinking(message), self._called(message.get("tool_calls")))
        return _line({**said, **self._last()})

    def event(self, document: Mapping[str, Any]) -> bytes:
        """A line for each piece of text; tool calls are collected until they are whole."""
        self._note(document)
        choice = _first(document)
        delta = _member(choice, "delta")
        for call in delta.get("tool_calls") or ():
            self._collect(call)
        text = delta.get("content") or choice.get("text") or ""
        thinking = _thinking(delta)
        return self._piece(text, thinking) if text or thinking else b""

    def end(self) -> bytes:
        """The calls, if there are any, and the object with the numbers."""
        calls = self._called(list(self._calls.values()))
        called = _line({**self._said("", "", calls), "done": False}) if calls else b""
        return called + _line({**self._said("", "", []), **self._last()})

    def sign(self) -> bytes:
        """An empty piece: Ollama's stream has no comments."""
        return self._piece("", "")

    def _piece(self, text: str, thinking: str) -> bytes:
        return _line({**self._said(text, thinking, []), "done": False})

    def _said(self, text: str, thinking: str, calls: list[Any]) -> dict[str, Any]:
        at = datetime.fromtimestamp(self._created, UTC).isoformat().replace("+00:00", "Z")
        said: dict[str, Any] = {"model": self._model, "created_at": at}
        more = {"thinking": thinking} if thinking else {}
        if self._shape == "generate":
            return {**said, "response": text, **more}
        message: dict[str, Any] = {"role": "assistant", "content": text, **more}
        if calls:
            message["tool_calls"] = calls
        return {**said, "message": message}

    def _last(self) -> dict[str, Any]:
        took = round((time.monotonic() - self._began) * SECOND)
        return {"done": True, "done_reason": self._reason, "total_duration": took, **self._counts}

    def _note(self, document: Mapping[str, Any]) -> None:
        created = document.get("created")
        if isinstance(created, int | float) and created > 0:
            self._created = float(created)
        if reason := _first(document).get("finish_reason"):
            self._reason = "length" if reason == "length" else "stop"
        usage, timings = _member(document, "usage"), _member(document, "timings")
        for name, value in (
            ("prompt_eval_count", usage.get("prompt_tokens")),
            ("prompt_eval_duration", _ns(timings.get("prompt_ms"))),
            ("eval_count", usage.get("completion_tokens")),
            ("eval_duration", _ns(timings.get("predicted_ms"))),
        ):
            if isinstance(value, int):
                self._counts[name] = value

    def _collect(self, call: Mapping[str, Any]) -> None:
        """A call comes in pieces: its name first, then its arguments as text, bit by bit."""
        kept = self._calls.setdefault(call.get("index") or 0, {"name": "", "arguments": ""})
        function = _member(call, "function")
        kept["name"] += function.get("name") or ""
        kept["arguments"] += function.get("arguments") or ""

    def _called(self, calls: Any) -> list[dict[str, Any]]:
        made = []
        for call in calls or ():
            function = _member(call, "function") or call
            inside = {"name": function.get("name", ""), "arguments": _arguments(function)}
            made.append({"function": inside})
        return made


class Loaded(Spoken):
    """A request without a prompt: the model was to be loaded, and one token shows that it is."""

    def whole(self, document: Mapping[str, Any]) -> bytes:
        """Nothing of that token, only that it is done."""
        return _line({**self._said("", "", []), "done": True, "done_reason": "load"})


class Embedded(Translation):
    """`/api/embed`, and the older `/api/embeddings` for one text."""

    def __init__(self, path: str, body: bytes, *, model: str, single: bool) -> None:
        super().__init__(path, body, stream=False, content_type="application/json")
        self._model = model
        self._single = single
        self._began = time.monotonic()

    def whole(self, document: Mapping[str, Any]) -> bytes:
        """The vectors, in the order of the texts."""
        vectors = [each.get("embedding") for each in document.get("data") or ()]
        if self._single:
            return msgspec.json.encode({"embedding": vectors[0] if vectors else []})
        took = round((time.monotonic() - self._began) * SECOND)
        made = {"model": self._model, "embeddings": vectors, "total_duration": took}
        count = _member(document, "usage").get("prompt_tokens")
        return msgspec.json.encode(
            made | ({"prompt_eval_count": count} if isinstance(count, int) else {})
        )


def _first(document: Mapping[str, Any]) -> Mapping[str, Any]:
    choices = document.get("choices")
    return choices[0] if isinstance(choices, list) and choices else {}


def _member(document: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = document.get(name)
    return found if isinstance(found, Mapping) else {}


def _thinking(message: Mapping[str, Any]) -> str:
    """Most servers say `reasoning_content`, newer vLLM `reasoning`."""
    return message.get("reasoning_content") or message.get("reasoning") or ""


def _arguments(function: Mapping[str, Any]) -> Any:
    given = function.get("arguments") or "{}"
    if not isinstance(given, str):
        return given
    try:
        return msgspec.json.decode(given)
    except msgspec.DecodeError:
        return {}


def _ns(ms: object) -> int | None:
    return round(ms * MS) if isinstance(ms, int | float) else None


def _line(document: Mapping[str, Any]) -> bytes:
    return msgspec.json.encode(document) + b"\n"
