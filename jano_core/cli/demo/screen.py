"""The burst in a terminal: redrawn in place, or line by line where there is no terminal."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator

from ..text import cut
from .burst import TOKENS, Ask, Outcome, Scene, Show

_BAR = 24
_UP = "\x1b[{}F"
_CLEAR = "\x1b[K"


def screen(title: str) -> Show:
    """What shows a burst under this title on standard output."""
    return _Redraw(title) if sys.stdout.isatty() else _Lines(title)


class _Redraw:
    def __init__(self, title: str) -> None:
        self._title = title
        self._height = 0

    def __call__(self, scene: Scene) -> None:
        loaded = ", ".join(f"{name} {state}" for name, state in scene.models.items())
        lines = ["", f"{self._title}   {scene.seconds:4.1f}s   {loaded}", ""]
        lines += [_row(ask) for ask in scene.asks]
        # A line that the terminal broke in two would put the next picture in the wrong place.
        width = shutil.get_terminal_size().columns - 1
        lines = [cut(line, width) for line in lines]
        back = _UP.format(self._height) if self._height else ""
        sys.stdout.write(back + "".join(f"{line}{_CLEAR}\n" for line in lines))
        sys.stdout.flush()
        self._height = len(lines)


class _Lines:
    def __init__(self, title: str) -> None:
        self._title = title
        self._seen: dict[str, str] = {}

    def __call__(self, scene: Scene) -> None:
        if not self._seen:
            print(f"\n{self._title}", flush=True)
        now = {f"model {name}": state for name, state in scene.models.items()}
        now |= {f"request {ask.number} ({ask.model})": ask.state for ask in scene.asks}
        for thing, state in now.items():
            if self._seen.get(thing) != state:
                print(f"  {scene.seconds:4.1f}s  {thing}: {state}", flush=True)
        self._seen = now


def table(ours: Outcome, theirs: Outcome) -> Iterator[str]:
    """The end of the story: what Jano did, what strict order would have done."""
    yield ""
    yield f"{'':14}{'order served':16}{'swaps':>6}{'seconds':>10}"
    for name, outcome in (("Jano", ours), ("strict FIFO", theirs)):
        order = " ".join(outcome.order)
        yield f"{name:14}{order:16}{outcome.swaps:>6}{outcome.seconds:>10.1f}"
    swaps = theirs.swaps - ours.swaps
    seconds = round(theirs.seconds, 1) - round(ours.seconds, 1)
    yield f"{'saved':14}{'':16}{swaps:>6}{seconds:>10.1f}"


def _row(ask: Ask) -> str:
    done = round(_BAR * min(ask.tokens / TOKENS, 1.0))
    bar = "█" * done + "·" * (_BAR - done)
    note = f"after {ask.seconds:.1f}s" if ask.state == "served" else ask.news
    return f"  {ask.number}  {ask.model:5} {bar}  {ask.state:8} {note}"
