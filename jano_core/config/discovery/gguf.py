"""GGUF files in the folders where people and programs keep them."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Iterator, Mapping
from pathlib import Path

from ...units import show_size
from .find import Find, model_name

MAGIC = b"GGUF"
PROJECTOR = "mmproj"
DEEPEST = 5
_PART = re.compile(r"-(\d{5})-of-(\d{5})$")


def folders(env: Mapping[str, str], home: Path, here: Path) -> list[Path]:
    """Where to look, without doubles: the usual places of people, llama.cpp, LM Studio, Hugging
    Face.
    """
    cache = Path(env.get("XDG_CACHE_HOME") or home / ".cache")
    hub = env.get("HF_HUB_CACHE") or Path(env.get("HF_HOME") or cache / "huggingface") / "hub"
    places = [
        here / "models",
        home / "models",
        home / "Models",
        Path("/models"),
        Path(env.get("LLAMA_CACHE") or cache / "llama.cpp"),
        home / "Library/Caches/llama.cpp",
        home / ".lmstudio/models",
        cache / "lm-studio/models",
        Path(hub),
    ]
    return list(dict.fromkeys(place.resolve() for place in places if place.is_dir()))


def find_gguf(places: list[Path], server: str, backend: str) -> Iterator[Find]:
    """A find for each model, its parts and its projector with it. `server` is the llama-server on
    PATH, empty if there is none.
    """
    seen: set[Path] = set()
    for place in places:
        for file in _files(place):
            real = file.resolve()
            part = _PART.search(file.stem)
            later_part = part is not None and int(part[1]) != 1
            if real in seen or later_part or PROJECTOR in file.name or not _is_gguf(file):
                continue
            seen.add(real)
            yield _find(file, server, backend)


def _find(file: Path, server: str, backend: str) -> Find:
    part = _PART.search(file.stem)
    stem = _PART.sub("", file.stem)
    files = list(file.parent.glob(f"{_globbed(stem)}-*-of-{part[2]}.gguf")) if part else [file]
    size = sum(each.stat().st_size for each in files)
    command = [server or "llama-server", "-m", str(file)]
    projectors = sorted(file.parent.glob(f"*{PROJECTOR}*.gguf"))
    if projectors and len(_models_beside(file)) == 1:
        command += ["--mmproj", str(projectors[0])]
    written = f"{shlex.join(command)} --port ${{PORT}}"
    return Find(
        name=model_name(stem),
        table={"backend": backend, "cmd": written},
        notes=(f"{file} ({show_size(size)})",),
        lacks="" if server else "llama-server on PATH",
    )


def _models_beside(file: Path) -> set[str]:
    """Models in the same folder: a projector belongs to one only if it is alone with it."""
    beside = (each.stem for each in file.parent.glob("*.gguf") if PROJECTOR not in each.name)
    return {_PART.sub("", stem) for stem in beside}


def _files(place: Path) -> Iterator[Path]:
    for folder, inside, names in os.walk(place, followlinks=False):
        if len(Path(folder).relative_to(place).parts) >= DEEPEST:
            inside.clear()
        inside.sort()
        yield from (Path(folder, name) for name in sorted(names) if name.endswith(".gguf"))


def _is_gguf(file: Path) -> bool:
    """By its first bytes, since downloads that broke off have the name too. A path that the
    configuration would take for a reference is left out.
    """
    if "${" in str(file) or not str(file).isprintable():
        return False
    try:
        with file.open("rb") as opened:
            return opened.read(len(MAGIC)) == MAGIC
    except OSError:
        return False


def _globbed(text: str) -> str:
    return re.sub(r"([*?\[])", r"[\1]", text)
