"""The date in the head of an answer."""

from __future__ import annotations

from email.utils import formatdate

from hypothesis import given
from hypothesis import strategies as st

from jano_core.http1.head import http_date


@given(st.integers(0, 2**32))
def test_the_date_is_the_one_that_the_library_writes(at: int) -> None:
    assert http_date(at) == formatdate(at, usegmt=True)
