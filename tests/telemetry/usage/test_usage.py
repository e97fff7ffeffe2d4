"""What each server's usage looks like, and what is made of it."""

from __future__ import annotations

import pytest

from jano_core.plugin.contracts import Usage
from jano_core.telemetry.usage import (
    AnthropicUsage,
    LlamaCppUsage,
    OllamaUsage,
    OpenAIUsage,
    VllmUsage,
)


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        (
            {"usage": {"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7}},
            Usage(prompt_tokens=3, generated_tokens=4),
        ),
        (
            {"usage": {"prompt_tokens": 8, "prompt_tokens_details": {"cached_tokens": 5}}},
            Usage(prompt_tokens=8, cached_tokens=5),
        ),
        (
            {
                "type": "response.completed",
                "response": {
                    "usage": {
                        "input_tokens": 8,
                        "output_tokens": 2,
                        "input_tokens_details": {"cached_tokens": 0},
                    }
                },
            },
            Usage(prompt_tokens=8, generated_tokens=2, cached_tokens=0),
        ),
        (
            {"usage": {"completion_tokens": 4, "completion_tokens_per_sec": 31.5}},
            Usage(generated_tokens=4, generated_per_second=31.5, source="usage"),
        ),
        ({"usage": {"prompt_tokens": "3", "completion_tokens": True}}, Usage()),
        ({"usage": {"prompt_tokens": float("inf"), "completion_tokens": -1}}, Usage()),
        ({"usage": {"prompt_tokens": 10**30, "completion_tokens": 1e30}}, Usage()),
        ({"usage": {"completion_tokens_per_sec": 1e308}}, Usage()),
        ({"usage": None}, None),
        ({"usage": [1]}, None),
        ({"type": "message", "usage": {"input_tokens": 3}}, None),
        ({}, None),
    ],
)
def test_openai(document, expected):
    assert OpenAIUsage().read(document) == expected


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        (
            {
                "type": "message_start",
                "message": {"usage": {"input_tokens": 3, "cache_read_input_tokens": 100}},
            },
            Usage(prompt_tokens=103, cached_tokens=100),
        ),
        (
            {"type": "message_delta", "usage": {"output_tokens": 12}},
            Usage(generated_tokens=12),
        ),
        (
            {
                "type": "message",
                "usage": {
                    "input_tokens": 1,
                    "cache_creation_input_tokens": 10,
                    "cache_read_input_tokens": 0,
                    "output_tokens": 2,
                },
            },
            Usage(prompt_tokens=11, generated_tokens=2, cached_tokens=0),
        ),
        ({"type": "content_block_delta", "usage": {"output_tokens": 2}}, None),
        ({"type": "message_start", "message": 3}, None),
        ({"usage": {"input_tokens": 1}}, None),
    ],
)
def test_anthropic(document, expected):
    assert AnthropicUsage().read(document) == expected


@pytest.mark.parametrize(
    ("timings", "expected"),
    [
        (
            {"prompt_n": 5, "predicted_n": 6, "predicted_per_second": 7.5, "prompt_per_second": 80},
            Usage(
                prompt_tokens=5,
                generated_tokens=6,
                generated_per_second=7.5,
                prompt_per_second=80.0,
                source="timings",
            ),
        ),
        ({"cache_n": 95, "prompt_n": 5}, Usage(prompt_tokens=100, cached_tokens=95)),
        ({"predicted_n": 0, "predicted_per_second": None}, Usage(generated_tokens=0)),
        ({"predicted_per_second": float("nan")}, Usage()),
        ({}, None),
        ("no", None),
    ],
)
def test_llamacpp(timings, expected):
    assert LlamaCppUsage().read({"timings": timings}) == expected


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        (
            {
                "done": True,
                "prompt_eval_count": 20,
                "prompt_eval_duration": 100_000_000,
                "eval_count": 30,
                "eval_duration": 1_500_000_000,
            },
            Usage(
                prompt_tokens=20,
                generated_tokens=30,
                generated_per_second=20.0,
                prompt_per_second=200.0,
                source="ollama",
            ),
        ),
        ({"eval_count": 30, "eval_duration": 0}, Usage(generated_tokens=30)),
        ({"eval_count": 30}, Usage(generated_tokens=30)),
        ({"done": False, "response": "a"}, None),
    ],
)
def test_ollama(document, expected):
    assert OllamaUsage().read(document) == expected


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        (
            {
                "usage": {"prompt_tokens": 42, "completion_tokens": 128},
                "metrics": {
                    "time_to_first_token_ms": 85.2,
                    "generation_time_ms": 1240.5,
                    "queue_time_ms": 12.3,
                    "mean_itl_ms": 9.1,
                    "tokens_per_second": 103.2,
                },
            },
            Usage(generated_per_second=103.2, source="metrics"),
        ),
        ({"metrics": {"time_to_first_token_ms": 85.2, "tokens_per_second": None}}, None),
        ({"metrics": 3}, None),
        ({}, None),
    ],
)
def test_vllm(document, expected):
    assert VllmUsage().read(document) == expected
