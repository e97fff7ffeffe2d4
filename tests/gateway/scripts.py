"""What the actors of the gateway's tests are asked and say."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from jano_core.testing.playhouse import Heard, Says

CHAT = "/v1/chat/completions"
EVENTS = ((b"content-type", b"text/event-stream"),)


def asks(model: str, **more: object) -> bytes:
    return json.dumps({"model": model, **more}).encode()


def streams(*chunks: bytes, **more: Any) -> Says:
    return Says(headers=EVENTS, chunks=chunks, **more)


def in_turn(*answers: Says) -> Callable[[Heard], Says]:
    rest = list(answers)
    return lambda heard: rest.pop(0)
