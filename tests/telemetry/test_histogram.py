"""A histogram counts each value where it belongs, whatever came before it."""

from __future__ import annotations

from itertools import product
from math import inf

import pytest

from jano_core.telemetry.histogram import SECONDS, Histogram

VALUES = (-1.0, 0.0, 0.005, 0.0051, 1, 1.0, 2.4, 599.9, 600, 600.1, inf)


@pytest.mark.parametrize(("first", "second"), [*product(VALUES, repeat=2)])
def test_a_value_belongs_below_every_bound_that_it_does_not_exceed(first, second):
    histogram = Histogram()
    for value in (first, second, second):
        histogram.observe(value)
    below = [sum(value <= bound for value in (first, second, second)) for bound in SECONDS]
    assert histogram.cumulative() == [*below, 3]
    assert (histogram.count, histogram.sum) == (3, first + second + second)
