"""Entry points are found as the standard library finds them."""

from __future__ import annotations

import importlib.metadata
import json
from pathlib import Path

import pytest

from jano_core.plugin.entry_point import EntryPoint, installed


def install(folder: Path, metadata: str, points: str, about: str | None = None) -> None:
    made = folder / metadata
    made.mkdir(parents=True)
    (made / "entry_points.txt").write_text(points)
    if about is not None:
        (made / ("METADATA" if metadata.endswith("dist-info") else "PKG-INFO")).write_text(about)


def names(*folders: Path) -> list[tuple[str, str, str]]:
    found = installed("jano", map(str, folders))
    return [(point.distribution, point.version, point.name) for point in found]


@pytest.mark.parametrize("group", ["jano", "console_scripts", "pytest11", "no-such-group"])
def test_what_is_installed_here_is_found_as_by_the_standard_library(group: str) -> None:
    theirs = {
        (point.name, point.value, point.dist.name, point.dist.version)
        for point in importlib.metadata.entry_points(group=group)
        if point.dist is not None
    }
    ours = {
        (point.name, point.value, point.distribution, point.version) for point in installed(group)
    }
    assert ours == theirs


def test_name_and_version_are_those_of_the_description(tmp_path: Path) -> None:
    about = "Metadata-Version: 2.1\nName: Jano.Patient\nVersion: 1.2\n\nName: is not this\n"
    install(tmp_path, "jano_patient-1.2.dist-info", "[jano]\npatient = jano_patient\n", about)
    assert names(tmp_path) == [("Jano.Patient", "1.2", "patient")]


def test_what_setuptools_leaves_beside_a_checkout_counts_too(tmp_path: Path) -> None:
    about = "Name: jano-patient\nVersion: 0.1\n"
    install(tmp_path, "jano_patient.egg-info", "[jano]\npatient = jano_patient\n", about)
    assert names(tmp_path) == [("jano-patient", "0.1", "patient")]


def test_the_first_of_two_with_one_name_counts(tmp_path: Path) -> None:
    for version in ("2.0", "1.0"):
        about = f"Name: jano-patient\nVersion: {version}\n"
        folder = tmp_path / version
        install(folder, f"jano_patient-{version}.dist-info", "[jano]\na = b\n", about)
    assert names(tmp_path / "2.0", tmp_path / "1.0") == [("jano-patient", "2.0", "a")]
    assert names(tmp_path / "1.0", tmp_path / "2.0") == [("jano-patient", "1.0", "a")]


def test_other_groups_comments_and_empty_lines_are_left_out(tmp_path: Path) -> None:
    points = "[other]\nx = y\n\n[jano]\n# a = b\n\n  c=d:e\n[last]\nf = g\n"
    install(tmp_path, "jano_c-1.dist-info", points, "Name: jano-c\nVersion: 1\n")
    (point,) = installed("jano", [str(tmp_path)])
    assert (point.name, point.value) == ("c", "d:e")


def test_what_cannot_be_read_holds_none(tmp_path: Path) -> None:
    (tmp_path / "archive.zip").write_bytes(b"PK")
    (tmp_path / "a-1.dist-info").mkdir()
    (tmp_path / "b-1.egg-info").write_text("Name: b\n")
    assert names(tmp_path / "archive.zip", tmp_path / "gone", tmp_path) == []


def test_without_a_description_the_entry_point_stands_for_it(tmp_path: Path) -> None:
    install(tmp_path, "jano_c-1.dist-info", "[jano]\nc = d\n")
    assert names(tmp_path) == [("c", "unknown", "c")]


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ("json", json),
        ("json:JSONDecoder", json.JSONDecoder),
        ("json:JSONDecoder.decode", json.JSONDecoder.decode),
        ("json : JSONDecoder [extra]", json.JSONDecoder),
    ],
)
def test_a_module_or_what_is_in_it_is_loaded(value: str, found: object) -> None:
    assert EntryPoint(name="x", value=value, distribution="x", version="1").load() is found
