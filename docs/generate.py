"""Writes the generated parts of the documentation: what stands in the code is told only there.

    python docs/generate.py           write them anew
    python docs/generate.py --check   fail where one is out of date

A part stands between `<!-- generated: NAME -->` and `<!-- end of NAME -->`.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable
from pathlib import Path

from jano_core.scheduler.instance import TRANSITIONS
from jano_core.telemetry import facts
from jano_core.telemetry.names import NAMES

DOCS = Path(__file__).parent


def states() -> str:
    """The life of an instance, from the table that the scheduler itself obeys."""
    rows = ["```mermaid", "stateDiagram-v2", "    [*] --> stopped"]
    for state, moves in TRANSITIONS.items():
        together: dict[str, list[str]] = {}
        for signal, following in moves.items():
            together.setdefault(following.value, []).append(signal)
        rows += [f"    {state.value} --> {to}: {', '.join(by)}" for to, by in together.items()]
    return "\n".join([*rows, "```"])


def names(kind: str) -> Callable[[], str]:
    """What goes out over OpenTelemetry under this kind of name."""

    def table() -> str:
        unit = "| unit " if kind == "instrument" else ""
        head = f"| {kind} {unit}| what it is | defined by | status |"
        rows = [head, "|---" * (head.count("|") - 1) + "|"]
        for text, name in NAMES.items():
            if name.kind == kind:
                unit = f"| {name.unit} " if kind == "instrument" else ""
                rows.append(f"| `{text}` {unit}| {name.about} | {name.source} | {name.status} |")
        return "\n".join(rows)

    return table


def kinds_of_facts() -> str:
    """Every fact, by the first lines of what the code says of it."""
    rows = ["| fact | when |", "|---|---|"]
    for name, kind in vars(facts).items():
        if isinstance(kind, type) and issubclass(kind, facts.Fact) and kind is not facts.Fact:
            about = (inspect.getdoc(kind) or "").split("\n\n")[0].replace("\n", " ")
            rows.append(f"| `{name}` | {about.rstrip('.')} |")
    return "\n".join(rows)


PARTS: dict[str, Callable[[], str]] = {
    "states": states,
    "facts": kinds_of_facts,
    **{
        f"names of {kind}s": names(kind) for kind in ("span", "attribute", "instrument", "resource")
    },
}


def renewed(text: str) -> str:
    """The page with every generated part made anew."""
    for part, make in PARTS.items():
        begin, end = f"<!-- generated: {part} -->\n", f"<!-- end of {part} -->"
        before, found, rest = text.partition(begin)
        if found:
            text = before + begin + make() + "\n" + end + rest.partition(end)[2]
    return text


def main() -> int:
    """Renew or check all pages; the exit status is 1 where `--check` finds a stale one."""
    stale = []
    for page in sorted(DOCS.rglob("*.md")):
        old = page.read_text()
        new = renewed(old)
        if new != old:
            stale.append(page.name)
            if "--check" not in sys.argv[1:]:
                page.write_text(new)
    if stale and "--check" in sys.argv[1:]:
        print(f"out of date, run `make docs`: {', '.join(stale)}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
