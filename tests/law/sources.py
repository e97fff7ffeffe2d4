"""The project's own Python files, and what each of them imports."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
CORE = ROOT / "jano_core"


def python_files(*folders: str) -> list[Path]:
    """Every source file below these folders of the repository, in a stable order."""
    return sorted(
        path
        for folder in folders
        for path in (ROOT / folder).rglob("*.py")
        if not any(part.startswith(".") or part == "node_modules" for part in path.parts)
    )


def name(path: Path) -> str:
    """The file as people write it."""
    return path.relative_to(ROOT).as_posix()


@cache
def tree(path: Path) -> ast.Module:
    """The parsed file."""
    return ast.parse(path.read_text(), filename=str(path))


def imports(path: Path) -> set[str]:
    """Dotted names of all modules that a file of the core imports, at any depth of its code.

    Relative ones are made absolute. Imports for type checkers alone count too: a type is a debt
    like any other.
    """
    package = path.relative_to(ROOT).with_suffix("").parts[:-1]
    found: set[str] = set()
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            start = package[: len(package) - node.level + 1] if node.level else ()
            base = ".".join([*start, *([node.module] if node.module else [])])
            found |= {base}
            if node.level and not node.module:  # from . import sibling
                found |= {f"{base}.{alias.name}" for alias in node.names}
    return found
