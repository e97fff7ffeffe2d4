"""The system units on a machine of their own: not root, fully sandboxed, with polkit's leave."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.components import require
from tests.law.sources import ROOT

pytestmark = pytest.mark.wire

SCRIPT = Path(__file__).with_name("machine.sh")
POLKIT = Path("/usr/lib/polkit-1/polkitd")
NEEDED = "run as root, on a kernel with overlayfs, where systemd, dbus and polkitd are installed"

CONFIG = """
[models.child]
cmd = "jano-test-server --port ${PORT} --name child"
[models.chat]
unit = "jano-model@chat.service"
url = "http://127.0.0.1:8399"
[models.chat.settings]
manager = "system"
"""

LLAMA_SERVER = """[Service]
ExecStart=
ExecStartPre=/bin/sh -c 'echo chat: said in the journal'
ExecStart=/usr/bin/env jano-test-server --port ${PORT} --name ${MODEL}
"""

STORY = """
ask() {
  curl -sf -m 20 http://127.0.0.1:8398/v1/chat/completions -H 'content-type: application/json' \\
    -d "{\\"model\\": \\"$1\\", \\"messages\\": []}" >/dev/null && echo "answered $1"
}
state() { systemctl show --value -p ActiveState "$1"; }
systemctl start systemd-journald.service jano.socket
ask child
main=$(systemctl show --value -p MainPID jano.service)
echo "jano is $(state jano.service), as $(stat -c %U "/proc/$main")"
ask chat
jano logs chat --url http://127.0.0.1:8398 | grep -c "chat: said in the journal" || true
before=$(systemctl show --value -p MainPID jano-model@chat)
systemctl restart jano.service
ask chat
test "$before" = "$(systemctl show --value -p MainPID jano-model@chat)" && echo "chat was adopted"
ask child
echo "chat is $(state jano-model@chat.service)"
as_jano="setpriv --reuid jano --regid jano --init-groups systemctl --no-ask-password"
$as_jano stop dbus.service 2>/dev/null || echo "another unit is none of its business"
systemctl stop jano.socket jano.service
echo "jano is $(systemctl show --value -p Result jano.service)"
"""

TOLD = """answered child
jano is active, as jano
answered chat
1
answered chat
chat was adopted
answered child
chat is inactive
another unit is none of its business
jano is success
"""


def can_have_a_machine() -> bool:
    """Root, and a kernel that lays one file system over another."""
    if sys.platform != "linux" or os.geteuid() != 0 or not POLKIT.exists():
        return False
    if "overlay" not in Path("/proc/filesystems").read_text():
        return False
    attempt = "mount -t tmpfs none /mnt && mount -t cgroup2 none /mnt"
    command = ["unshare", "--mount", "--pid", "--fork", "--propagation", "private", "sh", "-c"]
    return subprocess.run([*command, attempt], capture_output=True, check=False).returncode == 0


def test_the_system_units_serve_swap_and_adopt(tmp_path: Path) -> None:
    require("systemd", can_have_a_machine(), NEEDED)
    files = {
        "etc/jano/jano.toml": CONFIG,
        "etc/jano/models/chat.env": "PORT=8399\nMODEL=chat\nARGS=\n",
        "etc/systemd/system/jano-model@.service.d/server.conf": LLAMA_SERVER,
        "etc/systemd/system/jano.socket.d/port.conf": (
            "[Socket]\nListenStream=\nListenStream=127.0.0.1:8398\n"
        ),
        "etc/systemd/system/jano.service.d/log.conf": (
            f"[Service]\nStandardOutput=append:{tmp_path}/jano.log\nStandardError=inherit\n"
        ),
        "story.sh": STORY,
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    python = f"python{sys.version_info.major}.{sys.version_info.minor}"
    machine = subprocess.run(
        ["bash", str(SCRIPT), str(tmp_path), str(ROOT), sys.base_prefix, python],
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )
    told = {name: tmp_path / name for name in ("said", "complained", "jano.log")}
    texts = {name: path.read_text() for name, path in told.items() if path.exists()}
    assert texts.get("said") == TOLD, f"{machine.stderr}\n{texts.get('jano.log', '')[-3000:]}"
