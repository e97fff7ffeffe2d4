"""Programs that some tests need and a machine may lack.

A test that needs one calls `require`; where it is missing, the test is skipped with a line that
says what to install. `JANO_REQUIRE="curl node"` turns those skips into failures: continuous
integration names there what it can have, so that nothing is left out in silence.
"""

from __future__ import annotations

import os
import shutil

import pytest


def require(component: str, found: object, install: str) -> None:
    """Go on if `found` is truthy; otherwise skip, or fail where `component` is required."""
    if found:
        return
    text = f"{component} is missing; {install}"
    if component in os.environ.get("JANO_REQUIRE", "").split():
        pytest.fail(text, pytrace=False)
    pytest.skip(text)


def require_command(command: str, install: str) -> str:
    """The path of `command` on PATH, by the rule of `require`."""
    path = shutil.which(command)
    require(command, path, install)
    assert path is not None
    return path
