"""`jano simulate`: the real scheduler on recorded or made-up traffic, in no time."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import click
import msgspec

from ..errors import JanoError
from ..plugin.registry import Registry
from ..simulation.choose import choose
from ..simulation.picture import draw
from ..simulation.report import measure, table
from ..simulation.simulator import simulate
from ..simulation.trace import GIB, Trace, parse, read
from ..simulation.workloads import WORKLOADS, make
from ..units import Size
from .router import find, json_option, url_option

RECORDED = "/api/trace"


class SeveralValues(click.Command):
    """Lets `--trace` and `--strategy` take every word up to the next option."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Repeat the option before each of its further values."""
        return super().parse_args(ctx, list(_repeated(args, {"--trace", "--strategy"})))


def _repeated(args: list[str], greedy: set[str]) -> Iterator[str]:
    option, fed = "", False
    for arg in args:
        if arg.startswith("-"):
            option, fed = (arg, False) if arg in greedy else ("", False)
        elif option:
            if fed:
                yield option
            fed = True
        yield arg


def _list(ctx: click.Context, _: click.Parameter, wanted: bool) -> None:
    if wanted:
        width = max(map(len, WORKLOADS))
        for name, function in WORKLOADS.items():
            click.echo(f"{name:{width}}  {(function.__doc__ or '').splitlines()[0]}")
        ctx.exit()


def _memory(_: click.Context, __: click.Parameter, text: str | None) -> float | None:
    try:
        return None if text is None else Size.parse(text) / GIB
    except ValueError:
        raise click.BadParameter(f"{text!r} is not a size; write 22GiB or 800MB") from None


@click.command(cls=SeveralValues)
@click.option(
    "--trace",
    "traces",
    multiple=True,
    metavar="FILE...",
    help="A trace file, or NAME[:SEED] of a workload of --list.",
)
@click.option("--from-running", is_flag=True, help="What the running router was lately asked for.")
@click.option(
    "--strategy",
    "strategies",
    multiple=True,
    metavar="NAME...",
    help="A strategy, with settings as NAME:key=value,key=value. Default: headstart and greedy.",
)
@click.option("--memory", callback=_memory, metavar="SIZE", help="Replay on a box of this size.")
@click.option("--picture", type=click.Path(dir_okay=False, path_type=Path), help="Write an SVG.")
@click.option("--list", is_flag=True, is_eager=True, expose_value=False, callback=_list,
              help="Show the named workloads.")  # fmt: skip
@json_option
@url_option
def command(
    traces: tuple[str, ...],
    from_running: bool,
    strategies: tuple[str, ...],
    memory: float | None,
    picture: Path | None,
    as_json: bool,
    url: str | None,
) -> None:
    """Run traces through strategies and compare what callers would have waited."""
    if not traces and not from_running:
        raise click.UsageError("name a trace: --trace FILE, or --from-running")
    recorded = [find(url).text(RECORDED).encode()] if from_running else []
    try:
        known = Registry.discover().strategies
        chosen = [choose(name, known) for name in strategies or ("headstart", "greedy")]
        found = [_trace(name) for name in traces]
        found += [parse(text.splitlines(), RECORDED) for text in recorded]
        if memory is not None:
            found = [trace.with_memory(memory) for trace in found]
        runs = [simulate(trace, each.make(), each.label) for trace in found for each in chosen]
    except JanoError as error:
        raise click.UsageError(str(error)) from None
    reports = [measure(each) for each in runs]
    if picture is not None:
        picture.write_text(draw(runs), encoding="utf-8")
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode(reports), indent=2).decode())
    else:
        click.echo(table(reports))


def _trace(name: str) -> Trace:
    path = Path(name)
    workload, _, seed = name.partition(":")
    if path.exists() or workload not in WORKLOADS:
        return read(path)
    if seed and not seed.isdecimal():
        raise JanoError(f"{name!r}: the seed of a workload is a whole number")
    made = make(workload, int(seed or 1))
    return made.named(name)
