"""`jano demo`"""

from __future__ import annotations

import contextlib
import signal
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ...errors import JanoError

if TYPE_CHECKING:
    from .burst import Outcome


@click.command(
    epilog="""\b
Examples:
  jano demo          some twenty seconds
  jano demo --keep   and leave the router up for you to try; Ctrl-C ends it"""
)
@click.option("--keep", is_flag=True, help="Leave the router running and print its address.")
def command(keep: bool) -> None:
    """Show a burst of six requests that costs one swap.

    Two simulated model servers, real processes over real HTTP, only one of which fits in memory.
    The same burst is then measured with the strategy that takes strictly the oldest request.
    """
    from .burst import EXPECTED

    # So that a plain `kill`, or closing the terminal, takes the router and its servers down too.
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) != signal.SIG_IGN:  # as under nohup
            signal.signal(number, lambda number, frame: sys.exit(128 + number))
    with tempfile.TemporaryDirectory(prefix="jano-demo-") as name:
        try:
            ours = _show(Path(name), keep)
        except RuntimeError as error:
            raise JanoError(str(error)) from None
    if ours.order != EXPECTED or ours.swaps != 1:
        raise JanoError("the burst should have cost one swap, in the order 1 3 4 2 5 6")


def _show(folder: Path, keep: bool) -> Outcome:
    from ...testing.running import running_jano
    from .burst import configuration, run
    from .screen import screen, table

    with running_jano(configuration(folder / "jano"), folder / "jano") as jano:
        ours = run(jano, folder / "jano", screen("Jano"))
        strict = configuration(folder / "fifo", strategy="fifo")
        with running_jano(strict, folder / "fifo") as fifo:
            theirs = run(fifo, folder / "fifo", screen("strict first in, first out"))
        for line in table(ours, theirs):
            click.echo(line)
        if keep:
            click.echo(f"\nJano keeps running; dashboard: {jano.url}/ui   Ctrl-C ends it")
            click.echo(f"for jano status, top, why, logs: export JANO_URL={jano.url}")
            sys.stdout.flush()
            with contextlib.suppress(KeyboardInterrupt):
                jano.process.wait()
    return ours
