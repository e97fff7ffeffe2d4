"""Every key is found on its line, whatever TOML allows in between."""

from __future__ import annotations

import tomllib

from hypothesis import given
from hypothesis import strategies as st

from jano_core.config.lines import Lines
from jano_core.config.toml_writer import dumps

TEXT = '''\
# a comment with [brackets] and key = "value"
title = "a # no comment"   # a comment

[server] # behind a header
host = 'C:\\'
"odd key".'another one' = 1

[models."chat:high".request]
cmd = """
not_a_key = 1
[not.a.table] \\""" still inside"""
args = [
  "x = 1", # y = 2
  { inner = 1, "quoted" = 2 },
]
set = { top_p = 0.9, nested = { deep = true } }
last = 2024-01-01T10:00:00Z
[[things]]
a = 1
[[things]]
a = 2
'''


def test_keys_and_headers_have_their_lines() -> None:
    tomllib.loads(TEXT)
    lines = Lines(TEXT)
    assert lines.exact(("title",)) == 2
    assert lines.exact(("server",)) == 4
    assert lines.exact(("server", "host")) == 5
    assert lines.exact(("server", "odd key", "another one")) == 6
    model = ("models", "chat:high", "request")
    assert lines.exact(model) == 8
    assert lines.exact((*model, "cmd")) == 9
    assert lines.exact((*model, "args")) == 12
    assert lines.exact((*model, "args", "inner")) == 14
    assert lines.exact((*model, "args", "quoted")) == 14
    assert lines.exact((*model, "set", "nested", "deep")) == 16
    assert lines.exact((*model, "last")) == 17
    assert lines.exact(("things", "a")) == 19


def test_what_is_not_given_is_near_what_is_around_it() -> None:
    lines = Lines(TEXT)
    assert lines.exact(("server", "port")) == 0
    assert lines.nearest(("server", "port")) == 4
    assert lines.nearest(("nowhere",)) == 0


def test_windows_line_ends_count_once() -> None:
    assert Lines("a = 1\r\n\r\n[b]\r\nc = 2\r\n").exact(("b", "c")) == 4


keys = st.text(min_size=1, max_size=8)
values = st.one_of(st.text(), st.integers(), st.booleans(), st.lists(st.text(), max_size=3))
trees = st.recursive(
    st.dictionaries(keys, values, max_size=4),
    lambda inside: st.dictionaries(keys, st.one_of(values, inside), max_size=4),
    max_leaves=12,
)


@given(tree=trees)
def test_every_key_of_any_text_is_found(tree: dict[str, object]) -> None:
    text = dumps(tree)
    lines = Lines(text)

    def walk(node: object, path: tuple[str, ...]) -> None:
        if isinstance(node, dict):
            for key, value in node.items():
                line = text.split("\n")[lines.exact((*path, key)) - 1]
                assert lines.exact((*path, key)) > 0
                assert "=" in line or "[" in line
                walk(value, (*path, key))

    walk(tree, ())
