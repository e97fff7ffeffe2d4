"""What the gateway needs of the house that it stands in; `app.py` provides it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

from ..clock import Clock
from ..config.schema import Config
from ..errors import Refused
from ..plugin.contracts import Authenticator, Caller, Dialect
from ..telemetry.facts import ConfigReloaded
from .call import Call

if TYPE_CHECKING:
    from ..config.catalog import Catalog
    from ..plugin.registry import Registry
    from ..runtime.dispatcher import Dispatcher
    from ..runtime.log_buffer import LogBuffer
    from ..telemetry.activity import Activity
    from ..telemetry.feed import Feed
    from ..telemetry.ledger import Ledger
    from ..telemetry.observatory import Observatory
    from ..telemetry.usage_reader import UsageReader
    from .vigil import Patience


class House(Protocol):
    """Read anew for each call, since a reload may change any of it."""

    config: Config
    catalog: Catalog
    registry: Registry
    dispatcher: Dispatcher
    ledger: Ledger
    activity: Activity
    feed: Feed
    telemetry: Observatory
    router_log: LogBuffer
    dialects: Sequence[Dialect]
    usage_reader: UsageReader
    authenticator: Authenticator
    clock: Clock
    patience: Mapping[str, Patience]
    """Model → how long its server is waited for."""
    version: str

    def trace(self) -> bytes:
        """Recent arrivals, as lines that `jano simulate` reads."""
        ...

    async def reload(self) -> ConfigReloaded:
        """Read the configuration again; raises `ConfigError` and then nothing has changed."""
        ...


def admit(house: House, call: Call, scope: str) -> Caller:
    """Who asks; raises `Refused` where the key is not good or not for `scope`."""
    caller = house.authenticator.admit(call.fields, call.peer)
    if scope not in caller.scopes:
        raise Refused("permission_denied", f"this key does not allow {scope!r} calls")
    return caller


def dialect_of(house: House, path: str) -> Dialect:
    """The dialect that clients of `path` speak: the longest prefix that matches."""
    best = max(
        ((len(prefix), dialect) for dialect in house.dialects for prefix in dialect.prefixes
         if path.startswith(prefix)),
        key=lambda match: match[0],
    )  # fmt: skip
    return best[1]
