"""A real `systemd --user`, once for all tests in here, with Jano's own unit files."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.components import require
from tests.declarative.user_manager import UserManager, start_manager


def can_have_a_manager() -> bool:
    """Root may make a mount namespace with control groups of version 2; in some containers not."""
    if sys.platform != "linux" or os.geteuid() != 0 or not shutil.which("systemctl"):
        return False
    attempt = "umount -R /sys/fs/cgroup; mount -t cgroup2 none /sys/fs/cgroup"
    command = ["unshare", "--mount", "--propagation", "private", "sh", "-c", attempt]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


@pytest.fixture(scope="session")
def manager(tmp_path_factory: pytest.TempPathFactory) -> Iterator[UserManager]:
    """The running manager of a user that exists only here."""
    require("systemd", can_have_a_manager(), "run as root where systemd is installed")
    # Below /tmp itself: pytest's folders are private, and unix sockets need short paths.
    home = Path(f"/tmp/janot-{os.getpid()}")
    yield from start_manager(home)


@pytest.fixture
def units(manager: UserManager) -> Iterator[UserManager]:
    """The manager with a fresh home: Jano's units, no configuration, nothing running."""
    manager.reset()
    yield manager
    manager.stop_all()
