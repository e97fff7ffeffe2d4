"""vLLM and SGLang for Jano: `backend = "vllm"`, `backend = "sglang"`."""

from __future__ import annotations

from jano_core import Backend, hookimpl

from .sglang import SGLang
from .vllm import VLLM

__all__ = ["VLLM", "SGLang", "jano_backends"]


@hookimpl
def jano_backends() -> list[type[Backend]]:
    """Both engines."""
    return [VLLM, SGLang]
