"""What a path asks for, in the words of traces: the operation, and a route of bounded variety."""

from __future__ import annotations

UPSTREAM = "/upstream/"

OPERATIONS = {
    "/chat/completions": "chat",
    "/responses": "chat",
    "/messages": "chat",
    "/api/chat": "chat",
    "/completions": "text_completion",
    "/completion": "text_completion",
    "/infill": "text_completion",
    "/api/generate": "text_completion",
    "/embeddings": "embeddings",
    "/api/embed": "embeddings",
    "/messages/count_tokens": "count_tokens",
    "/rerank": "rerank",
    "/reranking": "rerank",
    "/audio/speech": "speech",
    "/audio/transcriptions": "transcription",
    "/audio/voices": "voices",
    "/images/generations": "image_generation",
    "/images/edits": "image_edit",
    "/sdapi/v1/txt2img": "image_generation",
    "/sdapi/v1/img2img": "image_edit",
    "/sdapi/v1/loras": "loras",
    "/props": "props",
}
"""End of a path → operation. `chat`, `text_completion` and `embeddings` are OpenTelemetry's."""

PREFIXES = ("", "/v1", "/v")


def _paths() -> dict[str, str]:
    return {prefix + end: name for prefix in PREFIXES for end, name in OPERATIONS.items()}


_BY_PATH = _paths()


def operation(path: str) -> str:
    """`chat`, `embeddings`, …; `request` for a path that says nothing."""
    if path.startswith(UPSTREAM):
        ends = [end for end in OPERATIONS if path.endswith(end)]
        return OPERATIONS[max(ends, key=len)] if ends else "request"
    return _BY_PATH.get(path, "request")


def route(path: str) -> str:
    """The path itself where it is one of Jano's own, otherwise its first part and `{path}`."""
    if path in _BY_PATH:
        return path
    if path.startswith(UPSTREAM):
        return "/upstream/{model}/{path}"
    first = path.split("/", 2)[1] if path.count("/") > 1 else ""
    return f"/{first}/{{path}}" if first else "/{path}"
