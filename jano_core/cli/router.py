"""Talking to a running router with the standard library alone, over TCP or its unix socket."""

from __future__ import annotations

import http.client
import json
import os
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import click

from .. import announcement, folders
from ..errors import JanoError
from .group import Unreachable
from .text import cut

_SECONDS = 10.0
_KEY = "JANO_API_KEY"


class Router:
    """One router at `http://…` or `unix:/path`. Raises `Unreachable`, or `JanoError` with what
    the router said.
    """

    def __init__(self, address: str, url: str = "") -> None:
        self.address = address
        self.url = url or address

    def get(self, path: str) -> Any:
        """The JSON document at `path`."""
        answer = self._read(self._ask("GET", path, _SECONDS))
        try:
            return json.loads(answer)
        except ValueError:
            raise JanoError(f"what answers at {self.address} is no Jano") from None

    def text(self, path: str) -> str:
        """The text at `path`."""
        return self._read(self._ask("GET", path, _SECONDS)).decode("utf-8", "replace")

    def stream(self, path: str) -> Iterator[str]:
        """The text at `path` as it comes, without end."""
        response = self._ask("GET", path, None)
        while data := self._read(response, 65536):
            yield data.decode("utf-8", "replace")

    def post(self, path: str) -> str:
        """Order something and wait until it is done, however long a load takes."""
        return self._read(self._ask("POST", path, None)).decode("utf-8", "replace")

    def _ask(self, method: str, path: str, timeout: float | None) -> http.client.HTTPResponse:
        connection = self._connection(timeout)
        try:
            connection.request(method, path, headers=_headers())
            response = connection.getresponse()
        except (OSError, http.client.HTTPException) as error:
            why = getattr(error, "strerror", None) or str(error) or type(error).__name__
            raise Unreachable(f"no router answers at {self.address}: {why}") from None
        if response.status >= 400:
            hint = f"; put it into ${_KEY}" if response.status == 401 else ""
            raise JanoError(_message(response.status, self._read(response)) + hint)
        return response

    def _read(self, response: http.client.HTTPResponse, most: int | None = None) -> bytes:
        """All of it, or at `most` so many bytes as soon as there are any."""
        try:
            return response.read() if most is None else response.read1(most)
        except (OSError, http.client.HTTPException):
            raise Unreachable(f"the router at {self.address} broke off its answer") from None

    def _connection(self, timeout: float | None) -> http.client.HTTPConnection:
        if self.address.startswith("unix:"):
            return _UnixConnection(self.address.removeprefix("unix:"), timeout)
        try:
            parts = urlsplit(self.address)
            host = parts.hostname if parts.scheme in ("http", "https") else None
            port = parts.port
        except ValueError:  # brackets that do not match, a port that is none
            host = port = None
        if not host:
            raise click.BadParameter(f"{self.address!r} is no http:// or unix: address")
        kind = http.client.HTTPSConnection if parts.scheme == "https" else None
        return (kind or http.client.HTTPConnection)(host, port, timeout=timeout)


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: str, timeout: float | None) -> None:
        super().__init__("localhost", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


def find(url: str | None) -> Router:
    """The router that is meant: `--url`, `$JANO_URL`, the running one's file, the configuration.

    Raises `ConfigError` where it comes to the configuration and that is wrong.
    """
    if named := url or os.environ.get("JANO_URL"):
        return Router(named.rstrip("/"))
    if facts := announcement.read(folders.router_file()):
        unix = facts.get("socket")
        return Router(f"unix:{unix}" if unix else facts["url"], facts["url"])
    return Router(_configured())


def url_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """`--url`, for every command that talks to a router."""
    text = "The router; else $JANO_URL, the one that runs here, or the configuration's address."
    return click.option("--url", metavar="URL", help=text)(command)


def json_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """`--json`, for every command that reads something."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON.")(command)


def model_path(prefix: str, model: str) -> str:
    """`prefix/model`; slashes of a model's name stay, everything else is escaped."""
    return f"{prefix}/{quote(model, safe='/')}"


def _headers() -> dict[str, str]:
    key = os.environ.get(_KEY)
    return {"accept": "application/json, text/plain"} | (
        {"authorization": f"Bearer {key}"} if key else {}
    )


def _configured() -> str:
    from ..config import find as files
    from ..config.load import load
    from ..config.schema import ServerTable
    from ..plugin.registry import Registry

    if files.find(None, os.environ) is None and "SWAP_COMMAND" not in os.environ:
        server = ServerTable()
    else:
        server = load(None, Registry.discover()).config.server
    if server.unix_socket and Path(server.unix_socket).exists():
        return f"unix:{server.unix_socket}"
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(server.host, server.host)
    return f"http://[{host}]:{server.port}" if ":" in host else f"http://{host}:{server.port}"


def _message(status: int, body: bytes) -> str:
    try:
        error = json.loads(body)["error"]
    except (ValueError, KeyError, TypeError):
        page = cut(body.decode("utf-8", "replace").strip(), 200)
        return f"the router answered {status}: {page}"
    return str(error["message"] if isinstance(error, dict) else error)
