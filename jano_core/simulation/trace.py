"""Traces: the models of a box and what was asked of them, one JSON object a line."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import msgspec
from msgspec import UNSET, Struct, UnsetType

from ..errors import TraceError

GIB = 2**30

CallId = int | str


class TraceModel(Struct, frozen=True, kw_only=True):
    """A model as it really is: `mem` in GiB, times in seconds.

    `prior_load_s` is what the scheduler is told before the first load; `load_s` when left out.
    """

    name: str
    mem: float
    load_s: float
    unload_s: float = 1.0
    slots: int = 1
    tok_s: float | None = None
    prior_load_s: float | UnsetType | None = UNSET
    pinned: bool = False


class Header(Struct, frozen=True, kw_only=True):
    """The first line. `mem` is the box's memory in GiB, `sets` which models may live together.

    `contention` slows everybody down for each further model that serves at the same time.
    """

    trace: str
    seed: int
    mem: float
    models: tuple[TraceModel, ...]
    sets: tuple[tuple[str, ...], ...] | None = None
    contention: float = 0.5


class Call(Struct, frozen=True, kw_only=True):
    """One request. `s` is how long its service takes alone; no strategy sees it.

    It comes at `t`, or `think` seconds after the request `after` ended. `tier` is its priority,
    `patience` how long its client waits for the start; `slo` is carried along, not acted on.
    `tokens` is what the scheduler may know of the answer's length, `session` the client's name for
    what belongs together.
    """

    id: CallId
    t: float | None = None
    model: str
    s: float
    tier: int = 1
    slo: float | None = None
    patience: float | None = None
    client: str = ""
    after: CallId | UnsetType | None = UNSET
    think: float | UnsetType | None = UNSET
    tokens: float | UnsetType | None = UNSET
    session: str | UnsetType = UNSET

    @property
    def follows(self) -> CallId | None:
        """The request whose end it waits for, if it is part of a closed loop."""
        return None if self.after is UNSET else self.after


class Trace(Struct, frozen=True):
    """A header and its requests, checked."""

    header: Header
    calls: tuple[Call, ...]

    def with_memory(self, gib: float) -> Trace:
        """The same requests on a box of another size."""
        return Trace(msgspec.structs.replace(self.header, mem=gib), self.calls)

    def named(self, name: str) -> Trace:
        """The same under another name."""
        return Trace(msgspec.structs.replace(self.header, trace=name), self.calls)


_ENCODER = msgspec.json.Encoder()


def read(path: Path) -> Trace:
    """Read a trace file. Raises `TraceError` with file and line."""
    try:
        lines = path.read_bytes().splitlines()
    except OSError as error:
        raise TraceError(f"{path}: {error.strerror}") from None
    return parse(lines, str(path))


def parse(lines: Iterable[bytes], source: str) -> Trace:
    """A trace from its lines; `source` names it in errors. Raises `TraceError`."""
    header: Header | None = None
    calls: list[Call] = []
    call_of = msgspec.json.Decoder(Call).decode
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            if header is None:
                header = msgspec.json.decode(line, type=Header)
            else:
                calls.append(call_of(line))
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise TraceError(f"{source}:{number}: {error}") from None
    if header is None:
        raise TraceError(f"{source}: it has no header")
    trace = Trace(header, tuple(calls))
    if problem := _problem(trace):
        raise TraceError(f"{source}: {problem}")
    return trace


def write(trace: Trace, path: Path) -> None:
    """Write a trace file."""
    path.write_bytes(dump(trace))


def dump(trace: Trace) -> bytes:
    """The trace as the lines that `parse` reads."""
    return _ENCODER.encode_lines((trace.header, *trace.calls))


def _problem(trace: Trace) -> str:
    models = {model.name for model in trace.header.models}
    if len(models) < len(trace.header.models):
        return "a model's name is given twice"
    for names in trace.header.sets or ():
        if unknown := set(names) - models:
            return f"sets name {sorted(unknown)}, which are not among the models"
    if len({call.id for call in trace.calls}) < len(trace.calls):
        return "a request's id is given twice"
    for call in trace.calls:
        if call.model not in models:
            return f"request {call.id} asks for {call.model!r}, which is not among the models"
        if call.tier not in (0, 1, 2):
            return f"request {call.id} has tier {call.tier}; allowed are 0, 1 and 2"
        if call.follows is None and call.t is None:
            return f"request {call.id} has neither t nor after"
    return _never_arrives(trace.calls)


def _never_arrives(calls: tuple[Call, ...]) -> str:
    """A chain of `after` must begin with a request that comes by itself."""
    followers: dict[CallId, list[CallId]] = {}
    due = []
    for call in calls:
        if call.follows is None:
            due.append(call.id)
        else:
            followers.setdefault(call.follows, []).append(call.id)
    while due:
        due += followers.pop(due.pop(), ())
    for before, lost in followers.items():
        return f"request {lost[0]} comes after {before!r}, which never ends"
    return ""
