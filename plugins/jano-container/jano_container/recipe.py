"""What a model's container is made of, as arguments of `run`."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from typing import Literal
from urllib.parse import urlsplit

import msgspec
from msgspec import Struct, field

from jano_core import ServerSpec

DEFAULT_URL = "http://127.0.0.1:${PORT}"
MADE, URL = "io.github.jano.made", "io.github.jano.url"
"""Labels: a later Jano recognises its container by them, and learns the port."""


class ContainerSettings(Struct, frozen=True, kw_only=True):
    """`[models.X.settings]` of a model with `launch = "container"`."""

    image: str
    engine: Literal["", "docker", "podman"] = ""
    """Default: whichever is on PATH, Docker first."""
    container: str = ""
    """Its name; default: `jano-MODEL`."""
    port: int = 0
    """Where the server listens inside; default: the same number as outside."""
    gpus: str = ""
    """`all`, or indices such as `0,1`."""
    devices: Sequence[str] = field(default_factory=tuple)
    volumes: Sequence[str] = field(default_factory=tuple)
    args: Sequence[str] = field(default_factory=tuple)
    """Further arguments of `run`."""
    keep: bool = False
    """It goes on when Jano ends, to be used by the next one."""


class Recipe(Struct, frozen=True):
    """Two containers of the same recipe are the same, but for the port."""

    spec: ServerSpec
    settings: ContainerSettings

    @property
    def name(self) -> str:
        """The container's name: the model's, with `_` for what a name may not have."""
        return self.settings.container or f"jano-{re.sub(r'[^A-Za-z0-9_.-]', '_', self.spec.model)}"

    @property
    def fingerprint(self) -> str:
        """Changes whenever the configuration does."""
        spec = self.spec
        made_of = (spec.model, spec.cmd, spec.url, dict(spec.own_env), self.settings)
        return hashlib.sha256(msgspec.json.encode(made_of, order="sorted")).hexdigest()[:12]

    def url(self, port: int | None) -> str:
        """Where it answers."""
        return self.fill(self.spec.url or DEFAULT_URL, port)

    def arguments(self, engine: str, port: int | None) -> list[str]:
        """Everything behind `docker run`. Values of variables are not in it: the engine's command
        takes them from its own environment, so that no process list shows them.
        """
        settings, url = self.settings, self.url(port)
        outside = urlsplit(url).port or 80
        inside = settings.port or outside
        # --init: a server that is process 1 would ignore SIGTERM and never reap its children.
        words = ["--detach", "--init", "--name", self.name]
        words += ["--label", f"{MADE}={self.fingerprint}", "--label", f"{URL}={url}"]
        words += ["--publish", f"127.0.0.1:{outside}:{inside}"]
        words += [word for name in self.spec.own_env for word in ("--env", name)]
        words += gpu_flags(engine, settings.gpus)
        words += [word for each in settings.devices for word in ("--device", each)]
        words += [word for each in settings.volumes for word in ("--volume", each)]
        words += ["--workdir", self.spec.cwd] if self.spec.cwd else []
        return [*words, *settings.args, settings.image, *self._command(inside)]

    def _command(self, inside: int) -> list[str]:
        return [self.fill(word, inside) for word in self.spec.cmd]

    def fill(self, text: str, port: int | None) -> str:
        """`text` with port and model put in."""
        if port is not None:
            text = text.replace("${PORT}", str(port))
        return text.replace("${MODEL}", self.spec.model)


def gpu_flags(engine: str, gpus: str) -> list[str]:
    """Podman names GPUs as devices of the Container Device Interface, Docker has a flag."""
    if not gpus:
        return []
    if engine == "podman":
        return [word for gpu in gpus.split(",") for word in ("--device", f"nvidia.com/gpu={gpu}")]
    # Docker reads the value as comma-separated fields, hence quotation marks around the list.
    return ["--gpus", gpus if gpus == "all" else f'"device={gpus}"']
