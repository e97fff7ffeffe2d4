"""The default backend: any server that speaks OpenAI's API and says on one path that it is up."""

from __future__ import annotations

from .contracts import Backend


class OpenAIBackend(Backend):
    """Loads at process start, is ready when `health` answers 2xx, ends with its process."""

    name = "openai"
