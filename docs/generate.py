"""Writes the generated parts of the documentation: what stands in the code is told only there.

    python docs/generate.py           write them anew
    python docs/generate.py --check   fail where one is out of date

A part stands between `<!-- generated: NAME -->` and `<!-- end of NAME -->`.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

from jano_core.scheduler.instance import TRANSITIONS

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


PARTS: dict[str, Callable[[], str]] = {"states": states}


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
    for page in sorted(DOCS.glob("*.md")):
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
