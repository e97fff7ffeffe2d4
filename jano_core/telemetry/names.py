"""Every name of a span, an attribute or an instrument that goes out over OpenTelemetry.

Where a name comes from and how settled it is stands beside it. OpenTelemetry's conventions for
generative AI are still in development: when one of theirs changes, this is the file to change.
"""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

HTTP = "OpenTelemetry semantic conventions, HTTP"
GENERAL = "OpenTelemetry semantic conventions, general"
GEN_AI = "OpenTelemetry semantic conventions, generative AI"
JANO = "Jano"

Kind = Literal["span", "attribute", "instrument", "resource"]
Status = Literal["stable", "development"]


class Name(Struct, frozen=True):
    """What a name means, who defined it, and whether it may still change."""

    kind: Kind
    source: str
    status: Status
    about: str
    unit: str = ""


NAMES: dict[str, Name] = {}
"""Every name, in the order of the reference page."""


def _name(text: str, kind: Kind, source: str, status: Status, about: str, unit: str = "") -> str:
    NAMES[text] = Name(kind, source, status, about, unit)
    return text


def _attribute(text: str, source: str, status: Status, about: str) -> str:
    return _name(text, "attribute", source, status, about)


def _own(text: str, about: str) -> str:
    return _attribute(text, JANO, "stable", about)


def _span(text: str, source: str, status: Status, about: str) -> str:
    return _name(text, "span", source, status, about)


def _instrument(text: str, source: str, status: Status, unit: str, about: str) -> str:
    return _name(text, "instrument", source, status, about, unit)


# -- spans; `{…}` is filled in

SPAN_SERVER = _span(
    "{METHOD} {route}", HTTP, "stable", "a request from its arrival to the last byte of its answer"
)
SPAN_QUEUE = _span("jano.queue", JANO, "stable", "its wait for a slot, a swap included")
SPAN_CLIENT = _span(
    "{operation} {model}", GEN_AI, "development", "what it asked of the model server, and got"
)
SPAN_SWAP = _span("jano.swap {model}", JANO, "stable", "a swap: the root of a trace of its own")
SPAN_DRAIN = _span("jano.swap.drain", JANO, "stable", "requests of what goes run to their end")
SPAN_STOP = _span("jano.swap.stop", JANO, "stable", "what goes is unloaded and proven gone")
SPAN_START = _span("jano.swap.start", JANO, "stable", "until the new server's process lives")
SPAN_READY = _span("jano.swap.ready", JANO, "stable", "until the new server says it is ready")
SPAN_SLEEP = _span("jano.swap.sleep", JANO, "stable", "what goes is put to sleep")
SPAN_WAKE = _span("jano.swap.wake", JANO, "stable", "what comes is woken up")
SPAN_KV_SAVE = _span("jano.swap.kv_save", JANO, "stable", "caches of what goes are saved")
SPAN_KV_RESTORE = _span("jano.swap.kv_restore", JANO, "stable", "saved caches are put back")

STEPS = {
    "sleep": SPAN_SLEEP,
    "wake": SPAN_WAKE,
    "kv_save": SPAN_KV_SAVE,
    "kv_restore": SPAN_KV_RESTORE,
}
"""`ServerStep.step` → the span it becomes, besides `start`, which every swap has."""

# -- attributes of the SERVER span

METHOD = _attribute("http.request.method", HTTP, "stable", "as sent")
ROUTE = _attribute("http.route", HTTP, "stable", "the path; what a caller may choose is `{…}`")
PATH = _attribute("url.path", HTTP, "stable", "the path as sent")
STATUS = _attribute("http.response.status_code", HTTP, "stable", "499: the client left")
REQUEST_SIZE = _attribute("http.request.body.size", HTTP, "development", "bytes")
RESPONSE_SIZE = _attribute("http.response.body.size", HTTP, "development", "bytes of the server's")
ERROR = _attribute(
    "error.type", GENERAL, "stable", "the code of Jano's error, or the status of the server's"
)
SESSION = _attribute("session.id", GENERAL, "development", "`X-Jano-Session`")
REQUEST = _own("jano.request.id", "as in `/usage` and `x-jano-request-id`")
CLIENT = _own("jano.client", "the key's name, else the caller's address")
PRIORITY = _own("jano.priority", "`high`, `normal` or `low`")
OUTCOME = _own("jano.outcome", "`served`, `refused`, `left`, `failed`, `cancelled`")

# -- attributes of the queue's and the CLIENT span

MODEL = _own("jano.model", "the model's name in the configuration")
NODE = _own("jano.node", "where it runs")
ATTEMPT = _own("jano.attempt", "1, or 2 after a server broke off")
SWAP_WAIT = _own("jano.queue.swap_ms", "how much of the wait was a swap")
OPERATION = _attribute("gen_ai.operation.name", GEN_AI, "development", "`chat`, `embeddings`, …")
PROVIDER = _attribute("gen_ai.provider.name", GEN_AI, "development", "the model's `backend`")
REQUEST_MODEL = _attribute("gen_ai.request.model", GEN_AI, "development", "as `jano.model`")
STREAM = _attribute("gen_ai.request.stream", GEN_AI, "development", "a stream was asked for")
INPUT_TOKENS = _attribute(
    "gen_ai.usage.input_tokens", GEN_AI, "development", "of the prompt, cached ones included"
)
OUTPUT_TOKENS = _attribute("gen_ai.usage.output_tokens", GEN_AI, "development", "generated")
CACHED_TOKENS = _attribute(
    "gen_ai.usage.cache_read.input_tokens", GEN_AI, "development", "found in the server's cache"
)
FIRST_CHUNK = _attribute(
    "gen_ai.response.time_to_first_chunk", GEN_AI, "development", "seconds from the grant"
)
ADDRESS = _attribute("server.address", GENERAL, "stable", "the model server's host")
PORT = _attribute("server.port", GENERAL, "stable", "the model server's port")

# -- attributes of the swap's span

SWAP = _own("jano.swap.number", "counts from 1 since Jano's start")
SWAP_FROM = _own("jano.swap.from", "the model in use before")
SWAP_EVICTED = _own("jano.swap.evicted", "models put away for it")
SWAP_OUTCOME = _own("jano.swap.outcome", "`ready`, `failed` or `cancelled`")
SWAP_WHY = _own("jano.swap.why", "the strategy's reason")

# -- attributes of instruments alone

TOKEN_TYPE = _attribute("gen_ai.token.type", GEN_AI, "development", "`input` or `output`")
PHASE = _own("jano.swap.phase", "`drain`, `stop`, `start` or `ready`")
KIND = _own("jano.failure.kind", "`load`, `crash`, or the code of an error")

# -- instruments

TOKEN_USAGE = _instrument(
    "gen_ai.client.token.usage", GEN_AI, "development", "{token}", "Tokens of an answer, by type."
)
SERVER_DURATION = _instrument(
    "gen_ai.server.request.duration", GEN_AI, "development", "s", "Grant to the end of the answer."
)
FIRST_TOKEN = _instrument(
    "gen_ai.server.time_to_first_token", GEN_AI, "development", "s", "Grant to the first byte."
)
PER_TOKEN = _instrument(
    "gen_ai.server.time_per_output_token",
    GEN_AI,
    "development",
    "s",
    "Time of one generated token, where the server measured its rate.",
)
REQUEST_DURATION = _instrument(
    "jano.request.duration", JANO, "stable", "s", "Arrival to the end, waiting included."
)
QUEUE_WAIT = _instrument(
    "jano.queue.wait", JANO, "stable", "s", "Arrival to the first grant of a slot."
)
QUEUE_DEPTH = _instrument("jano.queue.depth", JANO, "stable", "{request}", "Waiting requests.")
IN_FLIGHT = _instrument("jano.in_flight", JANO, "stable", "{request}", "Running requests.")
SWAPS = _instrument("jano.swaps", JANO, "stable", "{swap}", "Swaps made.")
SWAP_DURATION = _instrument("jano.swap.duration", JANO, "stable", "s", "Seconds of each phase.")
FAILURES = _instrument(
    "jano.failures", JANO, "stable", "{failure}", "Failed loads, crashes, requests with an error."
)

# -- the resource

SERVICE = _name("service.name", "resource", GENERAL, "stable", "`jano`, unless `OTEL_…` says")
VERSION = _name("service.version", "resource", GENERAL, "stable", "Jano's version")
