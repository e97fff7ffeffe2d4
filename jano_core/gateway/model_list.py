"""`GET /v1/models`, all of it or one: what may be asked for, in the shape of OpenAI's clients."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ..config.schema import ModelTable
from .destination import unknown_model
from .errand import Errand

_STATUS = {"ready": "loaded", "draining": "loaded", "asleep": "loaded", "starting": "loading"}


async def list_models(errand: Errand) -> None:
    """Every listed model and its variants, sorted; only those that the key allows."""
    await errand.send_json({"object": "list", "data": list(_entries(errand))})


async def show_model(errand: Errand) -> None:
    """`GET /v1/models/{model}`: its entry, by any name that finds it; raises `Refused`."""
    model, _ = errand.model()
    entries = {each["id"].casefold(): each for each in _entries(errand)}
    entry = entries.get(errand.argument.casefold()) or entries.get(model.casefold())
    if entry is None:
        raise unknown_model(errand.house, errand.argument)
    await errand.send_json(entry)


def _entries(errand: Errand) -> Iterator[dict[str, Any]]:
    house, allowed = errand.house, errand.caller.models
    states = {name: each.state for name, each in house.dispatcher.snapshot().models.items()}
    created = int(house.clock.wall())
    names = sorted(
        (listed, model)
        for model, table in house.config.models.items()
        if table.listed and (allowed is None or model in allowed)
        for listed in (model, *table.variants)
    )
    for listed, model in names:
        table = house.config.models[model]
        yield {
            "id": listed,
            "object": "model",
            "created": created,
            "owned_by": "jano",
            "label": (table.name or model) if listed == model else listed,
            "aliases": list(table.aliases) if listed == model else [],
            "status": {"value": _STATUS.get(states.get(model, ""), "unloaded")},
            "meta": _meta(table, "" if listed == model else model),
        }


def _meta(table: ModelTable, variant_of: str) -> dict[str, Any]:
    meta: dict[str, Any] = dict(table.metadata)
    if table.description:
        meta["description"] = table.description
    if variant_of:
        meta["variant_of"] = variant_of
    return meta
