"""The dialect's two translations, there and back, and what native servers are kept from."""

from __future__ import annotations

import json
from typing import Any

import pytest

from jano_core import Listed, Refused
from jano_ollama import OllamaDialect

DIALECT = OllamaDialect()


def there(path: str = "/api/chat", **members: Any) -> dict[str, Any]:
    body = json.dumps({"model": "chat", **members}).encode()
    found: dict[str, Any] = json.loads(DIALECT.translate(path, body).body)
    return found


def chunk(**delta: Any) -> dict[str, Any]:
    return {"created": 1, "choices": [{"index": 0, "delta": delta, "finish_reason": None}]}


def lines(data: bytes) -> list[dict[str, Any]]:
    return [json.loads(line) for line in data.splitlines()]


def test_a_stream_is_what_ollama_makes_unless_it_is_told_not_to() -> None:
    asked = there(messages=[{"role": "user", "content": "hi"}])
    assert asked["stream"] is True
    assert asked["stream_options"] == {"include_usage": True}
    assert "stream" not in there(messages=[{"role": "user", "content": "hi"}], stream=False)


def test_null_is_what_some_clients_write_for_nothing() -> None:
    names = ("tools", "images", "system", "options", "format", "think", "keep_alive", "stream")
    asked = there(path="/api/generate", prompt="hi", **dict.fromkeys(names))
    assert asked == {
        "model": "chat",
        "messages": [{"role": "user", "content": "hi"}],
        "stream": True,
        "stream_options": {"include_usage": True},
    }


def test_options_and_formats_have_other_names_elsewhere() -> None:
    options = {"num_predict": 5, "temperature": 0, "top_k": 3, "stop": ["x"], "num_ctx": 9}
    asked = there(prompt="hi", path="/api/generate", options=options, format="json", think=False)
    assert asked["max_tokens"] == 5
    assert (asked["temperature"], asked["top_k"], asked["stop"]) == (0, 3, ["x"])
    assert "num_ctx" not in asked
    assert asked["response_format"] == {"type": "json_object"}
    assert asked["chat_template_kwargs"] == {"enable_thinking": False}
    assert there(prompt="hi", path="/api/generate", think="high")["reasoning_effort"] == "high"
    assert "max_tokens" not in there(prompt="hi", options={"num_predict": -1})
    schema = {"type": "object"}
    made = there(prompt="hi", path="/api/generate", format=schema)["response_format"]
    assert made["json_schema"]["schema"] == schema


@pytest.mark.parametrize(
    ("start", "kind"), [("/9j/x", "jpeg"), ("iVBORx", "png"), ("UklGRx", "webp"), ("??", "png")]
)
def test_an_image_travels_with_its_type(start: str, kind: str) -> None:
    message = {"role": "user", "content": "look", "images": [start]}
    parts = there(messages=[message])["messages"][0]["content"]
    assert parts[0] == {"type": "text", "text": "look"}
    assert parts[1]["image_url"]["url"] == f"data:image/{kind};base64,{start}"


def test_results_find_their_calls() -> None:
    def call(name: str) -> dict[str, Any]:
        return {"function": {"name": name, "arguments": {"x": 1}}}

    made = there(
        messages=[
            {"role": "assistant", "content": "", "tool_calls": [call("a"), call("b")]},
            {"role": "tool", "tool_name": "b", "content": "2"},
            {"role": "tool", "content": "1"},
        ]
    )["messages"]
    assert [each["id"] for each in made[0]["tool_calls"]] == ["call_1", "call_2"]
    assert made[0]["tool_calls"][0]["function"]["arguments"] == '{"x":1}'
    assert [each["tool_call_id"] for each in made[1:]] == ["call_2", "call_1"]


def test_a_gap_and_a_raw_prompt_go_without_a_template() -> None:
    for more in ({"suffix": "}"}, {"raw": True}):
        body = json.dumps({"model": "chat", "prompt": "{", **more}).encode()
        assert DIALECT.translate("/api/generate", body).path == "/v1/completions"


def test_thinking_text_calls_and_numbers_come_back() -> None:
    back = DIALECT.translate("/api/chat", b'{"model": "chat", "messages": [{"content": "hi"}]}')
    assert lines(back.event(chunk(reasoning_content="hm")))[0]["message"]["thinking"] == "hm"
    assert lines(back.event(chunk(content="yes")))[0]["message"]["content"] == "yes"
    assert back.event(chunk(role="assistant")) == b""
    for part in ('{"city":', '"Rome"}'):
        call = {"index": 0, "function": {"name": "w" if "city" in part else "", "arguments": part}}
        assert back.event(chunk(tool_calls=[call])) == b""
    usage = {"usage": {"prompt_tokens": 3, "completion_tokens": 4}, "choices": []}
    back.event({**usage, "timings": {"prompt_ms": 1.5, "predicted_ms": 2}})
    called, last = lines(back.end())
    assert called["message"]["tool_calls"] == [
        {"function": {"name": "w", "arguments": {"city": "Rome"}}}
    ]
    assert (last["done"], last["done_reason"]) == (True, "stop")
    assert (last["prompt_eval_count"], last["eval_count"]) == (3, 4)
    assert (last["prompt_eval_duration"], last["eval_duration"]) == (1_500_000, 2_000_000)


def test_what_a_server_does_not_tell_is_left_out() -> None:
    back = DIALECT.translate("/api/chat", b'{"model": "chat", "messages": [{"content": "hi"}]}')
    back.event(chunk(content="yes"))
    (last,) = lines(back.end())
    assert "eval_count" not in last
    assert "eval_duration" not in last


@pytest.mark.parametrize(
    "odd", [{}, {"choices": []}, {"choices": None}, {"choices": [{}], "usage": 7}, {"usage": {}}]
)
def test_odd_answers_are_no_exceptions(odd: dict[str, Any]) -> None:
    for path in ("/api/chat", "/api/generate", "/api/embed"):
        back = DIALECT.translate(path, b'{"model": "chat", "prompt": "hi"}')
        back.event(odd)
        assert json.loads(back.whole(odd))


def test_a_sign_of_life_is_an_empty_piece() -> None:
    back = DIALECT.translate("/api/generate", b'{"model": "chat", "prompt": "hi"}')
    (piece,) = lines(back.sign())
    assert (piece["response"], piece["done"]) == ("", False)


def test_native_servers_are_kept_from_reloading_and_forgetting() -> None:
    body = b'{"model":"chat","messages":[{"role":"user","content":"\\u00e9"}],"keep_alive":"5m",'
    body += b'"options":{"num_ctx":4096,"temperature":0.50}}'
    made = DIALECT.adjust("/api/chat", body)
    assert json.loads(made)["options"] == {"temperature": 0.5}
    assert json.loads(made)["keep_alive"] == -1
    assert b'"content":"\\u00e9"' in made, "what is not concerned keeps its bytes"
    assert b"0.50" in made


@pytest.mark.parametrize("act", [DIALECT.adjust, DIALECT.translate])
def test_unloading_is_jano_s(act: Any) -> None:
    with pytest.raises(Refused, match="Jano decides"):
        act("/api/generate", b'{"model": "chat", "keep_alive": 0}')
    with pytest.raises(Refused, match="as Ollama knows it"):
        act("/api/generate", b'{"model": "chat", "prompt": 7}')


def test_a_name_that_is_no_text_is_refused() -> None:
    with pytest.raises(Refused, match="as Ollama knows it"):
        DIALECT.adjust("/api/chat", b'{"model": "chat", "\xff": 7}')


@pytest.mark.parametrize(
    "wrong", [{"images": 7}, {"images": [7]}, {"tool_calls": {"a": 1}}, {"tool_calls": [7]}]
)
def test_a_message_that_is_none_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(Refused, match="as Ollama knows it"):
        there(messages=[{"role": "user", "content": "hi", **wrong}])


def test_pages_know_what_is_known_and_no_more() -> None:
    models = [
        Listed(name="chat", model="chat", state="ready", since=60.0, memory=5, ttl=30.0),
        Listed(name="chat:high", model="chat"),
        Listed(name="code", model="code", metadata={"family": "llama"}, aliases=["gpt-4o"]),
    ]
    tags: Any = DIALECT.page("/api/tags", models, b"")
    assert [each["name"] for each in tags["models"]] == ["chat", "chat:high", "code"]
    assert [each["size"] for each in tags["models"]] == [5, 0, 0]
    loaded: Any = DIALECT.page("/api/ps", models, b"")
    assert [(each["name"], each["expires_at"]) for each in loaded["models"]] == [
        ("chat", "1970-01-01T00:01:30+00:00")
    ]
    for name in (b"CODE", b"Gpt-4o"):
        shown: Any = DIALECT.page("/api/show", models, b'{"model": "%b"}' % name)
        assert shown["details"]["family"] == "llama"
    with pytest.raises(Refused, match="'x' not found"):
        DIALECT.page("/api/show", models, b'{"name": "x"}')


def test_nesting_without_end_is_refused() -> None:
    deep = b'{"model":"chat","x":' + b"[" * 10_000 + b"]" * 10_000 + b"}"
    for ask in (
        lambda: DIALECT.translate("/api/chat", deep),
        lambda: DIALECT.adjust("/api/chat", deep),
        lambda: DIALECT.page("/api/show", [], deep),
    ):
        with pytest.raises(Refused) as raised:
            ask()
        assert raised.value.code == "invalid_request"
