"""The command: looks once a second, draws, and ends with `q`."""

from __future__ import annotations

import os
import select
import sys
import termios
import time
import tty
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import click
from rich.console import Console, RenderableType
from rich.live import Live
from rich.text import Text

from jano_core.cli.group import Unreachable
from jano_core.cli.router import Router, find, url_option
from jano_core.errors import JanoError

from .picture import Picture
from .screen import draw


@click.command(
    epilog="""\b
Keys: q ends it, as does ctrl-c.
\b
Examples:
  jano top
  jano top --every 5
  jano top --once | less -R"""
)
@click.option("--every", default=1.0, type=click.FloatRange(0.2), help="Seconds between looks.")
@click.option("--once", is_flag=True, help="Draw one picture and end.")
@url_option
def command(every: float, once: bool, url: str | None) -> None:
    """Watch models and queue live."""
    router, console = find(url), Console(highlight=False)
    picture = Picture.take(router)
    if once or not console.is_terminal:
        console.print(draw(router.url, picture, time.time(), console.height))
        return
    with (
        _keys() as pressed,
        Live(console=console, screen=True, auto_refresh=False) as live,
    ):
        while True:
            live.update(_look(router, picture, console.height), refresh=True)
            if pressed(every) in ("q", "Q", "\x03", "\x04"):
                return


def _look(router: Router, last: Picture, height: int) -> RenderableType:
    """The newest picture; while the router does not answer, that instead of figures of old."""
    try:
        return draw(router.url, Picture.take(router), time.time(), height)
    except Unreachable as error:
        return Text(f"{error}\nwaiting for it; q ends\n", style="yellow")
    except JanoError as error:
        return Text(f"{error}\n", style="red")


@contextmanager
def _keys() -> Iterator[Callable[[float], str]]:
    """Gives a call that waits so many seconds for a key, and returns it or an empty string."""
    if not sys.stdin.isatty():
        yield _no_key
        return
    file = sys.stdin.fileno()
    before = termios.tcgetattr(file)

    def pressed(seconds: float) -> str:
        ready, _, _ = select.select([file], [], [], seconds)
        return os.read(file, 1).decode("latin-1") if ready else ""

    tty.setcbreak(file)
    try:
        yield pressed
    except KeyboardInterrupt:
        pass
    finally:
        termios.tcsetattr(file, termios.TCSADRAIN, before)


def _no_key(seconds: float) -> str:
    time.sleep(seconds)
    return ""
