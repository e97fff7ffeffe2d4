"""How long hypothesis searches: `dev` by default, `ci` under continuous integration."""

from __future__ import annotations

import os
import random

import pytest
from hypothesis import settings

IN_CI = bool({"CI", "JANO_REQUIRE"} & os.environ.keys())
SEED = int(os.environ.get("JANO_SEED") or (1 if IN_CI else random.SystemRandom().randrange(10**6)))
"""Fixed in continuous integration; elsewhere new each time, and printed."""

settings.register_profile("ci", max_examples=2000, stateful_step_count=30, deadline=None)
settings.register_profile("dev", max_examples=150, stateful_step_count=30, deadline=None)
PROFILE = settings.get_profile("ci" if IN_CI else "dev")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    terminalreporter.write_line(
        f"scheduler histories: {PROFILE.max_examples} examples, seed {SEED} "
        f"(again with JANO_SEED={SEED})"
    )
