"""Figures as a table in Markdown."""

from __future__ import annotations

import statistics
from collections.abc import Mapping

Figures = dict[str, dict[str, list[float]]]
"""Measure → party → a value for each round."""

PARTIES = ("direct", "nginx", "go", "jano", "peer")


def render(figures: Figures) -> str:
    """Medians with spreads, and each in proportion to nginx's."""
    shown = [party for party in PARTIES if any(party in row for row in figures.values())]
    lines = ["| measure | " + " | ".join(shown) + " |", "|---" * (len(shown) + 1) + "|"]
    for measure, row in figures.items():
        cells = [_cell(row, party) for party in shown]
        lines.append(f"| {measure} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def _cell(row: Mapping[str, list[float]], party: str) -> str:
    values = row.get(party)
    if not values:
        return "–"
    middle = statistics.median(values)
    text = _number(middle)
    if len(values) > 1:
        quartiles = statistics.quantiles(values, n=4)
        text += f" ± {_number((quartiles[2] - quartiles[0]) / 2)}"
    yardstick = statistics.median(row["nginx"]) if row.get("nginx") else 0.0
    return f"{text} ({middle / yardstick:.2f} ×)" if yardstick and party != "nginx" else text


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
