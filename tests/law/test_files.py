"""Files stay small, public words are explained, and the project speaks of itself alone."""

from __future__ import annotations

import ast
import asyncio
import re
import statistics
import subprocess
from pathlib import Path

import click
import pytest

from tests.law.sources import ROOT, name, python_files, tree

LONGEST_FILE = 300
LONGEST_FUNCTION = 60
TYPICAL = 160

SOURCES = [path for path in python_files("jano_core", "plugins") if "tests" not in path.parts]
CONTRACTS = (
    "plugin/authenticator.py",
    "plugin/backend.py",
    "plugin/command.py",
    "plugin/contract.py",
    "plugin/dialect.py",
    "plugin/launcher.py",
    "plugin/server.py",
    "plugin/usage.py",
    "scheduler/strategy.py",
    "scheduler/residency.py",
)
STRANGE = {
    "a path of somebody's machine": r"(?<![\w.])/(?:root|work)/\w",
    "the address of a package index": r"(?:files\.pythonhosted|test\.pypi|registry\.npmjs)\.",
    "the name on the package index that is another project's": r"pip install jano(?![-\w])",
    "work left open": r"\b(?:TODO|FIXME|XXX)\b",
}


def lines(path: Path) -> int:
    return len(path.read_text().splitlines())


@pytest.mark.parametrize("path", SOURCES, ids=name)
def test_a_file_is_one_noun(path: Path) -> None:
    assert lines(path) <= LONGEST_FILE


def test_the_typical_file_is_read_in_minutes() -> None:
    assert statistics.median(lines(path) for path in SOURCES if lines(path) > 20) <= TYPICAL


@pytest.mark.parametrize("path", SOURCES, ids=name)
def test_a_function_fits_a_screen(path: Path) -> None:
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or 0) - node.lineno + 1
            assert length <= LONGEST_FUNCTION, f"{name(path)}:{node.lineno} {node.name}: {length}"


@pytest.mark.parametrize("path", SOURCES, ids=name)
def test_public_words_are_explained(path: Path) -> None:
    module = tree(path)
    if len(module.body) > 1:
        assert ast.get_docstring(module), f"{name(path)} has no docstring"
    assert unexplained(module) == [], name(path)


def contract_words() -> frozenset[str]:
    """Methods explained once, where the contract is: who implements them need not repeat it."""
    words = {*dir(asyncio.Protocol), *dir(click.Group)}
    for path in CONTRACTS:
        for node in ast.walk(tree(ROOT / "jano_core" / path)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and ast.get_docstring(node):
                words.add(node.name)
    return frozenset(words)


def unexplained(scope: ast.Module | ast.ClassDef) -> list[str]:
    """Public classes, functions and methods without a docstring."""
    found = []
    inherited = contract_words() if isinstance(scope, ast.ClassDef) and scope.bases else ()
    for node in scope.body:
        if not isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        if node.name.startswith("_") or node.name in inherited:
            continue
        if ast.get_docstring(node) is None:
            found.append(f"{node.name} (line {node.lineno})")
        if isinstance(node, ast.ClassDef):
            found += unexplained(node)
    return found


def tracked() -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if listed.returncode != 0:
        pytest.skip("not a git checkout: the list of the project's files is unknown")
    return [ROOT / each for each in listed.stdout.split("\0") if each]


def test_the_project_speaks_of_itself_alone() -> None:
    found = []
    for path in tracked():
        if path == Path(__file__) or not path.is_file():
            continue
        try:
            text = path.read_text()
        except UnicodeDecodeError:
            continue
        for what, pattern in STRANGE.items():
            found += [f"{name(path)}: {what}: {m[0]}" for m in re.finditer(pattern, text)]
    assert found == []
