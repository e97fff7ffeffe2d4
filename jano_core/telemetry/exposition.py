"""`GET /metrics`: the original's twelve families in their order, then Jano's in base units."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from ..scheduler.types import State
from .counters import Counters
from .histogram import Histogram
from .recent import Recent
from .status import Snapshot, health, in_flight

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

Line = str
Labels = Mapping[str, str]


def exposition(
    snapshot: Snapshot, counters: Counters, recent: Recent, *, uptime: float, swaps_avoided: int
) -> str:
    """All families as text; `uptime` in seconds."""
    lines = [
        *_original(snapshot, counters, recent, uptime),
        *_original_swaps(counters),
        *_backends(snapshot, recent),
        *_requests(counters),
        *_swaps(counters, swaps_avoided),
        *_instances(snapshot),
        *_failures(counters),
    ]
    return "\n".join(lines) + "\n"


def _original(
    snapshot: Snapshot, counters: Counters, recent: Recent, uptime: float
) -> Iterable[Line]:
    queued = {name: model.queued for name, model in snapshot.models.items()}
    rates = {name: ring.mean() or 0.0 for name, ring in recent.rate_by_model.items()}
    yield from _head("jano_uptime_seconds", "gauge", "Seconds since jano started.")
    yield _sample("jano_uptime_seconds", int(uptime))
    yield from _head("jano_in_flight", "gauge", "Requests currently executing on a backend.")
    yield _sample("jano_in_flight", in_flight(snapshot))
    yield from _head("jano_queue_depth", "gauge", "Requests waiting in the queue, per model.")
    yield from _by_model("jano_queue_depth", queued)
    yield from _head(
        "jano_requests_served_total", "counter", "Successfully served requests since start."
    )
    yield from _by_model("jano_requests_served_total", counters.served)
    yield from _head(
        "jano_tokens_generated_total", "counter", "Output tokens generated since start."
    )
    yield from _by_model("jano_tokens_generated_total", counters.generated_tokens)
    yield from _head("jano_prompt_tokens_total", "counter", "Prompt tokens processed since start.")
    yield _sample("jano_prompt_tokens_total", counters.prompt_tokens)
    yield from _head(
        "jano_recent_gen_tokens_per_second", "gauge", "Rolling generation tok/s, per model."
    )
    yield from _by_model("jano_recent_gen_tokens_per_second", rates)
    yield from _head("jano_errors_total", "counter", "Errors recorded since start.")
    yield _sample("jano_errors_total", counters.errors)


def _original_swaps(counters: Counters) -> Iterable[Line]:
    name = "jano_swaps_total"
    yield from _head(name, "counter", "Model swaps invoked since start, per transition.")
    if not counters.swaps:
        yield _sample(name, 0)
    for (old, new), swaps in counters.swaps.items():
        yield _sample(name, swaps, {"from": old, "to": new})
    name = "jano_swap_transition_duration_milliseconds"
    yield from _head(name, "summary", "Cumulative swap time per model transition.")
    for (old, new), milliseconds in counters.swap_ms.items():
        yield _sample(f"{name}_sum", milliseconds, {"from": old, "to": new})
        yield _sample(f"{name}_count", counters.swaps[old, new], {"from": old, "to": new})
    name = "jano_swap_duration_milliseconds"
    yield from _head(name, "histogram", "Distribution of model-swap durations.")
    yield from _histogram(name, counters.swap_ms_histogram)


def _backends(snapshot: Snapshot, recent: Recent) -> Iterable[Line]:
    up = {name: int(health(recent, name) == "up") for name in snapshot.models}
    yield from _head("jano_backend_up", "gauge", "Backend health: 1 up, 0 down/unknown.")
    yield from _by_model("jano_backend_up", up)


def _requests(counters: Counters) -> Iterable[Line]:
    name = "jano_request_duration_seconds"
    yield from _head(name, "histogram", "From a request's arrival to its end, waiting included.")
    for (model, outcome), histogram in counters.request_seconds.items():
        yield from _histogram(name, histogram, {"model": model, "outcome": outcome})
    name = "jano_queue_wait_seconds"
    yield from _head(name, "histogram", "From a request's arrival to its first grant.")
    for model, histogram in counters.queue_seconds.items():
        yield from _histogram(name, histogram, {"model": model})
    name = "jano_eta_error_seconds"
    yield from _head(name, "histogram", "How far a wait was from what was expected at arrival.")
    for model, histogram in counters.eta_error_seconds.items():
        yield from _histogram(name, histogram, {"model": model})
    name = "jano_time_to_first_token_seconds"
    yield from _head(name, "histogram", "From a request's grant to the first byte of its answer.")
    for model, histogram in counters.first_token_seconds.items():
        yield from _histogram(name, histogram, {"model": model})


def _swaps(counters: Counters, swaps_avoided: int) -> Iterable[Line]:
    name = "jano_swap_duration_seconds"
    yield from _head(name, "summary", "Time spent in swaps, per transition and phase.")
    for (old, new, phase), seconds in counters.phase_seconds.items():
        labels = {"from": old, "to": new, "phase": phase}
        yield _sample(f"{name}_sum", seconds, labels)
        yield _sample(f"{name}_count", counters.swaps[old, new], labels)
    name = "jano_swap_wait_seconds_total"
    yield from _head(name, "counter", "Time that requests waited for swaps, by client.")
    for client, seconds in counters.swap_wait_seconds.items():
        yield _sample(name, seconds, {"client": client})
    name = "jano_swaps_avoided_total"
    yield from _head(name, "counter", "Swaps saved against strict first come, first served.")
    yield _sample(name, swaps_avoided)


def _instances(snapshot: Snapshot) -> Iterable[Line]:
    name = "jano_instance_state"
    yield from _head(name, "gauge", "1 for the state that the model is in, 0 for the others.")
    for model, status in snapshot.models.items():
        for state in State:
            yield _sample(name, int(status.state == state), {"model": model, "state": state})


def _failures(counters: Counters) -> Iterable[Line]:
    name = "jano_failures_total"
    yield from _head(
        name, "counter", "Failed loads, crashes, and requests by the error they ended with."
    )
    for (model, kind), failures in counters.failures.items():
        yield _sample(name, failures, {"model": model, "kind": kind})
    name = "jano_strategy_fallbacks_total"
    yield from _head(name, "counter", "Decisions that greedy took because the strategy failed.")
    yield _sample(name, counters.fallbacks)


def _head(name: str, kind: str, text: str) -> Iterable[Line]:
    yield f"# HELP {name} {text}"
    yield f"# TYPE {name} {kind}"


def _by_model(name: str, values: Mapping[str, float]) -> Iterable[Line]:
    for model, value in values.items():
        yield _sample(name, value, {"model": model})


def _histogram(name: str, histogram: Histogram, labels: Labels | None = None) -> Iterable[Line]:
    labels = labels or {}
    bounds = [_number(bound) for bound in histogram.bounds] + ["+Inf"]
    for bound, count in zip(bounds, histogram.cumulative(), strict=True):
        yield _sample(f"{name}_bucket", count, {**labels, "le": bound})
    yield _sample(f"{name}_sum", histogram.sum, labels)
    yield _sample(f"{name}_count", histogram.count, labels)


def _sample(name: str, value: float, labels: Labels | None = None) -> Line:
    if not labels:
        return f"{name} {_number(value)}"
    pairs = ",".join(f'{key}="{_escape(text)}"' for key, text in labels.items())
    return f"{name}{{{pairs}}} {_number(value)}"


def _number(value: float) -> str:
    return str(int(value)) if value == int(value) else repr(float(value))


def _escape(text: str) -> str:
    return text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
