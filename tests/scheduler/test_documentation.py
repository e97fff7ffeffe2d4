"""The scores in docs/scheduler.md are played as they stand there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[2] / "docs" / "scheduler.md"
SCORES = re.findall(r"^```python\n(.*?)^```", PAGE.read_text(), re.DOTALL | re.MULTILINE)


def test_there_are_two_scores() -> None:
    assert len(SCORES) == 2
    assert all(".perform(" in score for score in SCORES)


@pytest.mark.parametrize("score", SCORES, ids=["burst", "second thoughts"])
def test_a_documented_score_holds(score: str) -> None:
    exec(compile(score, str(PAGE), "exec"), {})
