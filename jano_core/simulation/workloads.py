"""Made-up workloads with names: each is one thing that happens to a box with several models."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from ..errors import TraceError
from .maker import Maker, model
from .trace import Trace

HIGH, LOW = 0, 2
HOUR = 3600.0

Workload = Callable[[str, int], Trace]
WORKLOADS: dict[str, Workload] = {}
"""Name → what makes a trace of that name from a seed; the first line of its text describes it."""


def make(name: str, seed: int = 1) -> Trace:
    """The named workload with that seed. Raises `TraceError` for a name that is not known."""
    if name not in WORKLOADS:
        raise TraceError(f"no workload {name!r}; there are {', '.join(WORKLOADS)}")
    return WORKLOADS[name](name, seed)


def workload(function: Workload) -> Workload:
    """Register it under its own name."""
    WORKLOADS[function.__name__.replace("_", "-")] = function
    return function


@workload
def herd(name: str, seed: int) -> Trace:
    """A tool sends one question, three reviews or fifteen builds at once; one slot each."""
    return _herd(name, seed, slots=1, every=120)


@workload
def herd_parallel(name: str, seed: int) -> Trace:
    """The same with four slots, twice as often."""
    return _herd(name, seed, slots=4, every=55)


def _herd(name: str, seed: int, slots: int, every: float) -> Trace:
    quick = model("quick", 36, 10, slots, tok_s=65.0)
    review = model("review", 42, 15, slots, tok_s=45.0)
    build = model("build", 58, 24, slots, tok_s=36.0)
    make = Maker(name, seed, 64, [quick, review, build])
    for at in make.arrivals(every, 0, HOUR):
        size, target, tokens = make.random.choices(
            [(1, "quick", 130), (3, "review", 330), (15, "build", 240)], (8, 7, 5)
        )[0]
        make.burst(at, size, target, tokens, client=target)
    return make.trace()


@workload
def rotation(name: str, seed: int) -> Trace:
    """Three callers, three models, in turn: the worst that can happen to strict order."""
    make = Maker(name, seed, 64, [model(each, 48, 18, tok_s=50.0) for each in "ABC"])
    for start in range(0, 3000, 600):
        for number in range(18):
            who = "ABC"[number % 3]
            make.call(start + number + make.random.uniform(0, 0.4), who, 190, client=who)
    return make.trace()


@workload
def rare(name: str, seed: int) -> Trace:
    """A hot model at three quarters of its capacity, and now and then a request for another."""
    return _rare(name, seed, slots=1)


@workload
def rare_parallel(name: str, seed: int) -> Trace:
    """The same with four slots."""
    return _rare(name, seed, slots=4)


def _rare(name: str, seed: int, slots: int) -> Trace:
    hot, other = model("hot", 48, 20, slots, tok_s=50.0), model("rare", 40, 14, slots, tok_s=50.0)
    make = Maker(name, seed, 64, [hot, other])
    for at in make.arrivals(5.2 / (0.76 * slots), 0, HOUR):
        make.call(at, "hot", 245, client="stream")
    for at in make.arrivals(230, 60, HOUR):
        make.call(at, "rare", 150, client="cron")
    return make.trace()


@workload
def popular(name: str, seed: int) -> Trace:
    """Four models of unequal fame; the traffic swells and ebbs, one model fits."""
    models = [model("m1", 50, 18, 2), model("m2", 42, 12, 2), model("m3", 60, 28, 2, tok_s=30.0)]
    make = Maker(name, seed, 64, [*models, model("m4", 45, 15, 2)])
    _tides(make, ["m1", "m2", "m3", "m4"], 1.5 * HOUR, every=16, fame=1.0)
    return make.trace()


@workload
def residency(name: str, seed: int) -> Trace:
    """Six models of which about three fit: whom to put away matters."""
    sizes = {"m1": (30, 10), "m2": (30, 10), "m3": (28, 12), "m4": (60, 35), "m5": (20, 6)}
    models = [model(each, mem, load, 2) for each, (mem, load) in sizes.items()]
    make = Maker(name, seed, 96, [*models, model("m6", 30, 40, 2)])
    _tides(make, ["m1", "m2", "m3", "m4", "m5", "m6"], 1.5 * HOUR, every=14, fame=0.8)
    return make.trace()


@workload
def chat_and_batch(name: str, seed: int) -> Trace:
    """People talk (high) while batches of ninety (low) keep a bigger model busy."""
    chat, batch = model("chat", 30, 8, 2, tok_s=60.0), model("batch", 55, 24, 4)
    make = Maker(name, seed, 64, [chat, batch])
    for at in make.arrivals(420, 0, 1.5 * HOUR):
        for _ in range(make.random.randint(3, 8)):
            make.call(at, "chat", 240, tier=HIGH, slo=45.0, client="person")
            at += make.random.uniform(15, 50)
    for at in (150, 1500, 2900, 4300):
        make.burst(at, 90, "batch", 480, spread=30, tier=LOW, client="batch")
    return make.trace()


@workload
def two_small_one_large(name: str, seed: int) -> Trace:
    """Two small models live together, the large one only alone."""
    small = [model("s1", 20, 6, 2, tok_s=70.0), model("s2", 24, 7, 2, tok_s=60.0)]
    make = Maker(name, seed, 64, [*small, model("large", 58, 40, 2, tok_s=25.0)])
    for at in make.arrivals(21, 0, 1.5 * HOUR):
        make.call(at, "s1", 200, client="chat")
    for at in make.arrivals(29, 0, 1.5 * HOUR):
        make.call(at, "s2", 200, client="tool")
    for at in make.arrivals(410, 0, 1.5 * HOUR):
        make.burst(at, make.random.randint(1, 6), "large", 240, client="plan")
    return make.trace()


@workload
def embeddings(name: str, seed: int) -> Trace:
    """A small pinned model, larger ones beside it, and a list of who may live together."""
    pinned = model("embed", 4, 3, 8, tok_s=900.0, pinned=True)
    rest = [model("a", 28, 8, 2), model("b", 28, 44, 2), model("c", 28, 11, 2), model("v", 30, 14)]
    sets = tuple(("embed", *pair) for pair in ("ab", "ac", "bc", "va"))
    make = Maker(name, seed, 64, [pinned, *rest], sets=sets)
    for at in make.arrivals(6, 0, HOUR):
        make.call(at, "embed", 120, client="search")
    _tides(make, ["a", "b", "c", "v"], HOUR, every=24, fame=0.6)
    return make.trace()


@workload
def agents(name: str, seed: int) -> Trace:
    """Closed loops: plan, explore, write; each call some seconds after the last one ended."""
    plan, explore = model("plan", 40, 12, 2, tok_s=50.0), model("explore", 30, 9, 3, tok_s=60.0)
    make = Maker(name, seed, 64, [plan, explore, model("write", 55, 24, 2, tok_s=36.0)])
    steps = (("plan", 200, 1, 3), ("explore", 150, 2, 6), ("write", 300, 2, 6))
    for agent in range(4):
        client = f"agent{agent}"
        at = 290.0 * agent + make.random.uniform(0, 120)
        last = make.call(at, "plan", 200, client=client)
        for target, tokens, least, most in steps * 9:
            for _ in range(make.random.randint(least, most)):
                think = round(make.random.lognormvariate(math.log(2), 0.6), 3)
                last = make.call(None, target, tokens, client=client, after=last, think=think)
    return make.trace()


@workload
def uneven_loads(name: str, seed: int) -> Trace:
    """Loads of 4 s, 16 s and 110 s; what the scheduler is told of them is wrong by far."""
    tiny = model("tiny", 70, 4, 2, tok_s=90.0, prior_load_s=20.0)
    medium = model("medium", 80, 16, 2, tok_s=50.0, prior_load_s=32.0)
    huge = model("huge", 120, 110, 2, tok_s=20.0, prior_load_s=20.0)
    make = Maker(name, seed, 128, [tiny, medium, huge])
    for at in make.arrivals(26, 0, 2 * HOUR):
        make.call(at, "tiny", 200, client="a")
    for at in make.arrivals(150, 0, 2 * HOUR):
        make.burst(at, 3, "medium", 250, client="b")
    for at in make.arrivals(900, 0, 2 * HOUR):
        make.burst(at, 5, "huge", 300, client="c")
    return make.trace()


@workload
def overload(name: str, seed: int) -> Trace:
    """Twenty minutes of more than the box can do, then an hour of half as much as it can."""
    models = [model("A", 50, 20, 2), model("B", 42, 15, 2), model("C", 40, 14, 2)]
    make = Maker(name, seed, 64, models)
    for every, start, end in ((3.2, 0, 1200), (12.6, 1200, 4800)):
        for at in make.arrivals(every, start, end):
            make.call(at, make.random.choices("ABC", (5, 3, 2))[0], 240, client="x")
    return make.trace()


@workload
def sleepers(name: str, seed: int) -> Trace:
    """Swaps of a second or two: the weights stay in the host's memory."""
    models = [model("A", 50, 1.5, 4, unload_s=0.5), model("B", 40, 1.0, 4, unload_s=0.5)]
    make = Maker(name, seed, 64, [*models, model("C", 60, 2.5, 4, unload_s=0.5, tok_s=30.0)])
    _tides(make, ["A", "B", "C"], HOUR, every=5, fame=1.0)
    return make.trace()


@workload
def impatient(name: str, seed: int) -> Trace:
    """Clients hang up after two minutes."""
    make = Maker(name, seed, 64, [model("A", 50, 20, 2), model("B", 42, 15, 2)])
    for at in make.arrivals(4.4, 0, HOUR):
        make.call(at, "A", 250, patience=120.0, client="stream")
    for at in make.arrivals(100, 0, HOUR):
        make.burst(at, make.random.randint(1, 3), "B", 250, patience=120.0, client="b")
    return make.trace()


def _tides(make: Maker, models: Sequence[str], end: float, every: float, fame: float) -> None:
    """Small bursts by six clients; the n-th model is asked for as n to the minus `fame`."""
    weights = [(rank + 1) ** -fame for rank in range(len(models))]

    def tide(at: float) -> float:
        return 0.55 + 0.45 * math.sin(math.tau * at / 1800)

    for at in make.arrivals(every, 0, end, tide):
        target = make.random.choices(models, weights)[0]
        size = make.random.choice((1, 1, 1, 2, 4))
        client = f"client{make.random.randrange(6)}"
        make.burst(at, size, target, 220, spread=1.5, client=client)
