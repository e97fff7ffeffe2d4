"""Reads the original's models.json; the texts of its errors are the original's, word for word."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from .report import fail


def read_models(file: Path) -> list[dict[str, Any]]:
    """The entries of the MODELS_FILE at the absolute path `file`, checked; raises `ConfigError`."""
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise fail(f"MODELS_FILE not readable at {file}: {error}")
    return parse_models(text, file)


def parse_models(text: str, file: Path) -> list[dict[str, Any]]:
    """As `read_models`, for a text that was read from `file`."""
    try:
        document = json.loads(text)
    except ValueError as error:
        raise fail(f"MODELS_FILE is not valid JSON at {file}: {error}")
    if not isinstance(document, dict) or not isinstance(document.get("models"), list):
        raise fail(f'MODELS_FILE must be an object with a "models" array (got {file})')
    seen: set[str] = set()
    for index, entry in enumerate(document["models"]):
        _check_entry(entry, f"models[{index}]")
        if entry["name"] in seen:
            raise fail(f'duplicate model name "{entry["name"]}"')
        seen.add(entry["name"])
    if not seen:
        raise fail("models[] must contain at least one entry")
    models: list[dict[str, Any]] = document["models"]
    return models


def _check_entry(entry: object, where: str) -> None:
    if not isinstance(entry, dict):
        raise fail(f"{where} must be an object")
    for key in ("name", "url", "label"):
        if (key in entry or key != "label") and not _is_text(entry.get(key)):
            raise fail(f"{where}.{key} must be a non-empty string")
    for key in ("aliases", "endpoints"):
        if key in entry:
            items = entry[key]
            if not isinstance(items, list) or not all(map(_is_text, items)):
                raise fail(f"{where}.{key} must be an array of non-empty strings")
    if not isinstance(entry.get("passthrough", False), bool):
        raise fail(f"{where}.passthrough must be a boolean")


def _is_text(value: object) -> bool:
    return isinstance(value, str) and value != ""
