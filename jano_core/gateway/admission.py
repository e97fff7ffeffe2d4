"""How a call that names its model by its path gets its ticket: through the queue, or beside it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from ..plugin.contracts import Caller
from ..runtime.aside import aside
from ..runtime.ticket import About
from .call import Call
from .destination import Destination
from .house import House
from .submit import permit, submit

if TYPE_CHECKING:
    from ..runtime.ticket import Ticket


@asynccontextmanager
async def admitted(
    house: House, call: Call, caller: Caller, destination: Destination
) -> AsyncIterator[Ticket]:
    """The call's ticket, for as long as it is served. Raises `Refused`.

    It may be a page, or a page's WebSocket: if the backend says that it needs no model, it neither
    waits for one nor wakes it.
    """
    table = house.config.models[destination.target.model]
    backend = house.registry.backends[table.backend]
    if backend.needs_model(call.method, destination.path):
        yield submit(house, call, caller, destination)
        return
    permit(caller, destination.target)
    about = About(path=call.path, method=call.method, stream=destination.stream)
    standing = table.launch == "attach"
    async with aside(
        house.dispatcher, destination.target.model, about, standing=standing
    ) as ticket:
        yield ticket
