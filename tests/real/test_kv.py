"""Conversations that outlive a swap: llama-server's slots on disk, `save_kv = true`."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from jano_core.testing.running import RunningJano, running_jano
from tests.real.tiny_gguf import write_model
from tests.wire_client import ask

pytestmark = [pytest.mark.real, pytest.mark.wire, pytest.mark.anyio]

CHAT = "/v1/chat/completions"
HISTORY = "Tell me about the mill by the river. " * 60
"""More than 2,000 tokens: the tiny models know no word of it, so each letter is one."""
SENTENCE = "the river runs past an old mill at dawn"


class Box:
    """One Jano with a model that keeps its conversations and one that takes its place."""

    def __init__(self, jano: RunningJano, folder: Path) -> None:
        self.jano = jano
        self.files = folder / "state" / "jano" / "kv"

    async def turn(self, *said: str) -> dict[str, Any]:
        """The next turn of a conversation, in which the user said all this."""
        messages = [{"role": "user", "content": text} for text in said]
        body = json.dumps({"model": "keeps", "messages": messages, "max_tokens": 4}).encode()
        answer = await ask(self.jano.url, CHAT, body)
        assert answer.status == 200, answer.body
        document: dict[str, Any] = answer.json()
        return document

    async def swap_away(self) -> list[Path]:
        """Load the other model; the files that are there then."""
        body = json.dumps({"model": "other", "messages": [{"role": "user", "content": "x"}]})
        assert (await ask(self.jano.url, CHAT, body.encode())).status == 200
        return sorted(self.files.glob("*.kv"))

    def warnings(self) -> list[str]:
        return [line for line in self.jano.log_text().splitlines() if "cached prompts" in line]


@pytest.fixture
def box(llama_server: str, models: dict[str, Path], tmp_path: Path) -> Iterator[Box]:
    own = write_model(tmp_path / "own.gguf", SENTENCE)
    tables = []
    for name, path, keys in (("keeps", own, "save_kv = true"), ("other", models["tower"], "")):
        command = [llama_server, "-m", str(path), "--port", "${PORT}", "--host", "127.0.0.1"]
        command += ["-c", "8192", "-np", "2", "-t", "1"]
        keys = f'backend = "llamacpp"\ncmd = {json.dumps(command)}\n{keys}'
        tables.append(f"[models.{name}]\n{keys}\n")
    with running_jano("\n".join(tables), tmp_path) as jano:
        yield Box(jano, tmp_path)


async def test_a_conversation_goes_on_after_a_swap_and_back(box: Box) -> None:
    first = await box.turn(HISTORY)
    assert first["usage"]["prompt_tokens"] > 2000
    assert first["timings"]["cache_n"] == 0
    (saved,) = await box.swap_away()
    assert saved.parent.stat().st_mode & 0o077 == 0, "others may not read what is said"
    second = await box.turn(HISTORY, "And then?")
    assert second["timings"]["cache_n"] > 2000
    assert second["timings"]["prompt_n"] < 100
    assert box.warnings() == []


async def test_two_conversations_are_kept_and_a_longer_one_replaces_its_beginning(
    box: Box,
) -> None:
    tale = "Quite another tale of a tower and its harbour. " * 20
    await box.turn(HISTORY)
    await box.turn(tale)
    assert len(await box.swap_away()) == 2
    assert (await box.turn(HISTORY, "On."))["timings"]["cache_n"] > 2000
    assert (await box.turn(tale, "On."))["timings"]["cache_n"] > 800


async def test_a_damaged_file_costs_one_warning_and_the_prompt_is_read_again(box: Box) -> None:
    await box.turn(HISTORY)
    (saved,) = await box.swap_away()
    content = saved.read_bytes()
    saved.write_bytes(content[: len(content) // 2])
    second = await box.turn(HISTORY, "And then?")
    assert second["timings"]["cache_n"] == 0
    assert len(box.warnings()) == 1
    assert not saved.exists()


async def test_damage_that_cannot_be_seen_from_outside_is_refused_by_the_server(box: Box) -> None:
    """Size and time are what they were: the server's own check is what is left."""
    await box.turn(HISTORY)
    (saved,) = await box.swap_away()
    stamp, content = saved.stat(), bytearray(saved.read_bytes())
    state = 12 + 4 * int.from_bytes(content[8:12], "little")
    content[state : state + 64] = b"\xff" * 64
    saved.write_bytes(content)
    os.utime(saved, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
    second = await box.turn(HISTORY, "And then?")
    assert second["timings"]["cache_n"] == 0
    assert len(box.warnings()) == 1


async def test_a_file_of_something_else_is_not_used(box: Box, tmp_path: Path) -> None:
    """Somebody copies files about: however well one reads, it is not what was saved there."""
    await box.turn("A short one. " * 30)
    (short,) = await box.swap_away()
    shutil.copy(short, tmp_path / "elsewhere")
    await box.turn(HISTORY)
    (long,) = set(await box.swap_away()) - {short}
    shutil.copy(tmp_path / "elsewhere", long)
    second = await box.turn(HISTORY, "And then?")
    assert second["timings"]["cache_n"] < 100
    assert len(box.warnings()) == 1


async def test_a_changed_model_file_is_another_model(box: Box, tmp_path: Path) -> None:
    await box.turn(HISTORY)
    await box.swap_away()
    write_model(tmp_path / "own.gguf", SENTENCE)
    assert (await box.turn(HISTORY, "And then?"))["timings"]["cache_n"] == 0
    assert box.warnings() == []


async def test_a_conversation_outlives_jano(
    llama_server: str, models: dict[str, Path], tmp_path: Path
) -> None:
    command = [llama_server, "-m", str(models["river"]), "--port", "${PORT}", "-c", "8192"]
    config = f'[models.keeps]\nbackend = "llamacpp"\nsave_kv = true\ncmd = {json.dumps(command)}\n'
    found = []
    for _ in range(2):
        with running_jano(config, tmp_path) as jano:
            found.append((await Box(jano, tmp_path).turn(HISTORY))["timings"]["cache_n"])
    assert found[0] == 0 and found[1] > 2000
