"""A simulation as a picture: who was in memory when, and how many waited. SVG, no dependencies."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from itertools import pairwise

from .simulator import Run

WIDTH = 1000
LEFT = 120
LANE = 18
DEPTH = 70
TITLE = 24
GAP = 22
COLOURS = {
    "starting": "#e8a33d",
    "ready": "#3a7d5c",
    "draining": "#8fbf9f",
    "stopping": "#b04a3f",
}
WAITING = "#9aa3ad"


def draw(runs: Sequence[Run]) -> str:
    """One panel a run, all on the same scale of time; runs of one trace on one of depth, too."""
    end = max((fate.ended or 0.0 for run in runs for fate in run.fates), default=0.0) or 1.0
    parts: list[str] = []
    top = 34.0
    for run in runs:
        alike = [each for each in runs if each.trace.header.trace == run.trace.header.trace]
        deepest = max((depth for each in alike for _, depth in each.depth), default=0) or 1
        parts += _panel(run, top, end, deepest)
        top += TITLE + LANE * len(run.trace.header.models) + DEPTH + GAP
    parts += _axis(top - 8, end)
    return "\n".join(
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {top + 20:.0f}" '
            'font-family="sans-serif" font-size="11">',
            '<rect width="100%" height="100%" fill="white"/>',
            *_legend(),
            *parts,
            "</svg>\n",
        )
    )


def _legend() -> Iterable[str]:
    for index, (state, colour) in enumerate(COLOURS.items()):
        x = LEFT + 90 * index
        yield f'<rect x="{x}" y="8" width="10" height="10" fill="{colour}"/>'
        yield _text(x + 14, 17, state)
    x = LEFT + 90 * len(COLOURS)
    yield f'<rect x="{x}" y="8" width="10" height="10" fill="{WAITING}"/>'
    yield _text(x + 14, 17, "requests that wait")


def _panel(run: Run, top: float, end: float, deepest: int) -> Iterable[str]:
    yield _text(8, top + 14, f"{run.trace.header.trace}: {run.strategy}", "bold")
    top += TITLE
    for model in run.trace.header.models:
        yield _text(8, top + 12, model.name)
        for began, ended, state in _spans(run, model.name, end):
            x, width = _x(began, end), max(0.3, _x(ended, end) - _x(began, end))
            yield (
                f'<rect x="{x:.1f}" y="{top:.0f}" width="{width:.1f}" height="{LANE - 4}" '
                f'fill="{COLOURS[state]}"><title>{escape(model.name)} {state} '
                f"{began:.1f}–{ended:.1f} s</title></rect>"
            )
        top += LANE
    yield _text(8, top + DEPTH / 2, f"waiting (≤ {deepest})")
    yield _depth(run, top, end, deepest)


def _spans(run: Run, model: str, end: float) -> Iterable[tuple[float, float, str]]:
    """The times in which a model was in memory or on its way, by state."""
    changes = [(at, state) for at, name, state in run.states if name == model]
    for (at, state), (until, _) in pairwise([*changes, (end, "")]):
        if state in COLOURS and until > at:
            yield at, until, state


def _depth(run: Run, top: float, end: float, deepest: int) -> str:
    points: list[tuple[float, int]] = []
    last, floor = 0, top + DEPTH
    for at, depth in run.depth:
        x = _x(at, end)
        points += [(x, last), (x, depth)]
        last = depth
    points.append((_x(end, end), last))
    line = " ".join(f"{x:.1f},{floor - DEPTH * depth / deepest:.1f}" for x, depth in points)
    return f'<polygon points="{LEFT},{floor} {line} {WIDTH - 10},{floor}" fill="{WAITING}"/>'


def _axis(y: float, end: float) -> Iterable[str]:
    for tenth in range(0, 11, 2):
        at = end * tenth / 10
        label = f"{at / 60:.0f} min" if end > 600 else f"{at:.0f} s"
        yield _text(_x(at, end), y, label, anchor="middle" if tenth < 10 else "end")


def _x(at: float, end: float) -> float:
    return LEFT + (WIDTH - LEFT - 10) * at / end


def _text(x: float, y: float, text: str, weight: str = "normal", anchor: str = "start") -> str:
    style = f'font-weight="{weight}" text-anchor="{anchor}"'
    return f'<text x="{x:.0f}" y="{y:.0f}" {style}>{escape(text)}</text>'
