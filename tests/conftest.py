"""Async tests run on trio's jumping clock, so that an hour takes a moment; the wire on asyncio."""

from __future__ import annotations

from typing import Any

import pytest
from trio.testing import MockClock


@pytest.fixture
def anyio_backend(request: pytest.FixtureRequest) -> Any:
    if request.node.get_closest_marker("wire"):
        return "asyncio"
    return "trio", {"clock": MockClock(autojump_threshold=0)}
