"""The words of a sign of life."""

from __future__ import annotations

from typing import cast

import pytest

from jano_core.gateway.signs import working_text
from jano_core.plugin.capabilities import Reading
from jano_core.runtime.ticket import Ticket


class Told:
    """A ticket whose server says how far it is."""

    def __init__(self, reading: Reading | None) -> None:
        self._reading = reading

    async def reading(self) -> Reading | None:
        return self._reading


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("reading", "text"),
    [
        (None, "jano working"),
        (Reading(1536), "jano working prompt=1536"),
        (Reading(1536, 4000), "jano working prompt=1536/4000"),
    ],
)
async def test_a_silent_stream_is_told_how_far_its_prompt_is_read(
    reading: Reading | None, text: str
) -> None:
    assert await working_text(cast(Ticket, Told(reading))) == text
