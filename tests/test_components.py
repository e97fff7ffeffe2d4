"""A missing program is a skip that says what to install, or a failure where it is required."""

from __future__ import annotations

import pytest

from tests.components import require, require_command

INSTALL = "install the package imaginary"


def test_what_is_there_is_used() -> None:
    require("curl", "/usr/bin/curl", INSTALL)


def test_what_is_missing_is_skipped_with_advice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("JANO_REQUIRE", raising=False)
    with pytest.raises(pytest.skip.Exception, match=INSTALL):
        require_command("no-such-program", INSTALL)


def test_what_is_required_and_missing_is_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JANO_REQUIRE", "curl no-such-program")
    with pytest.raises(pytest.fail.Exception, match=INSTALL):
        require_command("no-such-program", INSTALL)
    with pytest.raises(pytest.skip.Exception):
        require_command("no-such-other-program", INSTALL)
