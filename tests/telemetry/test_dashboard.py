"""Grafana's dashboard asks valid questions, about metrics that there are."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import pytest

from tests.components import require_command

from .test_exposition import busy_house

FOLDER = Path(__file__).parents[2] / "examples/grafana"
DASHBOARD = json.loads((FOLDER / "jano.json").read_text())
QUERIES = [target["expr"] for panel in DASHBOARD["panels"] for target in panel["targets"]]
VARIABLES = {"$__rate_interval": "1m", "$job": "jano"}
PROMTOOL = "install Debian's package prometheus"


def test_every_metric_exists():
    lines = [line for line in busy_house().splitlines() if not line.startswith("#")]
    samples = {re.match(r"\w+", line)[0] for line in lines}  # type: ignore[index]
    asked = {name for query in QUERIES for name in re.findall(r"\bjano_\w+", query)}
    assert asked <= samples


@pytest.mark.real
def test_every_query_is_valid(tmp_path: Path):
    rules = []
    for number, query in enumerate(QUERIES):
        for variable, value in VARIABLES.items():
            query = query.replace(variable, value)
        rules.append({"record": f"jano:query_{number}", "expr": query})
    file = tmp_path / "rules.yml"  # JSON is YAML
    file.write_text(json.dumps({"groups": [{"name": "dashboard", "rules": rules}]}))
    promtool = require_command("promtool", PROMTOOL)
    check = subprocess.run([promtool, "check", "rules", file], capture_output=True, text=True)
    assert check.returncode == 0, check.stdout + check.stderr


@pytest.mark.real
def test_the_configuration_of_prometheus_is_valid():
    promtool = require_command("promtool", PROMTOOL)
    command = [promtool, "check", "config", FOLDER / "prometheus.yml"]
    check = subprocess.run(command, capture_output=True, text=True)
    assert check.returncode == 0, check.stdout + check.stderr


def test_panels_stand_side_by_side():
    places = [panel["gridPos"] for panel in DASHBOARD["panels"]]
    taken = set()
    for place in places:
        assert place["x"] + place["w"] <= 24
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & taken
        taken |= cells
