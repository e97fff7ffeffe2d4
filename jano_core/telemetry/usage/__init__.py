"""The built-in usage normalizers, weakest first: what a later one reports stands."""

from __future__ import annotations

from .anthropic import AnthropicUsage
from .llamacpp import LlamaCppUsage
from .ollama import OllamaUsage
from .openai import OpenAIUsage
from .vllm import VllmUsage

BUILTIN = (OllamaUsage, LlamaCppUsage, VllmUsage, AnthropicUsage, OpenAIUsage)

__all__ = [
    "BUILTIN",
    "AnthropicUsage",
    "LlamaCppUsage",
    "OllamaUsage",
    "OpenAIUsage",
    "VllmUsage",
]
