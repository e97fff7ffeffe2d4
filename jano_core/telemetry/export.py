"""Telemetry that leaves the house over OTLP: the SDK, set up from the standard variables.

Imported only with `telemetry.otlp = true`. Everything but that switch comes from `OTEL_…`:
`OTEL_EXPORTER_OTLP_ENDPOINT`, `…_PROTOCOL`, `OTEL_TRACES_EXPORTER`, `OTEL_TRACES_SAMPLER`,
`OTEL_RESOURCE_ATTRIBUTES`, `OTEL_BSP_…`, `OTEL_METRIC_EXPORT_INTERVAL`, `OTEL_SDK_DISABLED`, ….
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Mapping
from importlib.metadata import entry_points
from typing import Any

import anyio
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.trace import SpanLimits, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

from ..errors import ConfigError, ConfigProblem
from . import names as n
from .facts import Fact
from .instruments import Instruments
from .traces import Traces

LINKS = 1000
"""Links of a swap to the requests that waited for it, where the standard variable says nothing.
OpenTelemetry's 128 are fewer than a queue may hold.
"""
CLOSE_WITHIN = 3.0
"""Seconds at the end for what has not been sent; a receiver that is gone costs no more."""
PROTOCOLS = {"http/protobuf": "otlp_proto_http", "grpc": "otlp_proto_grpc"}
DEFAULT_PROTOCOL = "http/protobuf"
DISTRIBUTIONS = {"otlp_proto_http": "otlp", "otlp_proto_grpc": "otlp-grpc"}
"""Exporter → the extra of `jano-core` that brings it."""


class Export:
    """Spans and metrics on their way out. Never waits: the SDK's own threads send, from queues of
    bounded length; what does not fit is dropped and said in the log.

    `provider` names the kind of server behind a model. Raises `ConfigError` where the variables
    ask for an exporter that is not installed.
    """

    def __init__(self, version: str, provider: Callable[[str], str]) -> None:
        own = Resource.create({n.SERVICE: "jano", n.VERSION: version})
        resource = own.merge(OTELResourceDetector().detect())
        spans, metrics = _exporter("traces"), _exporter("metrics")
        links = None if "OTEL_SPAN_LINK_COUNT_LIMIT" in os.environ else LINKS
        limits = SpanLimits(max_links=links)
        self._tracers = TracerProvider(
            resource=resource, shutdown_on_exit=False, span_limits=limits
        )
        if spans is not None:
            self._tracers.add_span_processor(BatchSpanProcessor(spans))
        readers = [] if metrics is None else [PeriodicExportingMetricReader(metrics)]
        self._meters = MeterProvider(readers, resource, shutdown_on_exit=False)
        self._traces = Traces(self._tracers.get_tracer("jano", version), provider)
        self._instruments = Instruments(self._meters.get_meter("jano", version), provider)

    def observe(self, fact: Fact) -> None:
        """Turn one fact into spans and measurements."""
        self._traces.observe(fact)
        self._instruments.observe(fact)

    def onward(self, id: str) -> Mapping[str, str]:
        """Headers that replace the caller's on the way to the model server."""
        return self._traces.onward(id)

    async def close(self) -> None:
        """Send what is left, for at most `CLOSE_WITHIN` seconds."""
        # Not a worker thread of anyio's: one that hangs would keep the process from ending.
        sender = threading.Thread(target=self._shut, daemon=True)
        sender.start()
        with anyio.CancelScope(shield=True):
            await anyio.to_thread.run_sync(sender.join, CLOSE_WITHIN)

    def _shut(self) -> None:
        self._tracers.shutdown()
        self._meters.shutdown()


def missing() -> list[str]:
    """What the variables ask for and this installation lacks, for people."""
    try:
        for signal in ("traces", "metrics"):
            _kind(signal)
    except ConfigError as error:
        return [str(problem) for problem in error.problems]
    return []


def _exporter(signal: str) -> Any:
    """The exporter that the variables name, None for `none`. Raises `ConfigError`."""
    kind = _kind(signal)
    return None if kind is None else kind()


def _kind(signal: str) -> Any:
    name = os.environ.get(f"OTEL_{signal.upper()}_EXPORTER") or "otlp"
    if name == "none":
        return None
    if name == "otlp":
        name = _protocol(signal)
    found = [*entry_points(group=f"opentelemetry_{signal}_exporter", name=name)]
    try:
        return found[0].load()
    except (IndexError, ImportError):
        extra = DISTRIBUTIONS.get(name)
        hint = f"; install it with pip install 'jano-core[{extra}]'" if extra else ""
        raise _problem(f"the OpenTelemetry {signal} exporter {name!r} is not installed{hint}")


def _protocol(signal: str) -> str:
    protocol = (
        os.environ.get(f"OTEL_EXPORTER_OTLP_{signal.upper()}_PROTOCOL")
        or os.environ.get("OTEL_EXPORTER_OTLP_PROTOCOL")
        or DEFAULT_PROTOCOL
    )
    if protocol not in PROTOCOLS:
        allowed = " or ".join(PROTOCOLS)
        raise _problem(f"OTEL_EXPORTER_OTLP_PROTOCOL is {allowed}, not {protocol!r}")
    return PROTOCOLS[protocol]


def _problem(text: str) -> ConfigError:
    return ConfigError([ConfigProblem(text, table="telemetry", key="otlp")])
