"""Paths that only a dialect's own clients know: its calls to models, and its pages about them."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct
from msgspec.structs import replace

from ..errors import Refused
from ..plugin.contracts import Caller, Dialect
from ..plugin.translation import Listed
from .body import Body
from .call import Call
from .destination import Destination, by_name
from .errand import Errand
from .framing import LINES
from .house import House
from .translated import translated


class ForeignRoute(Struct, frozen=True):
    """A path of `dialect`'s own: one of its calls to a model, or one of its pages."""

    dialect: Dialect
    to_model: bool


def find(house: House, method: str, path: str) -> ForeignRoute | None:
    """The route, None for a path that no dialect has; HEAD goes where GET does.

    Raises `Refused` (405) with the method that is `allowed`.
    """
    for dialect in house.dialects:
        to_model = path in dialect.calls
        takes = "POST" if to_model else dialect.pages.get(path)
        if takes is not None:
            if takes != ("GET" if method == "HEAD" else method):
                text = f"{path} takes {takes}, not {method}"
                raise Refused("method_not_allowed", text, allowed=[takes])
            return ForeignRoute(dialect, to_model)
    return None


def destined(
    house: House, call: Call, body: Body, dialect: Dialect
) -> tuple[Call, Body, Destination]:
    """A call to a model as its server is to get it: as it is, if the server speaks the dialect,
    otherwise translated both ways. Raises `Refused`.
    """
    destination = by_name(house, call, body, call.path)
    backend = house.registry.backends[destination.target.table.backend]
    raw = bytes(body.buffer)
    if dialect.name in backend.speaks:
        lines = dialect.streams_lines(call.path, raw)
        own = replace(destination, stream=lines, framing=LINES)
        return call, Body(dialect.adjust(call.path, raw)), own
    translation = dialect.translate(call.path, raw)
    there = replace(
        destination,
        path=translation.path,
        raw_target=translation.path.encode(),
        stream=translation.stream,
    )
    return translated(call, dialect, translation), Body(translation.body), there


async def show_page(errand: Errand, dialect: Dialect) -> None:
    """Answer one of the dialect's pages."""
    models = tuple(_listed(errand.house, errand.caller))
    await errand.send_json(dialect.page(errand.call.path, models, errand.body))


def _listed(house: House, caller: Caller) -> Iterator[Listed]:
    states = house.dispatcher.snapshot().models
    for model, table in sorted(house.config.models.items()):
        if not table.listed or (caller.models is not None and model not in caller.models):
            continue
        now = states.get(model)
        for name in (model, *table.variants):
            yield Listed(
                name=name,
                model=model,
                aliases=table.aliases if name == model else (),
                state=now.state if now else "stopped",
                since=now.since if now else None,
                memory=(now.memory if now else None) or table.memory,
                ttl=table.ttl,
                parallel=now.slots if now else table.parallel,
                description=table.description,
                metadata=table.metadata,
                backend=table.backend,
            )
