"""What a kept conversation saves: time to the first token after a swap away and back, with
`save_kv` and without, on a real llama-server with a generated model.

    python -m bench.kv                     # a conversation of 2,000 tokens, three rounds
    python -m bench.kv --tokens 4000 --rounds 5

`first token` is from asking to the first token, the swap included; `of it swap` is what Jano says
of the swap, in which slots are restored; `cached` and `read` are the tokens of the prompt that
came from the cache and that were read. Both ways run in turn, so that a busy machine is fair.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import tempfile
import time
import urllib.request
from pathlib import Path
from typing import NamedTuple

from jano_core.testing.running import RunningJano, running_jano
from tests.real.tiny_gguf import write_model

FINDER = Path(__file__).parents[1] / "tools" / "build_llama_server.sh"
WAYS = {"with save_kv": "keeps", "without": "forgets"}


class Turn(NamedTuple):
    """One turn after a swap back; seconds and tokens."""

    first_token: float
    swap: float
    cached: int
    read: int


def main() -> None:
    """Print the table."""
    as_written = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=as_written)
    parser.add_argument("--tokens", type=int, default=2000)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        config = _config(folder, options.tokens)
        with running_jano(config, folder) as jano:
            turns = {way: _measure(jano, model, options) for way, model in WAYS.items()}
    print(f"{'':14}{'first token':>12}{'of it swap':>12}{'cached':>8}{'read':>8}")
    for way, each in turns.items():
        medians = [statistics.median(column) for column in zip(*each, strict=True)]
        first, swap, cached, read = medians
        print(f"{way:14}{first:10.2f} s{swap:10.2f} s{cached:8.0f}{read:8.0f}")


def _config(folder: Path, tokens: int) -> str:
    server = subprocess.run([FINDER], capture_output=True, text=True, check=True).stdout.strip()
    talks = write_model(folder / "talks.gguf", "it says a few words", layers=4, width=512)
    other = write_model(folder / "other.gguf", "another one")
    config = ""
    for name, path in (*((model, talks) for model in WAYS.values()), ("other", other)):
        command = [server, "-m", str(path), "--port", "${PORT}", "-np", "1", "-t", "1"]
        command += ["-c", str(2 * tokens)]
        keys = "save_kv = true" if name == "keeps" else ""
        config += f'[models.{name}]\nbackend = "llamacpp"\ncmd = {json.dumps(command)}\n{keys}\n'
    return config


def _measure(jano: RunningJano, model: str, options: argparse.Namespace) -> list[Turn]:
    turns = []
    for number in range(options.rounds):
        # The tiny model knows no word of it, so each letter is a token.
        history = f"{number:02} tells of a mill. ".ljust(50, ".") * (options.tokens // 50)
        _ask(jano, model, history)
        _ask(jano, "other", "x")
        turns.append(_ask(jano, model, history, "And then?"))
        _ask(jano, "other", "x")
    return turns


def _ask(jano: RunningJano, model: str, *said: str) -> Turn:
    document = {
        "model": model,
        "messages": [{"role": "user", "content": text} for text in said],
        "max_tokens": 4,
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    headers = {"content-type": "application/json"}
    request = urllib.request.Request(
        f"{jano.url}/v1/chat/completions", json.dumps(document).encode(), headers
    )
    began, first = time.perf_counter(), 0.0
    timings = {"cache_n": 0, "prompt_n": 0}
    with urllib.request.urlopen(request, timeout=300) as answer:
        swap = float(answer.headers["x-jano-swap-ms"]) / 1000
        for line in answer:
            if line.startswith(b"data: {"):
                event = json.loads(line[6:])
                choices = event["choices"]
                if not first and choices and choices[0]["delta"].get("content"):
                    first = time.perf_counter() - began
                timings = event.get("timings", timings)
    return Turn(first, swap, timings["cache_n"], timings["prompt_n"])


if __name__ == "__main__":
    main()
