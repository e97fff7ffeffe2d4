"""Which lines the facts leave in the log."""

from __future__ import annotations

import logging

import pytest

from jano_core.telemetry.fact_log import FactLog
from jano_core.telemetry.facts import (
    ConfigReloaded,
    RequestRequeued,
    ServerCrashed,
    StrategyFellBack,
    SwapEnded,
    SwapStarted,
)

from .figures import START, ended, failed_load, queued, state, swap, waits

LEFT = {"outcome": "left", "status": 499}
REFUSED = {"outcome": "refused", "status": 503, "error": "no"}
ABOUT = {"id": "1", "model": "alpha"}
SERVED = {**ABOUT, "status": 200, "ms": 100, "aborted": False}


@pytest.mark.parametrize(
    ("fact", "lines"),
    [
        (queued("1", "alpha"), []),
        (waits("1", "alpha"), [("enqueued", ABOUT)]),
        (waits("1", "ears", resident=True), []),
        (ended("alpha"), [("served", SERVED)]),
        (ended("alpha", resident=True), [("passthrough served", SERVED)]),
        (ended("alpha", **LEFT), [("dropping disconnected task", ABOUT)]),
        (
            ended("alpha", queue_ms=1.0, **LEFT),
            [
                ("upstream aborted by client disconnect", ABOUT),
                ("served", {**SERVED, "status": 499, "aborted": True}),
            ],
        ),
        (
            ended("alpha", code="model_unavailable", fails=3, **REFUSED),
            [("failing fast: backend marked bad", {**ABOUT, "fails": 3, "err": "no"})],
        ),
        (
            ended("alpha", code="queue_full", **REFUSED),
            [("refused", {**ABOUT, "status": 503, "code": "queue_full", "err": "no"})],
        ),
        (
            ended("alpha", outcome="failed", status=502, error="reset"),
            [("upstream failed", {**ABOUT, "status": 502, "err": "reset"})],
        ),
        (
            ended("alpha", outcome="cancelled", status=499),
            [("cancelled", {**ABOUT, "status": 499})],
        ),
        (
            SwapStarted(at=START, swap=1, model="alpha", evict=("beta",)),
            [("swap requested", {"model": "alpha", "evict": ("beta",)})],
        ),
        (swap("beta", "alpha", 1.5), [("swap ready", {"model": "alpha", "ms": 1500})]),
        (
            failed_load("alpha"),
            [("swap failed", {"model": "alpha", "fails": 2, "err": "exit status 1"})],
        ),
        (
            SwapEnded(at=START, swap=1, model="alpha", outcome="cancelled"),
            [("swap cancelled", {"model": "alpha"})],
        ),
        (
            RequestRequeued(at=START, id="1", model="alpha", why="reset"),
            [("requeued", {**ABOUT, "err": "reset"})],
        ),
        (
            ServerCrashed(at=START, model="alpha", why="signal 9"),
            [("server crashed", {"model": "alpha", "err": "signal 9"})],
        ),
        (
            StrategyFellBack(at=START, strategy="patient", why="boom"),
            [("strategy failed, greedy decides", {"strategy": "patient", "err": "boom"})],
        ),
        (
            ConfigReloaded(at=START, added=("x",)),
            [("configuration reloaded", {"added": ("x",), "changed": (), "removed": ()})],
        ),
        (state("alpha", "ready"), []),
    ],
)
def test_lines(fact, lines, caplog):
    with caplog.at_level(logging.INFO, "jano"):
        FactLog().observe(fact)
    assert [(record.getMessage(), record.jano_fields) for record in caplog.records] == lines
