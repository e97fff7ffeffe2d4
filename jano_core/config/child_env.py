"""The environment of a model server: Jano's own, less what is meant for Jano alone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

PREFIXES = ("JANO_", "OTEL_", "LISTEN_", "WATCHDOG_")
NAMES = frozenset({"NOTIFY_SOCKET", "CREDENTIALS_DIRECTORY"})


def child_env(
    base: Mapping[str, str], own: Mapping[str, str], secret: Iterable[str]
) -> dict[str, str]:
    """`base` less Jano's, systemd's and the `secret` variables, with the model's `own` on top.

    A child that inherited systemd's sockets and watchdog would speak in Jano's name, and one that
    inherited every secret would hold keys that are none of its business.
    """
    withheld = NAMES.union(secret)
    kept = {
        name: value
        for name, value in base.items()
        if name not in withheld and not name.startswith(PREFIXES)
    }
    return kept | dict(own)
