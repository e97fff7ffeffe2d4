"""What was once a secret stays masked, also when a reload has taken it out of the configuration."""

from __future__ import annotations

from pathlib import Path

import pytest

from jano_core.testing.playhouse import Actor, playhouse

pytestmark = pytest.mark.anyio

OLD, NEW = "sk-planted-before", "sk-planted-after"


async def test_a_server_that_runs_on_tells_no_secret_of_before(tmp_path: Path) -> None:
    planted = tmp_path / "key"
    planted.write_text(OLD)
    chat = Actor("chat", settings=f'env = {{ KEY = "${{file:{planted}}}" }}')
    async with playhouse(chat) as stage:
        seen = stage.jano.dispatcher.crew.logs["chat"]
        tell = stage.jano.log_of(seen)
        tell(f"started with {OLD}\n")
        planted.write_text(NEW)
        await stage.jano.reload()
        tell(f"now it is {NEW}, and was {OLD}\n")
        assert seen.history() == "started with ***\nnow it is ***, and was ***\n"
