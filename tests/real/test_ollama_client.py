"""The `ollama` package through Jano to a real llama-server, which does not know Ollama's API."""

from __future__ import annotations

import ollama
import pytest

from jano_core.testing.running import RunningJano
from tests.real.conftest import SENTENCES

pytestmark = [pytest.mark.real, pytest.mark.wire]

OPTIONS = {"num_predict": 4, "temperature": 0, "num_ctx": 512}


@pytest.mark.parametrize("model", SENTENCES)
def test_it_completes_whole_and_streamed(jano: RunningJano, model: str) -> None:
    client = ollama.Client(host=jano.url, timeout=120)
    prompt = SENTENCES[model].split()[0]
    whole = client.generate(model=model, prompt=prompt, raw=True, options=OPTIONS)
    assert whole.response.strip()
    assert all(word in SENTENCES[model] for word in whole.response.split())
    assert whole.eval_count and whole.eval_duration and whole.prompt_eval_count
    pieces = list(
        client.generate(model=model, prompt=prompt, raw=True, options=OPTIONS, stream=True)
    )
    assert "".join(piece.response for piece in pieces) == whole.response
    assert pieces[-1].done and pieces[-1].eval_count == whole.eval_count


def test_it_chats_and_sees_what_is_loaded(jano: RunningJano) -> None:
    client = ollama.Client(host=jano.url, timeout=120)
    messages = [{"role": "user", "content": "the river"}]
    answer = client.chat(model="river", messages=messages, options=OPTIONS)
    assert answer.done and answer.message.content
    assert [each.model for each in client.ps().models] == ["river"]


def test_a_mistake_is_told_in_its_own_words(jano: RunningJano) -> None:
    client = ollama.Client(host=jano.url, timeout=120)
    with pytest.raises(ollama.ResponseError) as refused:
        client.chat(model="nobody", messages=[])
    assert refused.value.status_code == 404
