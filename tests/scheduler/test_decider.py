"""Illegal plans, exceptions, stalls: the strategy is asked, and greedy decides where it fails."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from jano_core.scheduler.strategy import Strategy
from jano_core.scheduler.types import Load, Model, Plan, Reject, Serve
from jano_core.scheduler.view import View
from jano_core.strategies.greedy import Greedy
from jano_core.testing.playbook import Playbook
from tests.scheduler.foolish import Juggler, Sleeper

Decide = Callable[[View], Plan]


class Advised(Strategy):
    """Greedy's plan for most of a story, and then whatever the test wants."""

    name = "advised"

    def __init__(self) -> None:
        super().__init__()
        self.decide_next: Decide = lambda view: Plan(serve=view.fill())

    def decide(self, view: View) -> Plan:
        """See `Strategy.decide`."""
        return self.decide_next(view)


def prepared() -> tuple[Playbook, Advised]:
    """chat serves 1, 2 waits for it; 3 for code; idle is loaded; huge fits nowhere; tiny cools."""
    sizes = {"chat": 1, "code": 1, "idle": 1, "tiny": 1, "huge": 3}
    models = [Model(name=name, memory=size) for name, size in sizes.items()]
    models.append(Model(name="embed", resident=True))
    strategy = Advised()
    book = Playbook(models, strategy, budget=3, failure_limit=1)

    def load_wanted(view: View) -> Plan:
        wanted = [Load(model, ()) for model in view.waiting() if model != "code"]
        return Plan(serve=view.fill(), load=wanted)

    strategy.decide_next = load_wanted
    book.perform("""
        0 arrives for tiny | load embed, load tiny
        tiny fails to load | refuse 0 model_load_failed
        embed is ready     | nothing
        1 arrives for chat | load chat
        chat is ready      | grant 1
        9 arrives for idle | load idle
        idle is ready      | grant 9
        9 is served        | nothing
        2 arrives for chat | nothing
        3 arrives for code | nothing
    """)
    return book, strategy


def fallbacks(book: Playbook) -> list[str]:
    return [note.text for note in book.notes if note.kind == "strategy_fell_back"]


ILLEGAL: list[tuple[object, str]] = [
    (Plan(serve=["7"]), "serves '7', which does not wait"),
    (Plan(serve=["2", "2"]), "serves '2' with 'chat', which has no free slot"),
    (Plan(serve=[Serve("2", "code")]), "serves '2' with 'code', which it did not ask for"),
    (Plan(serve=[Serve("2", "chat", "moon")]), "which it did not ask for"),
    (Plan(serve=["3"]), "serves '3' with 'code', which has no free slot"),
    (Plan(reject=[Reject("7")]), "rejects '7', which does not wait"),
    (Plan(reject=[Reject("2"), Reject("2")]), "rejects '2', which does not wait"),
    (Plan(reject=[Reject("2", status=200)]), "rejects '2' with 200, which is no error"),
    (Plan(unload=["moon"]), "unloads 'moon', which is not configured"),
    (Plan(unload=["chat"]), "unloads 'chat', which is busy"),
    (Plan(unload=["idle", "idle"]), "puts 'idle' away twice"),
    (Plan(unload=["idle"], load=[Load("code", ("idle",))]), "puts 'idle' away twice"),
    (Plan(load=[Load("code", ("idle", "idle"))]), "puts 'idle' away twice"),
    (Plan(load=[Load("moon")]), "loads 'moon' on 'local', which is not configured"),
    (Plan(load=[Load("code", (), "moon")]), "loads 'code' on 'moon', which is not configured"),
    (Plan(load=[Load("tiny")]), "loads 'tiny', which has failed too often"),
    (Plan(load=[Load("huge")]), "loads 'huge' beside ['chat', 'idle'], which do not fit"),
    (Plan(load=[Load("code"), Load("code")]), "which do not fit together"),
    (Plan(load=[Load("huge", ("chat", "idle"))]), "evicts for 'huge', which nobody waits for"),
    (Plan(load=[Load("code", ("tiny",))]), "evicts 'tiny', which is not loaded"),
    (Plan(load=[Load("code", ("embed",))]), "evicts 'embed', which is pinned"),
    (Plan(serve=iter(["2"])), "gives serve as list_iterator, neither tuple nor list"),  # type: ignore[arg-type]
    (Plan(unload="idle"), "gives unload as str, neither tuple nor list"),  # type: ignore[arg-type]
    (Plan(load=[Load("code", "idle")]), "gives evict as str, neither tuple nor list"),  # type: ignore[arg-type]
    (Plan(wake_at=float("nan")), "wants to be woken at nan"),
    (Plan(wake_at="soon"), "raised TypeError"),  # type: ignore[arg-type]
    (Plan(serve=[3]), "raised AttributeError"),  # type: ignore[list-item]
    (None, "answers NoneType instead of a Plan"),
]


@pytest.mark.parametrize("plan, objection", ILLEGAL)
def test_an_illegal_plan_is_named_and_greedy_decides(plan: Plan, objection: str) -> None:
    book, strategy = prepared()
    strategy.decide_next = lambda view: plan
    assert book.tell("+0s") == []
    assert book.tell("unpin chat") == ["load code"]  # there is room: greedy takes it
    [text] = fallbacks(book)
    assert text.startswith("advised: ")
    assert objection in text


def test_an_exception_is_named_and_greedy_decides() -> None:
    book, strategy = prepared()

    def fails(view: View) -> Plan:
        raise KeyError("oops")

    strategy.decide_next = fails
    assert book.tell("unpin chat") == ["load code"]
    assert fallbacks(book) == ["advised: raised KeyError: 'oops'"]


def test_what_is_owed_or_pinned_may_not_be_evicted() -> None:
    book, strategy = prepared()
    strategy.decide_next = lambda view: Plan(load=[Load("code", ("idle",))])
    book.perform("""
        pin idle      | load code   # greedy sees that there is room
        code is ready | nothing
        unpin idle    | nothing
    """)
    strategy.decide_next = lambda view: Plan(load=[Load("huge", ("code", "chat", "idle"))])
    book.perform("4 arrives for huge | grant 3")
    assert fallbacks(book) == [
        "advised: evicts 'idle', which is pinned",
        "advised: evicts 'code' before it served the request it was loaded for",
    ]


@pytest.mark.parametrize(
    "plan",
    [
        Plan(load=[Load("chat", ())]),
        Plan(load=[Load("code", None)]),
        Plan(load=[Load("moon", None)]),
        Plan(unload=["tiny"]),
    ],
    ids=["loaded already", "no way now", "no way at all", "unloaded already"],
)
def test_asking_for_what_is_so_already_asks_for_nothing(plan: Plan) -> None:
    book, strategy = prepared()
    strategy.decide_next = lambda view: plan
    assert book.tell("unpin chat") == []
    assert not fallbacks(book)


def test_asking_again_for_a_load_under_way_asks_for_nothing() -> None:
    class Insists(Strategy):
        """Repeats one load with the same evictions as long as somebody waits."""

        name = "insists"

        def decide(self, view: View) -> Plan:
            """See `Strategy.decide`."""
            chat = view.instances["chat"].state
            evict = ("chat",) if chat in ("ready", "draining") else ()
            return Plan(serve=view.fill(), load=[Load("code", evict)] if view.queue else ())

    book = Playbook("chat code", Insists()).perform("""
        chat is ready      | nothing
        1 arrives for code | unload chat
        2 arrives for code | nothing
        chat is gone       | load code
        3 arrives for code | nothing
        code is ready      | grant 1
    """)
    assert not fallbacks(book)


def never_again(view: View) -> Plan:
    raise AssertionError(f"asked at {view.now}")


def test_an_eager_strategy_is_not_asked_for_a_free_slot() -> None:
    strategy = Advised()
    strategy.decide_next, strategy.eager = Greedy().decide, True
    models = [Model(name="chat", parallel=2), Model(name="code")]
    book = Playbook(models, strategy).perform("""
        1 arrives for chat | load chat
        chat is ready      | grant 1
    """)
    strategy.decide_next = never_again
    book.perform("""
        2 arrives for chat | grant 2
        1 is served        | nothing
        2 is served        | nothing
    """)
    assert not fallbacks(book)
    book.perform("3 arrives for code")
    assert fallbacks(book) == ["advised: raised AssertionError: asked at 0.0"]


def test_one_that_serves_in_turn_is_not_asked_while_all_wait_for_ready_models() -> None:
    strategy = Advised()
    strategy.decide_next, strategy.in_turn = Greedy().decide, True
    book = Playbook("chat code", strategy).perform("""
        1 arrives for chat | load chat
        chat is ready      | grant 1
    """)
    strategy.decide_next = never_again
    book.perform("""
        2 arrives for chat        | nothing
        3 arrives for chat (high) | nothing
        4 arrives for chat        | nothing
        2 leaves                  | nothing
        1 is served               | grant 3
        3 is served               | grant 4
    """)
    assert not fallbacks(book)
    assert [note.rule for note in book.notes if note.kind == "decision"] == ["swap", "slots"]
    strategy.decide_next = Greedy().decide
    book.perform("""
        5 arrives for chat | nothing
        6 arrives for code | nothing
        4 is served        | grant 5
        5 is served        | unload chat
    """)


def test_a_strategy_that_lets_an_idle_box_wait_is_overruled_at_once() -> None:
    strategy = Advised()
    strategy.decide_next = lambda view: Plan()
    book = Playbook("chat", strategy).perform("1 arrives for chat | load chat")
    assert fallbacks(book) == ["advised: lets requests wait for nothing"]


def test_one_that_says_when_is_given_until_the_limit() -> None:
    book = Playbook("chat", Sleeper(), stall_limit=120).perform("""
        1 arrives for chat | nothing
        +119s              | nothing
        +1s                | load chat
        chat is ready      | grant 1   # until somebody gets something, greedy decides
        1 is served        | nothing
    """)
    assert len(fallbacks(book)) == 2


def test_one_that_moves_models_that_nobody_wants_is_overruled_too() -> None:
    """Nothing that it does is illegal, and the box is never idle."""
    book = Playbook("chat code fast", Juggler(), stall_limit=120)
    book.perform("1 arrives for chat")
    for _ in range(100):
        book.perform("+3s")
        moving = [name for name in ("chat", "code", "fast") if book.state(name) == "starting"]
        stopping = [name for name in ("chat", "code", "fast") if book.state(name) == "stopping"]
        for name in moving:
            book.tell(f"{name} is ready")
        for name in stopping:
            book.tell(f"{name} is gone")
    assert "grant 1" in book.said


def test_who_rejects_some_may_not_forget_the_others() -> None:
    strategy = Advised()
    strategy.decide_next = lambda view: Plan(wake_at=view.now + 60)
    book = Playbook("chat", strategy).perform(
        "1 arrives for chat | nothing\n 2 arrives for chat | nothing"
    )
    strategy.decide_next = lambda view: Plan(reject=[Reject("1", 429, 5.0, "too many")])
    assert book.tell("unpin chat") == ["load chat"]


def test_a_rejected_request_gets_the_strategys_words() -> None:
    strategy = Advised()
    strategy.decide_next = lambda view: Plan(reject=[Reject(each.id) for each in view.queue])
    Playbook("chat", strategy).perform("1 arrives for chat | refuse 1 rejected")


def test_a_strategy_is_woken_when_it_wants() -> None:
    strategy = Advised()
    woken: list[float] = []

    def patient(view: View) -> Plan:
        woken.append(view.now)
        return Plan(wake_at=20.0)

    strategy.decide_next = patient
    Playbook("chat", strategy).perform("1 arrives for chat | nothing\n +19s | nothing")
    assert woken == [0]
    woken.clear()
    Playbook("chat", strategy).perform("1 arrives for chat | nothing\n +20s")
    assert woken == [0, 20]


def test_no_strategy_can_keep_the_box_awake() -> None:
    strategy = Advised()
    strategy.decide_next = lambda view: Plan(serve=view.fill(), wake_at=view.now + 1e-9)
    book = Playbook("chat", strategy).perform("chat is ready\n 1 arrives for chat | grant 1")
    due = book.scheduler.next_deadline()
    assert due is not None
    assert due - book.now >= 0.001
