"""One Jano with two models that exclude each other, for every client."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from jano_core.testing.running import RunningJano, running_jano
from tests.simulated import model_table


class Place(NamedTuple):
    """A running Jano and the books of its model servers."""

    jano: RunningJano
    book: Path

    @property
    def url(self) -> str:
        return self.jano.url


@pytest.fixture(scope="package")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    folder = tmp_path_factory.mktemp("clients")
    book = folder / "books.jsonl"
    config = "".join(
        model_table(name, book, "--load 0.2 --rate 100 --tokens 8") for name in ("chat", "code")
    )
    with running_jano(config, folder) as jano:
        yield Place(jano, book)
