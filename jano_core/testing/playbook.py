"""A score for the scheduler: what happens on the left, what it must answer on the right.

    Playbook("chat code", strategy=Patient()).perform('''
        1 arrives for chat       | load chat
        chat is ready            | grant 1
        2 arrives for code (low) | nothing
        1 is served              | unload chat
        chat is gone             | load code
        +5s                      | nothing
    ''')

What may happen (ids and models are single words):

    1 arrives for chat           also `for chat or code`, and in brackets, separated by commas:
                                 `high`, `low`, `within 5s` (a deadline), `no swap`
    1 leaves                     its client hung up while it waited
    1 is served · 1 fails        a granted request released its slot
    1 breaks                     its server broke off before the client saw a byte
    chat is ready                also `chat is ready with 3 slots`
    chat fails to load
    chat is gone                 an unload is done
    chat crashes
    unload chat · pin chat · unpin chat · forgive chat     a person said so
    +5s                          time passes; the scheduler is woken whenever it asked for it

What is answered, in order, separated by commas: `grant 1`, `refuse 1 queue_full`, `load chat`,
`unload chat`, or `nothing`. A line without `|` is not checked. `#` starts a comment.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any

from jano_core.scheduler import events as ev
from jano_core.scheduler.commands import AnyCommand, Grant, Load, Note, Refuse, Unload
from jano_core.scheduler.policy import MakeRule, Policy
from jano_core.scheduler.residency import Budget
from jano_core.scheduler.scheduler import Scheduler
from jano_core.scheduler.strategy import Strategy
from jano_core.scheduler.types import Model, Priority, Request
from jano_core.strategies.greedy import Greedy

MOST_TICKS = 1000
"""More wake-ups than this in one `+Ns` are a busy loop."""

Happening = Callable[["Playbook", re.Match[str]], ev.AnyEvent]


class Playbook:
    """A scheduler, a clock at 0, and the words of a score.

    `models` are `Model`s or their names; `budget` is the memory in bytes that they share (None:
    one model at a time), unless `make_rule` makes another rule. Other keywords go to `Policy`.
    """

    def __init__(
        self,
        models: str | Iterable[Model],
        strategy: Strategy | None = None,
        *,
        budget: int | None = None,
        make_rule: MakeRule | None = None,
        **policy: Any,
    ) -> None:
        self.now = 0.0
        self.policy = Policy(
            strategy=strategy or Greedy(),
            fallback=Greedy(),
            make_rule=make_rule or (lambda known: Budget(known, budget)),
            **policy,
        )
        self.scheduler = Scheduler(_models(models), self.policy)
        self.said: list[str] = []
        """Everything that was answered so far, in the words of the score."""
        self.notes: list[Note] = []
        """Everything the scheduler told without asking for anything."""

    def perform(self, score: str) -> Playbook:
        """Play the score line by line.

        Raises `AssertionError` with the line where something else was answered, `ValueError` with
        a line that says nothing known.
        """
        for line in score.splitlines():
            text = line.partition("#")[0].strip()
            if not text:
                continue
            happens, checked, expected = (part.strip() for part in text.partition("|"))
            came = ", ".join(self.tell(happens)) or "nothing"
            if checked and came != re.sub(r"\s*,\s*", ", ", expected):
                raise AssertionError(f"{text}\n  expected: {expected}\n  came:     {came}")
        return self

    def tell(self, happens: str) -> list[str]:
        """Let one thing happen, in the words of a score's left side; the answer in its words."""
        if wait := re.fullmatch(r"\+(\d+(?:\.\d+)?)s", happens):
            return self.wait(float(wait[1]))
        for pattern, event in _HAPPENINGS:
            if found := re.fullmatch(pattern, happens):
                return self.handle(event(self, found))
        raise ValueError(f"a score cannot say {happens!r}")

    def wait(self, seconds: float) -> list[str]:
        """Let time pass, waking the scheduler whenever it asked for it."""
        end, said = self.now + seconds, list[str]()
        for _ in range(MOST_TICKS):
            due = self.scheduler.next_deadline()
            if due is None or due > end:
                self.now = end
                return said
            self.now = max(self.now, due)
            said += self.handle(ev.Tick(at=self.now))
        raise AssertionError(f"woken {MOST_TICKS} times within {seconds} s: a busy loop")

    def reconfigure(
        self, models: str | Iterable[Model], *, changed: Iterable[str] = (), **policy: Any
    ) -> list[str]:
        """The configuration was reloaded: these are all models now, and `policy` what changed."""
        fields = {name: getattr(self.policy, name) for name in self.policy.__struct_fields__}
        self.policy = Policy(**{**fields, **policy})
        return self.handle(
            ev.Reconfigured(
                at=self.now,
                models=tuple(_models(models)),
                policy=self.policy,
                changed=frozenset(changed),
            )
        )

    def handle(self, event: ev.AnyEvent) -> list[str]:
        """Hand an event to the scheduler; the answer in the words of a score."""
        commands = self.scheduler.handle(event)
        self.notes += [command for command in commands if isinstance(command, Note)]
        said = [_say(command) for command in commands if not isinstance(command, Note)]
        self.said += said
        return said

    def state(self, model: str) -> str:
        """The state of a model's instance, such as `draining`."""
        return self.scheduler.node.instances[model].state.value


def _models(models: str | Iterable[Model]) -> list[Model]:
    if isinstance(models, str):
        return [Model(name=name) for name in models.split()]
    return list(models)


def _say(command: AnyCommand) -> str:
    match command:
        case Grant():
            return f"grant {command.request}"
        case Refuse():
            return f"refuse {command.request} {command.code}"
        case Load():
            return f"load {command.model}"
        case Unload():
            return f"unload {command.model}"
    raise TypeError(command)


def _arrives(book: Playbook, found: re.Match[str]) -> ev.AnyEvent:
    fields: dict[str, Any] = {}
    for word in re.split(r"\s*,\s*", found[3] or "normal"):
        if word in ("high", "normal", "low"):
            fields["priority"] = Priority[word.upper()]
        elif word == "no swap":
            fields["allow_swap"] = False
        elif within := re.fullmatch(r"within (\d+(?:\.\d+)?)s", word):
            fields["deadline"] = book.now + float(within[1])
        else:
            raise ValueError(f"a request cannot be {word!r}")
    models = tuple(re.split(r" or ", found[2]))
    return ev.Arrived(
        at=book.now, request=Request(id=found[1], models=models, arrived=book.now, **fields)
    )


def _ready(book: Playbook, found: re.Match[str]) -> ev.AnyEvent:
    return ev.Loaded(at=book.now, model=found[1], parallel=int(found[2]) if found[2] else None)


def _finished(outcome: ev.Outcome, retry: bool = False) -> Happening:
    return lambda book, found: ev.Finished(
        at=book.now, request=found[1], outcome=outcome, retry=retry
    )


_HAPPENINGS: tuple[tuple[str, Happening], ...] = (
    (r"(\S+) arrives for (\S+(?: or \S+)*)(?: \((.+)\))?", _arrives),
    (r"(\S+) leaves", lambda book, found: ev.Left(at=book.now, request=found[1])),
    (r"(\S+) is served", _finished("served")),
    (r"(\S+) fails", _finished("failed")),
    (r"(\S+) breaks", _finished("failed", retry=True)),
    (r"(\S+) is ready(?: with (\d+) slots)?", _ready),
    (
        r"(\S+) fails to load",
        lambda book, found: ev.LoadFailed(at=book.now, model=found[1], message="it fell over"),
    ),
    (r"(\S+) is gone", lambda book, found: ev.Unloaded(at=book.now, model=found[1])),
    (
        r"(\S+) crashes",
        lambda book, found: ev.Crashed(at=book.now, model=found[1], message="it fell over"),
    ),
    (
        r"(unload|pin|unpin|forgive) (\S+)",
        lambda book, found: ev.Told(at=book.now, action=found[1], model=found[2]),  # type: ignore[arg-type]
    ),
)
