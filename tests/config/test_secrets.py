"""References are resolved late and their values never show."""

from __future__ import annotations

from pathlib import Path

import pytest

from jano_core.config.child_env import child_env
from jano_core.config.secrets import SecretMissing, Secrets


def test_every_kind_of_reference(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("from-file\n")
    secrets = Secrets({"TOKEN": "from-env", "CREDENTIALS_DIRECTORY": str(tmp_path)})
    assert secrets.resolve("a ${env:TOKEN} b") == "a from-env b"
    assert secrets.resolve(f"${{file:{tmp_path}/key}}") == "from-file"
    assert secrets.resolve("${credential:key}") == "from-file"
    assert secrets.resolve("${PORT} ${other} $HOME") == "${PORT} ${other} $HOME"


def test_what_was_resolved_is_masked_and_nothing_else() -> None:
    secrets = Secrets({"LONG": "sk-1234-5678", "PART": "sk-1234", "SHORT": "1"})
    assert secrets.redact("key sk-1234-5678") == "key sk-1234-5678"
    secrets.resolve("${env:PART}${env:LONG}${env:SHORT}")
    assert secrets.redact("key=sk-1234-5678 part=sk-1234 n=1") == "key=*** part=*** n=1"


def test_what_others_have_resolved_is_masked_as_well() -> None:
    old, new = Secrets({"KEY": "sk-old"}), Secrets({"KEY": "sk-new"})
    new.include(old)
    old.resolve("${env:KEY}")
    assert new.redact("sk-old") == "sk-old"
    new.include(old)
    new.resolve("${env:KEY}")
    assert new.redact("sk-old sk-new") == "*** ***"
    assert old.redact("sk-old sk-new") == "*** sk-new"


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        ("${env:NO}", "${env:NO}: NO is not set in the environment"),
        ("${file:/nowhere/x}", "${file:/nowhere/x}: cannot be read: No such file or directory"),
        (
            "${credential:x}",
            "${credential:x}: $CREDENTIALS_DIRECTORY is not set; "
            "systemd sets it for a unit with LoadCredential=",
        ),
    ],
)
def test_what_leads_nowhere_is_named(reference: str, message: str) -> None:
    secrets = Secrets({})
    assert list(secrets.missing(f"a {reference} b")) == [message]
    with pytest.raises(SecretMissing) as caught:
        secrets.resolve(reference)
    assert str(caught.value) == message


def test_a_child_inherits_what_is_not_janos_and_no_secret() -> None:
    base = {
        "PATH": "/bin",
        "JANO_PORT": "1",
        "OTEL_SERVICE_NAME": "x",
        "NOTIFY_SOCKET": "/run/n",
        "LISTEN_FDS": "1",
        "LISTEN_PID": "2",
        "WATCHDOG_USEC": "3",
        "CREDENTIALS_DIRECTORY": "/c",
        "TOKEN": "secret",
        "HF_HOME": "/hf",
    }
    own = {"HF_HOME": "/models", "JANO_PORT": "own"}
    assert child_env(base, own, {"TOKEN"}) == {
        "PATH": "/bin",
        "HF_HOME": "/models",
        "JANO_PORT": "own",
    }
