"""Which path leads where."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Literal

from msgspec import Struct

from ..errors import Refused
from . import front_page, logs, management
from .errand import Errand
from .model_list import list_models, show_model

Access = Literal["", "infer", "manage", "admin"]
Handler = Callable[[Errand], Awaitable[None]]

MODEL_POST = (
    "/v1/chat/completions", "/v1/completions", "/v1/responses", "/v1/embeddings",
    "/v1/messages", "/v1/messages/count_tokens", "/v1/rerank", "/v1/reranking", "/rerank",
    "/reranking", "/infill", "/completion", "/v1/audio/speech", "/v1/audio/voices",
    "/v1/audio/transcriptions", "/v1/images/generations", "/v1/images/edits",
    "/sdapi/v1/txt2img", "/sdapi/v1/img2img",
)  # fmt: skip
MODEL_GET = ("/v1/audio/voices", "/sdapi/v1/loras", "/props")


class Route(Struct, frozen=True):
    """A call to Jano itself. `access` is the scope that a key needs, empty for none at all;
    `changes` says that it does something.
    """

    handler: Handler
    access: Access = "manage"
    changes: bool = False


class ModelRoute(Struct, frozen=True):
    """A call to a model, named by body or query; the model's server sees it at `path`."""

    path: str


_EXACT: dict[str, dict[str, Route]] = {
    "/": {"GET": Route(front_page.to_front_page, "")},
    "/ui": {"GET": Route(front_page.front_page)},
    "/ui/": {"GET": Route(front_page.front_page)},
    "/health": {"GET": Route(management.status, "")},
    "/status": {"GET": Route(management.status)},
    "/metrics": {"GET": Route(management.metrics)},
    "/usage": {"GET": Route(management.usage)},
    "/v1/models": {"GET": Route(list_models, "infer")},
    "/models": {"GET": Route(list_models, "infer")},
    "/running": {"GET": Route(management.running)},
    "/unload": {"GET": Route(management.unload_all_plainly, changes=True)},
    "/logs": {"GET": Route(logs.history)},
    "/logs/stream": {"GET": Route(logs.follow)},
    "/api/events": {"GET": Route(logs.events)},
    "/api/version": {"GET": Route(management.version)},
    "/api/queue": {"GET": Route(management.queue)},
    "/api/trace": {"GET": Route(management.trace)},
    "/api/profiles": {"GET": Route(management.profiles)},
    "/api/profiles/active": {
        "GET": Route(management.active_profile),
        "PUT": Route(management.activate_profile, changes=True),
    },
    "/api/metrics/activity": {"GET": Route(management.activity)},
    "/api/metrics/stats": {"GET": Route(management.statistics)},
    "/api/models/unload": {"POST": Route(management.unload_all, changes=True)},
    "/api/reload": {"POST": Route(management.reload, "admin", changes=True)},
    "/api/drain": {"POST": Route(management.drain, changes=True)},
    "/api/resume": {"POST": Route(management.resume, changes=True)},
}

_WITH_ARGUMENT: tuple[tuple[str, str, str, Route], ...] = (
    ("GET", "/v1/models/", "", Route(show_model, "infer")),
    ("POST", "/api/models/unload/", "", Route(management.unload, changes=True)),
    ("POST", "/api/models/load/", "", Route(management.load, changes=True)),
    ("POST", "/api/models/", "/pin", Route(management.pin, changes=True)),
    ("POST", "/api/models/", "/unpin", Route(management.unpin, changes=True)),
    ("POST", "/api/inflight/", "/cancel", Route(management.cancel, changes=True)),
    ("GET", "/api/captures/", "", Route(management.capture)),
    ("GET", "/api/requests/", "", Route(management.request)),
    ("GET", "/logs/stream/", "", Route(logs.follow)),
    ("GET", "/logs/", "", Route(logs.history)),
)
"""Method, what stands before the argument and what after; a model's name may hold slashes."""


def _model_routes() -> dict[str, dict[str, ModelRoute]]:
    """Also `/v/…`, for clients that put `/v` where others have `/v1`: servers see neither."""
    table: dict[str, dict[str, ModelRoute]] = {}
    for method, paths in (("POST", MODEL_POST), ("GET", MODEL_GET)):
        for path in paths:
            table.setdefault(path, {})[method] = ModelRoute(path)
            if path.startswith("/v1/"):
                short = "/" + path[4:]
                table.setdefault("/v" + short, {})[method] = ModelRoute(short)
    return table


_TABLE: Mapping[str, Mapping[str, Route | ModelRoute]] = {**_EXACT, **_model_routes()}
TO_MODEL: Mapping[tuple[str, str], ModelRoute] = {
    (method, path): route
    for path, methods in _model_routes().items()
    for method, route in methods.items()
}
"""Method and path of the calls that are nearly all there are; `find` knows them as well."""


def find(method: str, path: str) -> tuple[Route | ModelRoute, str] | None:
    """The route and its argument, None for an unknown path; HEAD goes where GET does, unless that
    changes something.

    Raises `Refused` (405) with the methods that are `allowed`.
    """
    verb = "GET" if method == "HEAD" else method
    if (methods := _TABLE.get(path)) is not None:
        found = methods.get(verb)
        if found is None or (method == "HEAD" and isinstance(found, Route) and found.changes):
            raise _wrong_method(method, path, methods)
        return found, ""
    others = set()
    for takes, before, after, route in _WITH_ARGUMENT:
        argument = path[len(before) : len(path) - len(after)]
        if argument and path.startswith(before) and path.endswith(after):
            if takes == verb:
                return route, argument
            others.add(takes)
    if others:
        raise _wrong_method(method, path, others)
    return None


def _wrong_method(method: str, path: str, methods: Iterable[str]) -> Refused:
    allowed = sorted(methods)
    text = f"{path} takes {' and '.join(allowed)}, not {method}"
    return Refused("method_not_allowed", text, allowed=allowed)
