"""Somebody who follows a tutorial's page."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import anyio
from msgspec import Struct


class Followed(Struct, frozen=True):
    """What came of it: the reader's copy of the folder, all that the commands `told`, and where
    what they installed is imported from.
    """

    folder: Path
    told: str
    site: str


async def follow(tutorial: Path, at: Path) -> Followed:
    """Run the commands of the page's only block in a copy of its folder; all must succeed.

    The reader's environment stays as it is: what is installed goes to a folder of its own.
    """
    folder, prefix = at / tutorial.name, str(at / "prefix")
    shutil.copytree(tutorial, folder)
    site = sysconfig.get_path("purelib", "posix_prefix", {"base": prefix})
    commands = str(Path(sys.executable).parent)
    env = os.environ | {
        "PIP_PREFIX": prefix,
        "PYTHONPATH": site,
        "PATH": f"{commands}:{os.environ['PATH']}",
    }
    (block,) = re.findall(r"```sh\n(.*?)```", (tutorial / "README.md").read_text(), re.DOTALL)
    ran = await anyio.run_process(
        ["sh", "-eux", "-c", block], cwd=folder, env=env, check=False, stderr=subprocess.STDOUT
    )
    told = ran.stdout.decode()
    assert ran.returncode == 0, told
    return Followed(folder, told, site)
