"""Models that Ollama has installed, whether or not it runs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from shlex import quote

from .find import Find, model_name

LIBRARY = "registry.ollama.ai/library"


def installed(env: Mapping[str, str], home: Path) -> list[str]:
    """Names as Ollama's own folder has them."""
    root = Path(env.get("OLLAMA_MODELS") or home / ".ollama/models") / "manifests" / LIBRARY
    return sorted(f"{tag.parent.name}:{tag.name}" for tag in root.glob("*/*") if tag.is_file())


def find_ollama(models: Sequence[str], url: str, program: str, backend: str) -> Iterator[Find]:
    """A find for each. `url` is a running Ollama's; without one Jano starts `program`."""
    for model in models:
        short = model.removesuffix(":latest")
        table = {"backend": backend, "upstream_model": model}
        if url:
            table["url"] = url
        else:
            table["cmd"] = f"env OLLAMA_HOST=127.0.0.1:${{PORT}} {quote(program or 'ollama')} serve"
        lacks = "" if backend == "ollama" else "the plugin jano-ollama"
        yield Find(
            name=model_name(short),
            table=table,
            notes=(f"{model} of the Ollama at {url}" if url else f"{model}, installed in Ollama",),
            lacks=lacks if url or program else "ollama on PATH",
        )
