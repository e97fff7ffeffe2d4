"""Calls about Jano itself: what it is doing, and orders to do something else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..errors import ConfigError, Refused
from ..telemetry.activity_query import ActivityQuery
from .errand import Errand

if TYPE_CHECKING:
    from ..config.schema import ModelTable

TRACE_TYPE = "application/x-ndjson"
METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8"


async def status(errand: Errand) -> None:
    """`GET /health`, `GET /status`: the original's object."""
    await errand.send_json(errand.house.ledger.status(errand.house.dispatcher.snapshot()))


async def metrics(errand: Errand) -> None:
    """`GET /metrics`: for Prometheus."""
    text = errand.house.ledger.metrics(errand.house.dispatcher.snapshot())
    await errand.send_text(text, METRICS_TYPE)


async def usage(errand: Errand) -> None:
    """`GET /usage?limit=N`: finished requests, newest first."""
    await errand.send_json(errand.house.ledger.usage(errand.call.parameter("limit") or None))


async def activity(errand: Errand) -> None:
    """`GET /api/metrics/activity`: finished requests, by pages."""
    query = ActivityQuery.parse(errand.call.parameters())
    await errand.send_json(errand.house.activity.page(query))


async def statistics(errand: Errand) -> None:
    """`GET /api/metrics/stats?model=`: totals and distributions of speed."""
    await errand.send_json(errand.house.activity.stats(errand.call.parameter("model")))


async def capture(errand: Errand) -> None:
    """`GET /api/captures/{id}`: an exchange by its number in the activity log."""
    text = errand.argument
    if not (text.isascii() and text.isdigit() and len(text) < 16):
        raise Refused("invalid_request", f"the number of an exchange is expected, not {text!r}")
    if (found := errand.house.telemetry.captures.get(int(text))) is None:
        raise Refused("not_found", f"no capture of exchange {text} is kept")
    await errand.send_json(found)


async def version(errand: Errand) -> None:
    """`GET /api/version`."""
    found = {"version": errand.house.version, "commit": "", "build_date": ""}
    await errand.send_json(found)


async def queue(errand: Errand) -> None:
    """`GET /api/queue`: who waits and who runs."""
    snapshot = errand.house.dispatcher.snapshot()
    await errand.send_json({"waiting": snapshot.waiting, "running": snapshot.running})


async def request(errand: Errand) -> None:
    """`GET /api/requests/{id}`: why it waits, or waited."""
    if (found := errand.house.telemetry.decisions.get(errand.argument)) is None:
        raise Refused("not_found", f"nothing is known (any more) of request {errand.argument!r}")
    await errand.send_json(found)


async def trace(errand: Errand) -> None:
    """`GET /api/trace`: recent arrivals, as `jano simulate` reads them."""
    await errand.send_text(errand.house.trace().decode(), TRACE_TYPE)


async def running(errand: Errand) -> None:
    """`GET /running`: models that are in memory or on their way in or out."""
    config, models = errand.house.config, errand.house.dispatcher.snapshot().models
    rows = [
        {
            "model": name,
            "state": each.state,
            "cmd": _program(config.models[name]),
            "proxy": each.url,
            "ttl": int(each.ttl),
            "name": config.models[name].name,
            "description": config.models[name].description,
        }
        for name, each in sorted(models.items())
        if each.state not in ("stopped", "cooling") and name in config.models
    ]
    await errand.send_json({"running": rows})


async def load(errand: Errand) -> None:
    """`POST /api/models/load/{model}`: answered once it is ready."""
    name, _ = errand.model()
    await errand.house.dispatcher.steward.load(name)
    await errand.send_json({"msg": "ok"})


async def unload(errand: Errand) -> None:
    """`POST /api/models/unload/{model}`: answered once it is gone."""
    name, _ = errand.model()
    await errand.house.dispatcher.steward.unload(name)
    await errand.send_text("OK")


async def unload_all(errand: Errand) -> None:
    """`POST /api/models/unload`: answered once all are gone."""
    await errand.house.dispatcher.steward.unload(None)
    await errand.send_json({"msg": "ok"})


async def unload_all_plainly(errand: Errand) -> None:
    """`GET /unload`: the same, as old scripts know it."""
    await errand.house.dispatcher.steward.unload(None)
    await errand.send_text("OK")


async def pin(errand: Errand) -> None:
    """`POST /api/models/{model}/pin`: until the next start it is not evicted."""
    await _set_pin(errand, True)


async def unpin(errand: Errand) -> None:
    """`POST /api/models/{model}/unpin`."""
    await _set_pin(errand, False)


async def drain(errand: Errand) -> None:
    """`POST /api/drain`: take no new requests for one model or all; answered when idle."""
    await errand.house.dispatcher.steward.drain(_model_in_body(errand))
    await errand.send_json({"msg": "ok"})


async def resume(errand: Errand) -> None:
    """`POST /api/resume`: take requests again."""
    errand.house.dispatcher.steward.resume(_model_in_body(errand))
    await errand.send_json({"msg": "ok"})


async def cancel(errand: Errand) -> None:
    """`POST /api/inflight/{id}/cancel`: end one request, waiting or running."""
    if not errand.house.dispatcher.cancel(errand.argument):
        raise Refused("not_found", f"no request {errand.argument!r} is under way")
    await errand.send_json({"msg": "ok"})


async def reload(errand: Errand) -> None:
    """`POST /api/reload`: read the configuration again; a bad one changes nothing."""
    try:
        change = await errand.house.reload()
    except ConfigError as error:
        problems = [str(problem) for problem in error.problems]
        text = f"nothing was changed: {'; '.join(problems)}"
        raise Refused("invalid_request", text, problems=problems)
    found = {"added": change.added, "changed": change.changed, "removed": change.removed}
    await errand.send_json(found)


async def profiles(errand: Errand) -> None:
    """`GET /api/profiles`."""
    catalog = errand.house.catalog
    rows = [
        {"id": name, "description": table.description, "pins": table.pins}
        for name, table in sorted(catalog.profiles.items())
    ]
    await errand.send_json({"active": catalog.active, "profiles": rows})


async def active_profile(errand: Errand) -> None:
    """`GET /api/profiles/active`."""
    await errand.send_json({"active": errand.house.catalog.active})


async def activate_profile(errand: Errand) -> None:
    """`PUT /api/profiles/active` with `{"name": "x"}`, or null for none."""
    body = errand.json()
    if "name" not in body or not isinstance(body["name"], str | None):
        raise Refused("invalid_request", "the body must have a `name`: a profile's, or null")
    errand.house.catalog.activate(body["name"])
    errand.house.feed.profile_changed()
    await active_profile(errand)


async def _set_pin(errand: Errand, on: bool) -> None:
    name, _ = errand.model()
    errand.house.dispatcher.steward.pin(name, on)
    await errand.send_json({"model": name, "pinned": on})


def _model_in_body(errand: Errand) -> str | None:
    name: Any = errand.json().get("model")
    if name is None:
        return None
    if not isinstance(name, str):
        raise Refused("invalid_request", "`model` must be a model's name", param="model")
    return errand.model(name)[0]


def _program(table: ModelTable) -> str:
    """What runs, without its arguments: they may hold secrets."""
    words = table.cmd.split() if isinstance(table.cmd, str) else table.cmd
    return words[0] if words else ""
