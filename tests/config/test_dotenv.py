"""What people write in `.env` files."""

from __future__ import annotations

from jano_core.config.dotenv import parse


def test_forms() -> None:
    text = """\
# a comment
PLAIN=value
  SPACED =  a value with spaces   # and a comment
export EXPORTED=1
EMPTY=
SINGLE='raw \\n # kept'
DOUBLE="line\\nbreak # kept" # dropped
MULTI="one
two"
TWICE=1
TWICE=2
not a line
"""
    assert parse(text) == {
        "PLAIN": "value",
        "SPACED": "a value with spaces",
        "EXPORTED": "1",
        "EMPTY": "",
        "SINGLE": "raw \\n # kept",
        "DOUBLE": "line\nbreak # kept",
        "MULTI": "one\ntwo",
        "TWICE": "2",
    }


def test_windows_line_ends() -> None:
    assert parse("A=1\r\nB=2\r\n") == {"A": "1", "B": "2"}
