"""The `openai` package for Python, unchanged, with two models behind one address."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import openai
import pytest

from tests.simulated import loads

pytestmark = pytest.mark.wire

MODELS = ("chat", "code")
MESSAGES: list[Any] = [{"role": "user", "content": "Say something."}]
TOOLS: list[Any] = [
    {
        "type": "function",
        "function": {
            "name": "weather",
            "parameters": {
                "type": "object",
                "properties": {"city": {"type": "string"}, "days": {"type": "integer"}},
            },
        },
    }
]


@pytest.fixture
def client(place: Any) -> openai.OpenAI:
    return openai.OpenAI(base_url=place.url + "/v1", api_key="unused", max_retries=0, timeout=60)


@pytest.mark.parametrize("model", MODELS)
def test_a_whole_answer(client: openai.OpenAI, model: str) -> None:
    answer = client.chat.completions.create(model=model, messages=MESSAGES)
    assert answer.model == model
    assert answer.choices[0].message.content
    assert answer.usage is not None
    assert answer.usage.completion_tokens == 8


@pytest.mark.parametrize("model", MODELS)
def test_a_streamed_answer_is_the_whole_one(client: openai.OpenAI, model: str) -> None:
    whole = client.chat.completions.create(model=model, messages=MESSAGES)
    stream = client.chat.completions.create(
        model=model, messages=MESSAGES, stream=True, stream_options={"include_usage": True}
    )
    chunks = list(stream)
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert text == whole.choices[0].message.content
    assert {chunk.model for chunk in chunks} == {model}
    assert chunks[-1].usage is not None
    assert chunks[-1].usage.completion_tokens == 8


def test_a_tool_call(client: openai.OpenAI) -> None:
    answer = client.chat.completions.create(model="code", messages=MESSAGES, tools=TOOLS)
    assert answer.choices[0].finish_reason == "tool_calls"
    (call,) = answer.choices[0].message.tool_calls or ()
    assert call.type == "function"
    assert call.function.name == "weather"
    assert set(json.loads(call.function.arguments)) == {"city", "days"}


def test_a_streamed_tool_call(client: openai.OpenAI) -> None:
    stream = client.chat.completions.create(
        model="chat", messages=MESSAGES, tools=TOOLS, stream=True
    )
    name, arguments = "", ""
    for chunk in stream:
        for call in chunk.choices[0].delta.tool_calls or ():
            assert call.function is not None
            name += call.function.name or ""
            arguments += call.function.arguments or ""
    assert name == "weather"
    assert set(json.loads(arguments)) == {"city", "days"}


def test_the_result_of_a_tool_is_taken_back(client: openai.OpenAI) -> None:
    first = client.chat.completions.create(model="chat", messages=MESSAGES, tools=TOOLS)
    (call,) = first.choices[0].message.tool_calls or ()
    back: list[Any] = [
        *MESSAGES,
        first.choices[0].message,
        {"role": "tool", "tool_call_id": call.id, "content": "sunny"},
    ]
    second = client.chat.completions.create(model="chat", messages=back, tools=TOOLS)
    assert second.choices[0].message.content


def test_other_endpoints(client: openai.OpenAI) -> None:
    assert [model.id for model in client.models.list()] == list(MODELS)
    assert client.embeddings.create(model="chat", input=["one", "two"]).data[1].index == 1
    assert client.completions.create(model="code", prompt="def").choices[0].text
    assert client.responses.create(model="code", input="Say something.").output_text
    with client.responses.stream(model="chat", input="Say something.") as stream:
        assert stream.get_final_response().output_text


def test_an_unknown_model_is_the_clients_own_not_found(client: openai.OpenAI) -> None:
    with pytest.raises(openai.NotFoundError) as caught:
        client.chat.completions.create(model="nobody", messages=MESSAGES)
    assert caught.value.code == "model_not_found"
    assert isinstance(caught.value.body, dict)
    assert set(MODELS) <= set(caught.value.body["accepted"])


def test_a_mixed_burst_costs_one_swap_at_most(place: Any) -> None:
    async def burst() -> list[str]:
        client = openai.AsyncOpenAI(
            base_url=place.url + "/v1", api_key="unused", max_retries=0, timeout=60
        )
        async with client:
            answers = await asyncio.gather(
                *(
                    client.chat.completions.create(model=MODELS[number % 2], messages=MESSAGES)
                    for number in range(12)
                )
            )
        return [answer.model for answer in answers]

    before = loads(place.book).total()
    assert asyncio.run(burst()) == list(MODELS) * 6
    assert loads(place.book).total() - before <= 2
