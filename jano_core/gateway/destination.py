"""Where a call goes: which model, under which name and path, and what its body still needs."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Literal
from urllib.parse import quote

import msgspec
from msgspec import Struct

from ..errors import Refused
from .body import Body
from .call import Call, join_target
from .filters import Edit, edits
from .framing import EVENTS, Framing
from .house import House
from .members import Malformed
from .multipart import parts, peek_form
from .peek import one_of, peek

if TYPE_CHECKING:
    from ..config.catalog import Target

Carrier = Literal["json", "form", "query", "path"]

UPSTREAM = "/upstream/"
SHOWN = 200
"""Characters of an unknown name that are repeated: it may be as long as a body."""
_MODEL_PARAMETER = re.compile(rb"(?<=[?&])model=[^&]*")


class Destination(Struct, frozen=True):
    """A resolved call. `raw_target` is the path and query for the model's server.

    `stream`: the client asked for one, and reads it in this `framing`.
    `limit` is the most tokens that the answer may have, as far as that is known.
    `carrier` is where the model's name stands, and so what filters and another name may change.
    """

    target: Target
    raw_target: bytes
    path: str
    stream: bool = False
    framing: Framing = EVENTS
    limit: int | None = None
    carrier: Carrier = "json"

    def prepare(self, call: Call, body: Body, upstream_model: str) -> bytes:
        """Put filters and the name that the server expects into the body, or into the target,
        which is returned.
        """
        if self.carrier == "query" and upstream_model:
            name = quote(upstream_model, safe="").encode()
            return _MODEL_PARAMETER.sub(lambda _: b"model=" + name, self.raw_target)
        if self.carrier == "form" and upstream_model:
            kind = call.fields[b"content-type"]
            body.change([
                Edit(part.start, part.end, upstream_model.encode())
                for part in parts(body.buffer, kind)
                if part.name == b"model"
            ])  # fmt: skip
        if self.carrier == "json" and (upstream_model or self.target.filters):
            try:
                body.change(edits(body.buffer, self.target.filters, upstream_model))
            except Malformed as error:
                raise Refused("invalid_json", f"the body is not valid JSON: {error}")
        return self.raw_target


def by_name(house: House, call: Call, body: Body, path: str) -> Destination:
    """By the `model` of the body, or of the query for GET and HEAD. Raises `Refused`."""
    raw_target = join_target(path.encode(), call.query)
    if call.method in ("GET", "HEAD"):
        name = one_of(set(call.parameters().get("model", ())))
        return Destination(
            target=_found(house, name), raw_target=raw_target, path=path, carrier="query"
        )
    content_type = call.fields.get(b"content-type", b"")
    form = content_type[:10].lower() == b"multipart/"
    seen = peek_form(body.buffer, content_type) if form else peek(body.buffer)
    target = _found(house, seen.model)
    carrier: Carrier = "form" if form else "json"
    return Destination(target, raw_target, path, seen.stream, EVENTS, seen.limit, carrier)


def by_path(house: House, call: Call, body: Body) -> Destination | None:
    """By `/upstream/{model}/{path}` or a model's own `paths`; None for a bare `/upstream/{model}`.

    The body is nobody's business but the server's, and the path stays encoded as it came.
    Raises `Refused`.
    """
    path = call.raw_path.decode("latin-1")
    if path.startswith(UPSTREAM):
        found = house.catalog.by_upstream(path.removeprefix(UPSTREAM))
    else:
        found = house.catalog.by_path(path)
    if found is None:
        raise unknown_model(house, path.removeprefix(UPSTREAM).split("/")[0])
    target, rest = found
    if not rest:
        return None
    return Destination(
        target=target,
        raw_target=join_target(rest.encode("latin-1"), call.query),
        path=rest,
        stream=_streams(body),
        carrier="path",
    )


def leads_to_model(house: House, call: Call) -> bool:
    """Whether `by_path` is to be asked."""
    raw = call.raw_path.decode("latin-1")
    return raw.startswith(UPSTREAM) or house.catalog.by_path(raw) is not None


def spoken_path(call: Call) -> str:
    """The path as far as it tells which dialect the client speaks."""
    if call.path.startswith(UPSTREAM) and "/v1/" in call.path:
        return call.path[call.path.index("/v1/") :]
    return call.path


def unknown_model(house: House, name: str) -> Refused:
    """The error that lists every accepted name."""
    accepted = list(house.catalog.accepted)
    shown = name if len(name) <= SHOWN else f"{name[:SHOWN]}…"
    text = f"unknown model {shown!r}; accepted: {', '.join(accepted) or 'none'}"
    return Refused("model_not_found", text, param="model", accepted=accepted)


def _streams(body: Body) -> bool:
    """Whether a body that is not looked into otherwise asks for a stream."""
    try:
        return msgspec.json.decode(body.buffer, type=_Streamed).stream
    except (msgspec.DecodeError, RecursionError):
        return False


class _Streamed(Struct):
    stream: bool = False


def _found(house: House, name: str) -> Target:
    target = house.catalog.find(name)
    if target is None:
        raise unknown_model(house, name)
    return target
