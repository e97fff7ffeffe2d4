"""What a model server reports of its answers, and who reads it."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import Any

from msgspec import Struct

from .contract import Contract


class Usage(Struct, frozen=True, kw_only=True):
    """What a server reported of one answer. Rates in tokens per second; None = not observed.

    `source` names where the rates come from (`timings`, `ollama`, `clock`, ...). `count_source` is
    the normalizer that read the counts; who reads an answer sets it.
    """

    prompt_tokens: int | None = None
    generated_tokens: int | None = None
    cached_tokens: int | None = None
    generated_per_second: float | None = None
    prompt_per_second: float | None = None
    source: str | None = None
    count_source: str | None = None

    @property
    def counts(self) -> bool:
        """Is any number of tokens known?"""
        return not (self.prompt_tokens is self.generated_tokens is self.cached_tokens is None)

    def merged(self, later: Usage) -> Usage:
        """Field by field, `later` wins where it has a value."""
        if self == NOTHING:
            return later
        fields = {
            name: new if (new := getattr(later, name)) is not None else getattr(self, name)
            for name in self.__struct_fields__
        }
        return Usage(**fields)


NOTHING = Usage()
"""What a server says that reports nothing."""


class UsageNormalizer(Contract):
    """Reads the JSON documents that pass in an answer. Stateless; one object serves all."""

    @abstractmethod
    def read(self, document: Mapping[str, Any]) -> Usage | None:
        """Usage in one JSON object (a whole answer or a streamed event), or None. Never raises."""
