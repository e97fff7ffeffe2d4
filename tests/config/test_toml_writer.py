"""What is written is read back as what it was."""

from __future__ import annotations

import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jano_core.config.toml_writer import dumps, key_text

scalars = st.one_of(
    st.text(),
    st.integers(min_value=-(2**63), max_value=2**63 - 1),
    st.floats(allow_nan=False),
    st.booleans(),
)
values = st.recursive(
    scalars,
    lambda inside: st.one_of(
        st.lists(inside, max_size=4), st.dictionaries(st.text(), inside, max_size=4)
    ),
    max_leaves=20,
)


@given(tree=st.dictionaries(st.text(), values))
def test_round_trip(tree: dict[str, object]) -> None:
    assert tomllib.loads(dumps(tree)) == tree


def test_it_looks_as_a_person_would_write_it() -> None:
    tree = {
        "port": 8082,
        "models": {
            "chat": {"cmd": "server -p ${PORT}", "aliases": ["a", "b"], "env": {"K": "v"}},
            "chat:high": {"request": {"set": {"top_p": 0.9}}},
        },
        "empty": {},
        "list": [{"a": 1}, {}],
    }
    assert dumps(tree) == (
        "port = 8082\n"
        "list = [{ a = 1 }, {}]\n"
        "\n"
        "[models.chat]\n"
        'cmd = "server -p ${PORT}"\n'
        'aliases = ["a", "b"]\n'
        "\n"
        "[models.chat.env]\n"
        'K = "v"\n'
        "\n"
        '[models."chat:high".request.set]\n'
        "top_p = 0.9\n"
        "\n"
        "[empty]\n"
    )
    assert tomllib.loads(dumps(tree)) == tree


def test_nothing_gives_nothing() -> None:
    assert dumps({}) == ""


def test_what_toml_does_not_know_is_refused() -> None:
    with pytest.raises(TypeError, match="TOML has no form for None"):
        dumps({"a": [None]})


def test_key_text_quotes_what_must_be() -> None:
    assert key_text(("models", "gpt-4.1", "a b")) == 'models."gpt-4.1"."a b"'
