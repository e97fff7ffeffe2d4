"""The `ollama` package for Python, unchanged, with servers behind Jano that speak OpenAI's API."""

from __future__ import annotations

import json
from typing import Any

import ollama
import pytest

from jano_ollama.dialect import OllamaDialect
from tests.simulated import loads

pytestmark = pytest.mark.wire

MODELS = ("chat", "code")
MESSAGES = [{"role": "user", "content": "Say something."}]


def weather(city: str, days: int) -> str:
    """What the weather will be.

    Args:
      city: where
      days: for how long
    """
    return "sunny"


@pytest.fixture
def client(place: Any) -> ollama.Client:
    return ollama.Client(host=place.url, timeout=60)


@pytest.mark.parametrize("model", MODELS)
def test_a_whole_answer(client: ollama.Client, model: str) -> None:
    answer = client.chat(model=model, messages=MESSAGES)
    assert answer.model == model
    assert answer.message.content
    assert (answer.done, answer.done_reason, answer.eval_count) == (True, "stop", 8)
    assert answer.eval_duration


@pytest.mark.parametrize("model", MODELS)
def test_a_streamed_answer_is_the_whole_one(client: ollama.Client, model: str) -> None:
    whole = client.chat(model=model, messages=MESSAGES)
    pieces = list(client.chat(model=model, messages=MESSAGES, stream=True))
    assert "".join(piece.message.content or "" for piece in pieces) == whole.message.content
    assert [piece.done for piece in pieces] == [False] * (len(pieces) - 1) + [True]
    assert pieces[-1].eval_count == 8


def test_a_limit_is_one_in_ollamas_words(client: ollama.Client) -> None:
    answer = client.chat(model="chat", messages=MESSAGES, options={"num_predict": 3})
    assert (answer.eval_count, answer.done_reason) == (3, "length")


@pytest.mark.parametrize("stream", [False, True])
def test_a_tool_is_called_and_its_result_taken_back(client: ollama.Client, stream: bool) -> None:
    asked = {"model": "code", "messages": MESSAGES, "tools": [weather]}
    answers = list(client.chat(**asked, stream=True)) if stream else [client.chat(**asked)]
    (call,) = [call for answer in answers for call in answer.message.tool_calls or ()]
    assert call.function.name == "weather"
    assert set(call.function.arguments) == {"city", "days"}
    said = next(answer.message for answer in answers if answer.message.tool_calls)
    back = [*MESSAGES, said, {"role": "tool", "tool_name": "weather", "content": "sunny"}]
    assert client.chat(model="code", messages=back, tools=[weather]).message.content


def test_a_prompt_is_answered_whole_and_streamed(client: ollama.Client) -> None:
    whole = client.generate(model="chat", prompt="Say something.", system="Be short.")
    pieces = client.generate(model="chat", prompt="Say something.", stream=True)
    assert whole.response
    assert "".join(piece.response for piece in pieces) == whole.response
    assert client.generate(model="chat", prompt="def", raw=True).response


def test_texts_become_vectors(client: ollama.Client) -> None:
    found = client.embed(model="chat", input=["one", "three"])
    assert [vector[0] for vector in found.embeddings] == [3, 5]
    assert client.embeddings(model="chat", prompt="one").embedding[0] == 3


def test_models_are_listed_shown_and_loaded(client: ollama.Client) -> None:
    assert [each.model for each in client.list().models] == list(MODELS)
    assert client.generate(model="code").done_reason == "load"
    assert [each.model for each in client.ps().models] == ["code"]
    assert "completion" in (client.show("code").capabilities or ())


def test_signs_of_life_of_an_ollama_s_own_streams_are_read_over() -> None:
    piece = json.loads(OllamaDialect().keepalive("jano waiting position=1"))
    said = ollama.ChatResponse(**piece)
    assert (said.message.content, said.message.tool_calls, said.done) == ("", None, False)
    written = ollama.GenerateResponse(**piece)
    assert (written.response, written.thinking, written.done) == ("", None, False)


def test_errors_are_the_clients_own(client: ollama.Client) -> None:
    with pytest.raises(ollama.ResponseError) as unknown:
        client.chat(model="nobody", messages=MESSAGES)
    assert unknown.value.status_code == 404
    assert "accepted: chat, code" in unknown.value.error
    with pytest.raises(ollama.ResponseError, match="not found"):
        client.show("nobody")
    with pytest.raises(ollama.ResponseError, match="Jano decides"):
        client.generate(model="chat", keep_alive=0)


def test_a_mixed_burst_costs_one_swap_at_most(client: ollama.Client, place: Any) -> None:
    from concurrent.futures import ThreadPoolExecutor

    before = loads(place.book).total()
    with ThreadPoolExecutor(12) as pool:
        asked = [pool.submit(client.chat, MODELS[n % 2], MESSAGES) for n in range(12)]
        assert [each.result().model for each in asked] == list(MODELS) * 6
    assert loads(place.book).total() - before <= 2
