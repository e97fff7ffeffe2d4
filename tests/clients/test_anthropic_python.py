"""The `anthropic` package for Python, unchanged."""

from __future__ import annotations

from typing import Any

import anthropic
import pytest

pytestmark = pytest.mark.wire

MESSAGES: list[Any] = [{"role": "user", "content": "Say something."}]
SCHEMA = {
    "type": "object",
    "properties": {"city": {"type": "string"}, "days": {"type": "integer"}},
    "required": ["city"],
}
TOOLS: list[Any] = [{"name": "weather", "input_schema": SCHEMA}]


@pytest.fixture
def client(place: Any) -> anthropic.Anthropic:
    return anthropic.Anthropic(base_url=place.url, api_key="unused", max_retries=0, timeout=60)


@pytest.mark.parametrize("model", ["chat", "code"])
def test_whole_and_streamed_answers_agree(client: anthropic.Anthropic, model: str) -> None:
    whole = client.messages.create(model=model, max_tokens=64, messages=MESSAGES)
    assert whole.model == model
    assert whole.content[0].type == "text"
    with client.messages.stream(model=model, max_tokens=64, messages=MESSAGES) as stream:
        assert "".join(stream.text_stream) == whole.content[0].text
        assert stream.get_final_message().usage.output_tokens == 8


def test_the_use_of_a_tool(client: anthropic.Anthropic) -> None:
    answer = client.messages.create(model="code", max_tokens=64, messages=MESSAGES, tools=TOOLS)
    assert answer.stop_reason == "tool_use"
    (block,) = answer.content
    assert block.type == "tool_use"
    assert (block.name, set(block.input)) == ("weather", {"city", "days"})


def test_the_streamed_use_of_a_tool(client: anthropic.Anthropic) -> None:
    with client.messages.stream(
        model="chat", max_tokens=64, messages=MESSAGES, tools=TOOLS
    ) as stream:
        (block,) = stream.get_final_message().content
    assert block.type == "tool_use"
    assert set(block.input) == {"city", "days"}


def test_counting_tokens(client: anthropic.Anthropic) -> None:
    assert client.messages.count_tokens(model="chat", messages=MESSAGES).input_tokens > 0


def test_an_unknown_model_is_the_clients_own_not_found(client: anthropic.Anthropic) -> None:
    with pytest.raises(anthropic.NotFoundError) as caught:
        client.messages.create(model="nobody", max_tokens=64, messages=MESSAGES)
    assert isinstance(caught.value.body, dict)
    assert caught.value.body["error"]["type"] == "not_found_error"
