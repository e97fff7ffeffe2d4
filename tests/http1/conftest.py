"""The server is asyncio's by nature; over real sockets it is tried on both loops."""

from __future__ import annotations

import pytest

ASYNCIO = pytest.param(("asyncio", {"use_uvloop": False}), id="asyncio")
UVLOOP = pytest.param(("asyncio", {"use_uvloop": True}), id="uvloop")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "anyio_backend" in metafunc.fixturenames:
        wire = metafunc.definition.get_closest_marker("wire")
        metafunc.parametrize("anyio_backend", [ASYNCIO, UVLOOP] if wire else [ASYNCIO])
