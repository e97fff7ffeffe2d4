"""What plugins launch other programs with."""

from __future__ import annotations

import pytest

from jano_core.toolbox import ask


@pytest.mark.anyio
@pytest.mark.wire
@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_a_model_s_own_path_does_not_hide_the_program_that_launches_it() -> None:
    """`env` of a container or a unit goes through the environment of `docker` or `systemd-run`."""
    assert (await ask("env", env={"PATH": "/nowhere"})).status == 0
