from __future__ import annotations

from base64 import b64encode
from pathlib import Path

import pytest

from jano_core.config.load import load
from jano_core.errors import ConfigError, Refused
from jano_core.plugin.keys_authenticator import KeysAuthenticator, KeysSettings
from jano_core.plugin.registry import Registry

KEYS = KeysAuthenticator(KeysSettings(keys=("first", "second")))


@pytest.mark.parametrize(
    ("header", "value"),
    [
        (b"authorization", b"Bearer second"),
        (b"authorization", b"bearer  first"),
        (b"authorization", b"Basic " + b64encode(b"anybody:first")),
        (b"x-api-key", b"first"),
    ],
)
def test_a_key_is_taken_from_where_clients_put_it(header: bytes, value: bytes) -> None:
    assert KEYS.admit({header: value}, "10.0.0.1").consumed == {header}


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {b"authorization": b"Bearer third"},
        {b"authorization": b"Bearer "},
        {b"authorization": b"first"},
        {b"authorization": b"Basic first"},
        {b"authorization": b"Basic " + b64encode(b"first:")},
        {b"x-api-key": b"firs"},
    ],
)
def test_anything_else_is_refused(headers: dict[bytes, bytes]) -> None:
    with pytest.raises(Refused, match="missing or wrong") as refused:
        KEYS.admit(headers, "127.0.0.1")
    assert refused.value.status == 401


def test_only_the_header_with_the_key_is_consumed() -> None:
    """The other may be for the model server."""
    headers = {b"authorization": b"Bearer upstream", b"x-api-key": b"second"}
    assert KEYS.admit(headers, "").consumed == {b"x-api-key"}


def test_a_key_that_is_sent_twice_is_consumed_twice() -> None:
    headers = {b"authorization": b"Bearer first", b"x-api-key": b"first"}
    assert KEYS.admit(headers, "").consumed == set(headers)


def test_no_key_at_all_is_an_error_of_the_configuration(tmp_path: Path) -> None:
    file = tmp_path / "jano.toml"
    file.write_text('[auth]\nauthenticator = "keys"\n[auth.settings]\nkeys = []\n')
    with pytest.raises(ConfigError, match=r"jano\.toml:4: \[auth\.settings\] keys"):
        load(file, Registry.discover(), {})
