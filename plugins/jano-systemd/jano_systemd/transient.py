"""Units that exist only while they run, made by `systemd-run` from a model's table."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping

from msgspec import Struct

from jano_core import ServerSpec

DEFAULT_URL = "http://127.0.0.1:${PORT}"
DESCRIPTION = re.compile(r"^Jano's server of (?P<model>.*) at (?P<url>\S+) \[(?P<made>\w+)\]$")


class Recipe(Struct, frozen=True):
    """What a transient unit is made of; two that are made of the same are the same."""

    spec: ServerSpec
    properties: Mapping[str, str]

    @property
    def fingerprint(self) -> str:
        """Changes whenever the configuration of the unit does."""
        spec = self.spec
        made_of = [spec.model, spec.cmd, spec.cwd, spec.url, dict(spec.own_env)]
        text = json.dumps([made_of, dict(self.properties)], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:12]

    def description(self, url: str) -> str:
        """The unit's own description: a later Jano recognises it by that, and learns the port."""
        return f"Jano's server of {self.spec.model} at {url} [{self.fingerprint}]"

    def url_in(self, description: str) -> str:
        """Where a unit with this description answers; empty if it is not made by this recipe."""
        found = DESCRIPTION.match(description)
        return found["url"] if found and found["made"] == self.fingerprint else ""

    def command(self, unit: str, scope: str, url: str, port: int | None) -> list[str]:
        """The `systemd-run` that starts the unit. Values of variables are not in it: it takes them
        from its own environment, so that no process list shows them.
        """
        spec = self.spec
        properties = {
            "TimeoutStopSec": f"{spec.stop_timeout:g}",
            # Whether a server that died is loaded again is Jano's decision.
            "Restart": "no",
            **self.properties,
        }
        words = ["systemd-run", f"--{scope}", "--quiet", "--no-ask-password", f"--unit={unit}"]
        words += ["--service-type=exec", f"--description={self.description(url)}"]
        words += [f"--property={name}={value}" for name, value in properties.items()]
        words += [f"--setenv={name}" for name in spec.own_env]
        words += [f"--working-directory={spec.cwd}"] if spec.cwd else []
        program, *arguments = (self.fill(word, port) for word in spec.cmd)
        # systemd would put variables in: it reads two dollars as one, but not in the program.
        return [*words, "--", program, *(word.replace("$", "$$") for word in arguments)]

    def fill(self, text: str, port: int | None) -> str:
        """`text` with port and model put in."""
        if port is not None:
            text = text.replace("${PORT}", str(port))
        return text.replace("${MODEL}", self.spec.model)


def unit_name(model: str) -> str:
    """The unit of a model that does not name one: characters that a unit name cannot have are
    written as systemd-escape(1) does.
    """
    escaped = re.sub(rb"[^\w:.-]", lambda found: b"\\x%02x" % found[0][0], model.encode())
    return f"jano-{escaped.decode()}.service"
