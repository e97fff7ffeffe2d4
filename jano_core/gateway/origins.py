"""Web pages: which may read answers, and which may not even ask.

A browser lets any page send simple requests to any address, this box's loopback included; only
reading the answer needs permission. So calls that change something must not come from a foreign
page. And a page whose own name was made to point at the loopback (DNS rebinding) counts as being
at home there, which only the Host header gives away.
"""

from __future__ import annotations

from functools import lru_cache
from ipaddress import ip_address
from urllib.parse import urlsplit

from ..config.schema import Config
from ..errors import Refused
from .call import Call, RawHeaders

_SIMPLE = ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "")
"""Content types that a page may send anywhere without asking first."""
_LOCAL_SUFFIXES = (".localhost", ".local", ".internal")
_ELSEWHERE = (b"cross-site", b"same-site")
"""What `sec-fetch-site` says of pages of another origin; another port is one, too."""
_METHODS = b"GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"
_EXPOSED = b"x-jano-request-id, x-jano-model, x-jano-queue-ms, x-jano-swap-ms, retry-after"


def cors_headers(config: Config, call: Call) -> RawHeaders:
    """For an origin in `server.cors_origins`; empty for all others."""
    if not call.fields.get(b"origin") or not _listed(config, origin := call.field(b"origin")):
        return []
    return [
        (b"access-control-allow-origin", origin.encode("latin-1")),
        (b"access-control-expose-headers", _EXPOSED),
        (b"vary", b"origin"),
    ]


def preflight_headers(config: Config, call: Call) -> RawHeaders:
    """The answer to OPTIONS. Raises `Refused` for an origin that may not read answers."""
    allowed = [(b"allow", _METHODS)]
    if not call.field(b"origin") or not call.field(b"access-control-request-method"):
        return allowed
    if not call.cors:
        raise _foreign(call)
    asked = call.fields.get(b"access-control-request-headers", b"")
    return [
        *allowed,
        (b"access-control-allow-methods", _METHODS),
        (b"access-control-allow-headers", asked or b"content-type, authorization"),
        (b"access-control-max-age", b"86400"),
    ]


def guard(config: Config, call: Call, *, changes: bool) -> None:
    """Raises `Refused("permission_denied")` for what a foreign page might have sent.

    `changes` says that the call does something, whatever its content type; a request for a model
    is kept from foreign pages only where the browser would not have asked first.
    """
    fields = call.fields
    if config.auth.authenticator == "none":
        name = _stranger(config.server.host, fields.get(b"host", b""))
        if name and name not in map(_name, config.server.cors_origins):
            raise _not_at_home(name)
    if not fields.get(b"origin"):
        # Browsers name no origin where a page only embeds something, or leads there by a link.
        if changes and fields.get(b"sec-fetch-site") in _ELSEWHERE:
            raise Refused("permission_denied", "pages of another origin may not do this")
        return
    origin = call.field(b"origin")
    if _own(call, origin) or _listed(config, origin):
        return
    kind = call.field(b"content-type").partition(";")[0].strip().lower()
    if changes or (call.method not in ("GET", "HEAD") and kind in _SIMPLE):
        raise _foreign(call)


def _not_at_home(name: str) -> Refused:
    return Refused(
        "permission_denied",
        f"without keys Jano answers only to local names, not as {name!r}; to have it behind that "
        "name, set up keys or add its origin to server.cors_origins",
    )


def _own(call: Call, origin: str) -> bool:
    return origin.partition("://")[2].lower() == call.field(b"host").lower()


@lru_cache(maxsize=1024)
def _stranger(listening: str, said: bytes) -> str:
    """The name in a Host header, where Jano listens on the loopback alone and it can mean something
    else; otherwise empty.
    """
    name = _name("//" + said.decode("latin-1"))
    local = "." not in name or _is_address(name) or name.endswith(_LOCAL_SUFFIXES)
    return "" if local or not _is_loopback(listening) else name


def _name(url: str) -> str:
    try:
        return urlsplit(url).hostname or ""
    except ValueError:  # brackets without an address: no browser sends that
        return ""


def _listed(config: Config, origin: str) -> bool:
    origins = config.server.cors_origins
    return "*" in origins or origin in origins


def _foreign(call: Call) -> Refused:
    text = f"pages of {call.field(b'origin')} may not do this; see server.cors_origins"
    return Refused("permission_denied", text)


def _is_loopback(host: str) -> bool:
    return host == "localhost" or (_is_address(host) and ip_address(host).is_loopback)


def _is_address(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True
