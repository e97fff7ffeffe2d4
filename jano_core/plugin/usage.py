"""What a model server reports of its answers, and who reads it."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar

from msgspec import Struct
from msgspec.structs import asdict, replace

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
        known = {name: value for name, value in asdict(later).items() if value is not None}
        return replace(self, **known)


NOTHING = Usage()
"""What a server says that reports nothing."""


class UsageNormalizer(Contract):
    """Reads the JSON documents that pass in an answer. Stateless; one object serves all."""

    marks: ClassVar[tuple[bytes, ...]] = ()
    """What stands in every document, as UTF-8, that it can read something in: any one of these.
    It is asked of no other. Empty: it is asked of every document.
    """

    @abstractmethod
    def read(self, document: Mapping[str, Any]) -> Usage | None:
        """Usage in one JSON object (a whole answer or a streamed event), or None. Never raises."""
