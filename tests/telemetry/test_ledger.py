"""The ledger's pages, fed with the original's figures and windows in set time."""

from __future__ import annotations

from jano_core.plugin.contracts import Usage
from jano_core.telemetry.facts import LoadProgress, RequestEnded, ServerCrashed

from .figures import (
    START,
    Model,
    Picture,
    Wall,
    ended,
    failed_load,
    ledger,
    state,
    swap,
    three_calls,
)

STATUS_KEYS = [
    "ok",
    "currentModel",
    "queueDepth",
    "queueByModel",
    "oldestWaitingMs",
    "currentModelLoadedAt",
    "inFlight",
    "lastSwapDurationMs",
    "swapsLast15m",
    "swapsLastHour",
    "recentGenTokS",
    "recentPromptTokS",
    "tokSByModel",
    "uptimeSeconds",
    "requestsServedTotal",
    "requestsByModel",
    "tokensGeneratedTotal",
    "tokensByModel",
    "requestsPerMinute",
    "errorsLast15m",
    "lastError",
    "backendHealth",
    "models",
    "nodes",
    "strategy",
    "swapsAvoided",
    "version",
    "swapCostToday",
]


def test_the_originals_figures():
    book = ledger(Wall())
    for fact in three_calls():
        book.observe(fact)
    models = {"alpha": Model(), "beta": Model(state="ready", memory=5, queued=2, in_flight=1)}
    picture = Picture(
        models, current_model="beta", current_since=START + 1.25, oldest_waiting_ms=40
    )
    status = book.status(picture)
    assert list(status) == STATUS_KEYS
    assert status["ok"] is True
    assert status["currentModel"] == "beta"
    assert status["queueDepth"] == 2
    assert status["queueByModel"] == {"alpha": 0, "beta": 2}
    assert status["oldestWaitingMs"] == 40
    assert status["currentModelLoadedAt"] == "2023-11-14T22:13:21.250Z"
    assert status["inFlight"] == 1
    assert status["lastSwapDurationMs"] == 1500
    assert status["requestsServedTotal"] == 3
    assert status["requestsByModel"] == {"alpha": 1, "beta": 2}
    assert status["tokensGeneratedTotal"] == 57
    assert status["tokensByModel"] == {"alpha": 22, "beta": 35}
    assert status["tokSByModel"] == {"alpha": 44.4, "beta": 44.4}
    assert status["recentGenTokS"] == 44.4
    assert status["recentPromptTokS"] is None
    assert status["backendHealth"] == {"alpha": "up", "beta": "up"}
    assert status["errorsLast15m"] == 0
    assert status["lastError"] is None
    assert status["models"]["beta"] == {
        "state": "ready",
        "since": "2023-11-14T22:13:20.000Z",
        "inFlight": 1,
        "queued": 2,
        "memory": 5,
        "lastError": None,
        "progress": None,
        "note": None,
    }
    assert (status["strategy"], status["swapsAvoided"], status["version"]) == ("greedy", 0, "1.2.3")


def test_usage_records_newest_first():
    book = ledger(Wall())
    for fact in three_calls():
        book.observe(fact)
    page = book.usage("10")
    assert page["count"] == 3
    newest = page["records"][0]
    assert newest == {
        "ts": "2023-11-14T22:13:20.000Z",
        "model": "beta",
        "status": 200,
        "total_ms": 100,
        "ttfb_ms": 9,
        "prompt_tokens": 7,
        "gen_tokens": 13,
        "gen_tok_s": 55.5,
        "prompt_tok_s": None,
        "id": "3",
        "queue_ms": 0,
        "swap_ms": 0,
        "cached_tokens": None,
        "client": "",
        "priority": "normal",
        "outcome": "served",
    }
    assert book.usage("1")["count"] == 1
    assert [book.usage(odd)["count"] for odd in ("0", "-1", "nan", "inf", "x", "", None)] == [3] * 7


def test_the_record_ring_is_bounded_and_so_is_the_rate_it_feeds():
    book = ledger(Wall(), usage_records=5)
    for _ in range(9):
        book.observe(ended("alpha"))
    assert book.usage("50")["count"] == 5
    status = book.status(Picture({"alpha": Model()}))
    assert status["requestsPerMinute"] == 5
    assert status["requestsServedTotal"] == 9


def test_only_successes_count_as_served_but_all_are_in_the_history():
    book = ledger(Wall())
    book.observe(ended("alpha", usage=Usage(generated_tokens=4)))
    book.observe(ended("alpha", status=500, usage=Usage(generated_tokens=9)))
    book.observe(ended("alpha", status=499, outcome="left"))
    book.observe(ended("alpha", status=200, outcome="failed", error="connection reset"))
    status = book.status(Picture({"alpha": Model()}))
    assert status["requestsServedTotal"] == 1
    assert status["tokensGeneratedTotal"] == 4
    assert status["requestsPerMinute"] == 4
    assert book.usage(None)["count"] == 4


def test_requests_of_resident_models_are_not_counted():
    book = ledger(Wall())
    book.observe(ended("ears", resident=True, usage=Usage(generated_tokens=4)))
    status = book.status(Picture({"ears": Model(in_flight=1, resident=True)}))
    assert status["requestsServedTotal"] == status["requestsPerMinute"] == 0
    assert status["inFlight"] == 0
    assert book.usage(None) == {"count": 0, "records": []}


def test_rates_are_the_mean_of_the_last_thirty_known():
    book = ledger(Wall())
    for speed in [1000.0, *[10.0] * 15, *[20.25] * 15]:
        book.observe(ended("alpha", usage=Usage(generated_per_second=speed)))
        book.observe(ended("beta", usage=Usage(generated_tokens=1)))
    status = book.status(Picture({"alpha": Model(), "beta": Model()}))
    assert status["recentGenTokS"] == 15.1
    assert status["tokSByModel"] == {"alpha": 15.1}


def test_windows_age_out_and_their_edge_is_inside():
    wall = Wall()
    book = ledger(wall)
    book.observe(swap("", "alpha", 2.0))
    book.observe(ended("alpha"))
    picture = Picture({"alpha": Model()})
    seen = []
    for seconds in (60, 61, 900, 901, 3600, 3601):
        wall.time = START + seconds
        status = book.status(picture)
        keys = ("requestsPerMinute", "swapsLast15m", "swapsLastHour")
        seen.append(tuple(status[key] for key in keys))
    assert seen == [(1, 1, 1), (0, 1, 1), (0, 1, 1), (0, 0, 1), (0, 0, 1), (0, 0, 0)]


def test_a_swap_is_measured_without_the_drain_before_it():
    book = ledger(Wall())
    book.observe(swap("alpha", "beta", 5.0, drain=3.5))
    assert book.status(Picture({"beta": Model()}))["lastSwapDurationMs"] == 1500


def test_errors_put_a_model_down_and_a_success_up_again():
    wall = Wall()
    book = ledger(wall)
    picture = Picture({"alpha": Model(), "beta": Model()})
    assert book.status(picture)["backendHealth"] == {"alpha": "unknown", "beta": "unknown"}
    book.observe(failed_load("alpha"))
    book.observe(ServerCrashed(at=START + 1, model="beta", why="killed by signal 9"))
    status = book.status(picture)
    assert status["backendHealth"] == {"alpha": "down", "beta": "down"}
    assert status["errorsLast15m"] == 2
    wall.time = START + 901
    status = book.status(picture)
    assert status["errorsLast15m"] == 1
    assert status["lastError"] == {
        "ts": "2023-11-14T22:13:21.000Z",
        "model": "beta",
        "message": "server crashed: killed by signal 9",
    }
    book.observe(ended("alpha", at=START + 901))
    assert book.status(picture)["backendHealth"] == {"alpha": "up", "beta": "down"}


def test_a_failed_load_is_one_error_however_many_waited_for_it():
    book = ledger(Wall())
    book.observe(failed_load("alpha"))
    refused = {"outcome": "refused", "status": 503, "error": "exit status 1"}
    for id in "123":
        book.observe(ended("alpha", id=id, code="model_load_failed", **refused))
    assert book.counters.errors == 1
    book.observe(ended("alpha", id="4", code="model_unavailable", **refused))
    assert book.counters.errors == 2
    assert book.usage(None)["count"] == 4


def test_a_full_queue_says_nothing_about_the_model():
    book = ledger(Wall())
    book.observe(ended("alpha", outcome="refused", status=503, code="queue_full"))
    status = book.status(Picture({"alpha": Model()}))
    assert status["backendHealth"] == {"alpha": "unknown"}
    assert status["errorsLast15m"] == 0


def test_uptime_is_in_whole_seconds():
    wall = Wall()
    book = ledger(wall)
    wall.time += 2.9
    assert book.status(Picture({}))["uptimeSeconds"] == 2


def test_an_empty_house_shows_nulls_and_zeros():
    status = ledger(Wall()).status(Picture({}))
    nulls = [key for key, value in status.items() if value is None]
    assert nulls == [
        "currentModel",
        "currentModelLoadedAt",
        "lastSwapDurationMs",
        "recentGenTokS",
        "recentPromptTokS",
        "lastError",
    ]


def test_a_refused_request_that_was_never_granted_has_no_times_but_the_total():
    book = ledger(Wall())
    book.observe(
        RequestEnded(
            at=START, id="1", model="alpha", outcome="refused", status=503, total_ms=3.6, code="x"
        )
    )
    record = book.usage(None)["records"][0]
    assert record["total_ms"] == 4
    assert record["queue_ms"] is record["swap_ms"] is record["ttfb_ms"] is None


def test_how_far_a_load_is():
    book = ledger(Wall())

    def shown() -> tuple[float | None, str | None]:
        model = book.status(Picture({"chat": Model(state="starting")}))["models"]["chat"]
        return model["progress"], model["note"]

    book.observe(state("chat", "starting"))
    assert shown() == (None, None)
    book.observe(LoadProgress(at=START, model="chat", fraction=0.4, note="reading weights"))
    assert shown() == (0.4, "reading weights")
    book.observe(state("chat", "ready"))
    assert shown() == (None, None)
