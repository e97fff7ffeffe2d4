"""Nix: every file parses, the flake is sound, and the modules make the services that are shipped.

`nix/service.nix` is the one description of the service in Nix; it is compared with the unit files
key by key. Builds and the test in a virtual machine (nix/vm-test.nix) are not run here.
"""

from __future__ import annotations

import json
import os
import plistlib
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.components import require_command
from tests.law.sources import ROOT, name

pytestmark = pytest.mark.wire

FILES = [ROOT / "flake.nix", *sorted((ROOT / "nix").rglob("*.nix"))]
HERE = Path(__file__).parent / "nix"
INSTALL = "install Nix (Debian and Ubuntu: apt-get install nix-bin)"

OF_THE_STORE = {"ExecStart", "ExecReload", "Environment"}
"""Keys of the service in which a module has paths of the Nix store."""

UNITS = {"jano.service": "service", "jano.socket": "socket", "jano-model@.service": "model"}


def nix(*words: str, home: Path, check: bool = True) -> str:
    command = require_command(words[0], INSTALL)
    env = os.environ | {"HOME": str(home), "NIX_STATE_DIR": str(home / "state")}
    env |= {"NIX_STORE_DIR": str(home / "store"), "NIX_LOG_DIR": str(home / "log")}
    done = subprocess.run(
        [command, *words[1:]], env=env, capture_output=True, text=True, timeout=60, check=False
    )
    if check:
        assert done.returncode == 0, done.stderr
    return done.stdout if check else done.stderr


def evaluate(expression: str, home: Path) -> Any:
    words = ("nix-instantiate", "--eval", "--strict", "--json", "--expr", expression)
    return json.loads(nix(*words, home=home))


def module(file: str, settings: str, home: Path, system: str = "linux") -> Any:
    settings = f"{{ enable = true; {settings} }}"
    return evaluate(
        f'import {HERE}/eval.nix {{ module = {ROOT}/nix/{file}; system = "{system}"; '
        f"settings = {settings}; }}",
        home,
    )


def unit(path: Path) -> dict[str, dict[str, list[str]]]:
    """Section → key → all its values."""
    sections: dict[str, dict[str, list[str]]] = {}
    for line in path.read_text().splitlines():
        if line.startswith("["):
            section = sections.setdefault(line.strip("[]"), {})
        elif line and not line.startswith("#"):
            key, _, value = line.partition("=")
            section.setdefault(key, []).append(value)
    return sections


def as_unit(sections: dict[str, dict[str, Any]]) -> dict[str, dict[str, list[str]]]:
    """What Nix says, in the same form: a list is a key that repeats."""

    def text(value: Any) -> str:
        return ("yes" if value else "no") if isinstance(value, bool) else str(value)

    return {
        section: {
            key: [text(each) for each in (value if isinstance(value, list) else [value])]
            for key, value in keys.items()
        }
        for section, keys in sections.items()
    }


@pytest.mark.parametrize("file", FILES, ids=name)
def test_every_file_parses(file: Path, tmp_path: Path) -> None:
    nix("nix-instantiate", "--parse", str(file), home=tmp_path)


def test_the_flake_shows_and_checks_without_a_network(tmp_path: Path) -> None:
    # Nix copies a flake's folder to its store: a copy without what git ignores.
    copy = tmp_path / "flake"
    copy.mkdir()
    shutil.copy(ROOT / "flake.nix", copy)
    for folder in ("nix", "systemd"):
        shutil.copytree(ROOT / folder, copy / folder)
    flakes = ("nix", "--extra-experimental-features", "nix-command flakes", "--offline", "flake")
    shown = json.loads(nix(*flakes, "show", "--json", f"path:{copy}", home=tmp_path))
    assert {"overlays", "nixosModules", "homeModules", "packages", "checks", "devShells"} <= {
        *shown
    }
    nix(*flakes, "check", f"path:{copy}", home=tmp_path)


@pytest.mark.parametrize("scope", ["user", "system"])
def test_service_nix_is_the_shipped_units(scope: str, tmp_path: Path) -> None:
    made = evaluate(f'import {ROOT}/nix/service.nix {{ scope = "{scope}"; }}', tmp_path)
    for file, key in UNITS.items():
        shipped = unit(ROOT / "systemd" / scope / file)
        found = as_unit(made[key])
        assert found.keys() == shipped.keys(), file
        for section in shipped:
            assert found[section] == shipped[section], f"{file} [{section}]"


def test_service_nix_is_the_shipped_plist(tmp_path: Path) -> None:
    made = evaluate(f"(import {ROOT}/nix/service.nix {{ }}).launchd", tmp_path)
    shipped = plistlib.loads((ROOT / "launchd" / "io.github.jano.plist").read_bytes())
    del shipped["ProgramArguments"]
    assert made == shipped


def test_the_nixos_module_makes_the_system_service(tmp_path: Path) -> None:
    settings = """
      units.chat = { port = 9001; command = "/bin/llama"; serviceConfig.MemoryMax = "40G"; };
      settings.models.chat.ttl = "1h";
      credentials.api-keys = "/run/secrets/keys";
    """
    made = module("nixos.nix", settings, tmp_path)
    service = as_unit({"Service": made["systemd"]["services"]["jano"]["serviceConfig"]})["Service"]
    shipped = unit(ROOT / "systemd" / "system" / "jano.service")["Service"]
    assert service.pop("LoadCredential") == ["api-keys:/run/secrets/keys"]
    assert service.keys() == shipped.keys()
    assert {key: service[key] for key in service if key not in OF_THE_STORE} == {
        key: shipped[key] for key in shipped if key not in OF_THE_STORE
    }
    assert service["ExecStart"] == ["/nix/store/jano/bin/jano serve --config /nix/store/jano.toml"]
    model = made["systemd"]["services"]["jano-model-chat"]["serviceConfig"]
    assert (model["ExecStart"], model["MemoryMax"]) == ("/bin/llama", "40G")
    assert made["file"]["models"]["chat"] == {
        "unit": "jano-model-chat.service",
        "url": "http://127.0.0.1:9001",
        "ttl": "1h",
    }
    assert made["systemd"]["sockets"]["jano"]["socketConfig"]["ListenStream"][0] == "127.0.0.1:8082"


def test_the_home_manager_module_on_linux(tmp_path: Path) -> None:
    made = module("home-manager.nix", "settings.server.port = 9;", tmp_path)
    service = as_unit(made["systemd"]["user"]["services"]["jano"])
    shipped = unit(ROOT / "systemd" / "user" / "jano.service")
    for section in shipped:
        assert service[section].keys() == shipped[section].keys()
        for key in shipped[section].keys() - OF_THE_STORE:
            assert service[section][key] == shipped[section][key], key
    socket = made["systemd"]["user"]["sockets"]["jano"]["Socket"]
    assert socket["ListenStream"] == ["127.0.0.1:9", "%t/jano.sock"]


def test_the_home_manager_module_on_a_mac(tmp_path: Path) -> None:
    made = module("home-manager.nix", "", tmp_path, system="darwin")
    agent = made["launchd"]["agents"]["jano"]["config"]
    shipped = plistlib.loads((ROOT / "launchd" / "io.github.jano.plist").read_bytes())
    for key in shipped.keys() - {"ProgramArguments", "EnvironmentVariables"}:
        assert agent[key] == shipped[key], key
    assert agent["ProgramArguments"][1:] == ["serve", "--config", "/nix/store/jano.toml"]
    assert "systemd" not in made


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        ('settings.server.port = "8082";', "16 bit unsigned integer"),
        ('credentials.key = "keys.txt";', "string matching the pattern"),
        ('units.chat.command = "x";', "port"),
        ("plugins = [ ];", "function"),
    ],
)
def test_a_wrong_type_is_refused(settings: str, complaint: str, tmp_path: Path) -> None:
    expression = (
        f"import {HERE}/eval.nix {{ module = {ROOT}/nix/nixos.nix; "
        f"settings = {{ enable = true; {settings} }}; }}"
    )
    words = ("nix-instantiate", "--eval", "--strict", "--json", "--expr", expression)
    assert complaint in nix(*words, home=tmp_path, check=False)


def test_the_nixos_module_under_the_real_module_system(tmp_path: Path) -> None:
    lib = os.environ.get("NIXPKGS_LIB", "")
    if not lib:
        pytest.skip("no nixpkgs at hand; NIXPKGS_LIB=/path/to/nixpkgs/lib evaluates with its lib")

    def evaluated(settings: str) -> str:
        return f"import {HERE}/real.nix {{ lib = import {lib}; settings = {settings}; }}"

    made = evaluate(evaluated("{ enable = true; }"), tmp_path)
    stood_in = module("nixos.nix", "", tmp_path)["systemd"]["services"]
    assert made["jano"]["serviceConfig"] == stood_in["jano"]["serviceConfig"]
    wrong = evaluated('{ enable = true; settings.server.port = "8082"; }')
    words = ("nix-instantiate", "--eval", "--strict", "--json", "--expr", wrong)
    assert "16 bit unsigned integer" in nix(*words, home=tmp_path, check=False)
