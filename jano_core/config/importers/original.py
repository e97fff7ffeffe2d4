"""The original Jano's configuration: environment variables and a models.json."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..dotenv import parse as parse_dotenv
from .models_json import parse_models, read_models
from .report import Imported, fail

AUDIO = "audio/transcriptions"

_DECIMAL = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?", re.ASCII)
_PREFIXED = re.compile(r"0(?:[xX][0-9a-fA-F]+|[oO][0-7]+|[bB][01]+)", re.ASCII)


def from_environment(
    env: Mapping[str, str], cwd: Path
) -> tuple[Imported, Mapping[str, str]] | None:
    """The configuration of `SWAP_COMMAND` and `MODELS_FILE` in `env` or `cwd/.env`, and the
    environment with both put together.

    None if neither variable is there. Raises `ConfigError` with the original's texts.
    """
    whole = _with_dotenv(env, cwd)
    if not (whole.get("SWAP_COMMAND") or whole.get("MODELS_FILE")):
        return None
    if not whole.get("SWAP_COMMAND"):
        raise fail("SWAP_COMMAND is required (set in .env or process env)")
    models = read_models(cwd / (whole.get("MODELS_FILE") or "./models.json"))
    return _made(models, whole), whole


def convert(text: str, path: Path) -> Imported:
    """A models.json with the `.env` beside it, or a `.env` with the models.json it names.

    Raises `ConfigError`.
    """
    if path.suffix == ".env" or path.name.startswith(".env"):
        env = parse_dotenv(text)
        models = read_models(path.parent / (env.get("MODELS_FILE") or "./models.json"))
    else:
        env = _with_dotenv({}, path.parent)
        models = parse_models(text, path)
    imported = _made(models, env)
    if not env.get("SWAP_COMMAND"):
        imported.note("changed", "no SWAP_COMMAND was found; write it as command in [swap]")
    return imported


def number(name: str, value: str | None, default: int) -> float:
    """An integer variable as the original read it, by the rules of JavaScript's `Number()`.

    Raises `ConfigError`.
    """
    if not value:
        return default
    text = value.strip()
    if not text:
        return 0
    if _PREFIXED.fullmatch(text):
        return int(text, 0)
    if _DECIMAL.fullmatch(text) and math.isfinite(found := float(text)):
        return found
    raise fail(f"{name} must be an integer, got {value}")


def _with_dotenv(env: Mapping[str, str], folder: Path) -> dict[str, str]:
    try:
        text = (folder / ".env").read_text(encoding="utf-8")
    except FileNotFoundError:
        return dict(env)
    except (OSError, UnicodeDecodeError) as error:
        raise fail(f"cannot be read: {error}", folder / ".env")
    return parse_dotenv(text) | dict(env)


def _made(models: list[dict[str, Any]], env: Mapping[str, str]) -> Imported:
    imported = Imported(config=_tables(env))
    tables = imported.config.setdefault("models", {})
    for entry in models:
        tables[entry["name"]] = _model(entry)
    _audio(models, tables, imported)
    return imported


def _tables(env: Mapping[str, str]) -> dict[str, Any]:
    def read(name: str, default: int) -> float:
        return number(name, env.get(name), default)

    limit = read("SWAP_FAILURE_LIMIT", 3)
    if limit < 1:
        raise fail(f"FailureBudget.limit must be >= 1, got {limit:g}")
    reset = read("SWAP_FAILURE_RESET_MS", 300_000)
    if reset < 0:
        raise fail(f"FailureBudget.resetMs must be >= 0, got {reset:g}")
    patience = read("REQUEST_TIMEOUT_MS", 600_000) / 1000
    tables: dict[str, Any] = {
        "server": {
            "host": env.get("JANO_HOST") or "127.0.0.1",
            "port": _whole(read("JANO_PORT", 8082)),
            "first_byte_timeout": patience,
            "silence_timeout": patience,
        },
        "scheduler": {"strategy": "greedy"},
        "swap": {
            "command": [env["SWAP_COMMAND"]] if env.get("SWAP_COMMAND") else "",
            "start_timeout": read("SWAP_WAIT_TIMEOUT_MS", 180_000) / 1000,
            # The original compares a whole count with what may be a fraction: its ceiling.
            "failure_limit": math.ceil(limit),
            "failure_reset": reset / 1000,
        },
        "telemetry": {
            "usage_records": max(1, int(read("USAGE_RECORDS_MAX", 500))),
            "history": False,  # a restart of the original forgot everything
        },
    }
    if env.get("HEALTH_POLL_INTERVAL_MS"):  # its default of a second is only slow
        tables["swap"]["poll_interval"] = read("HEALTH_POLL_INTERVAL_MS", 1000) / 1000
    return tables


def _model(entry: Mapping[str, Any]) -> dict[str, Any]:
    table: dict[str, Any] = {"url": entry["url"]}
    if entry.get("passthrough"):
        table |= {"launch": "attach", "resident": True, "health": "none"}
    else:
        table |= {"launch": "script", "health": "/health", "parallel": 1}
    if entry.get("aliases"):
        table["aliases"] = list(entry["aliases"])
    if entry.get("label"):
        table["name"] = entry["label"]
    return table


def _audio(models: list[dict[str, Any]], tables: dict[str, Any], imported: Imported) -> None:
    """The original sent a transcription without a hint to the first passthrough model for it."""
    audio = [
        entry["name"]
        for entry in models
        if entry.get("passthrough") and AUDIO in entry.get("endpoints", ())
    ]
    if audio:
        tables[audio[0]]["paths"] = [f"/v1/{AUDIO}"]
    if len(audio) > 1:
        imported.note(
            "changed",
            f"transcriptions go to {audio[0]} unless their model field names one of "
            f"{', '.join(audio[1:])}; ?model= and X-Model are not looked at",
        )


def _whole(value: float) -> float:
    return int(value) if value == int(value) else value
