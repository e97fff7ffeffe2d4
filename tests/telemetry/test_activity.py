"""The activity log: pages, parameters, totals."""

from __future__ import annotations

import pytest

from jano_core.errors import Refused
from jano_core.plugin.contracts import Usage
from jano_core.telemetry.activity import Activity
from jano_core.telemetry.activity_query import SORT_KEYS, ActivityQuery

from .figures import START, ended, queued


def log_of(count: int, size: int = 1000) -> Activity:
    log = Activity(size)
    for number in range(1, count + 1):
        usage = Usage(
            prompt_tokens=number,
            generated_tokens=2,
            generated_per_second=float(number) if number % 2 else None,
        )
        log.observe(
            ended(
                "alpha" if number % 3 else "beta",
                id=f"r{number}",
                at=START + number,
                usage=usage,
                path="/v1/chat/completions",
            )
        )
    return log


def ids(log: Activity, **parameters: str | list[str]) -> list[int]:
    query = ActivityQuery.parse(
        {name: [one] if isinstance(one, str) else one for name, one in parameters.items()}
    )
    return [row["id"] for row in log.page(query)["data"]]


def test_a_row_in_llama_swaps_shape():
    log = Activity()
    log.observe(queued("9", "alpha"))
    log.observe(
        ended("alpha", id="9", usage=Usage(prompt_tokens=3, cached_tokens=1), priority="high")
    )
    assert log.page(ActivityQuery()) == {
        "data": [
            {
                "id": 1,
                "timestamp": "2023-11-14T22:13:20.000Z",
                "model": "alpha",
                "req_path": "",
                "resp_content_type": "",
                "resp_status_code": 200,
                "tokens": {
                    "cache_tokens": 1,
                    "draft_tokens": None,
                    "draft_acc_tokens": None,
                    "input_tokens": 3,
                    "output_tokens": None,
                    "prompt_per_second": None,
                    "tokens_per_second": None,
                },
                "duration_ms": 100,
                "has_capture": False,
                "error_msg": "",
                "metadata": {
                    "request": "9",
                    "outcome": "served",
                    "client": "",
                    "session": "",
                    "priority": "high",
                    "count_source": "",
                    "rate_source": "",
                },
            }
        ],
        "page": 1,
        "limit": 25,
        "total": 1,
        "total_pages": 1,
    }


def test_pages():
    log = log_of(7)
    assert ids(log) == [7, 6, 5, 4, 3, 2, 1]
    assert ids(log, limit="3", page="2") == [4, 3, 2]
    assert ids(log, limit="3", page="4") == []
    page = log.page(ActivityQuery(limit=3))
    assert (page["total"], page["total_pages"]) == (7, 3)
    assert Activity().page(ActivityQuery())["total_pages"] == 0


def test_filters():
    log = log_of(7)
    assert ids(log, model="beta") == [6, 3]
    assert ids(log, model=["beta", "alpha"], max_id="2") == [2, 1]
    assert ids(log, min_id="6") == [7, 6]
    assert ids(log, start="2023-11-14T22:13:26Z") == [7, 6]
    assert ids(log, start="2023-11-14T22:13:21+00:00", end="2023-11-14T22:13:22Z") == [2, 1]


def test_order():
    log = log_of(4)
    assert ids(log, sort="prompt", order="asc") == [1, 2, 3, 4]
    assert ids(log, sort="model", order="asc") == [1, 2, 4, 3]
    assert ids(log, sort="gen_speed") == [3, 1, 4, 2]  # the unknown last
    for key in SORT_KEYS:
        assert sorted(ids(log, sort=key)) == [1, 2, 3, 4]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("page", "0"),
        ("page", "x"),
        ("page", "-1"),
        ("limit", "0"),
        ("limit", "1000"),
        ("limit", "1.5"),
        ("sort", "colour"),
        ("order", "sideways"),
        ("start", "yesterday"),
        ("end", "2023-11-14T22:13:26"),
        ("min_id", "-1"),
        ("max_id", "9" * 5000),
    ],
)
def test_what_makes_no_sense_is_refused_by_name(name, value):
    with pytest.raises(Refused, match=name) as caught:
        ActivityQuery.parse({name: [value]})
    assert (caught.value.status, caught.value.param) == (400, name)


def test_numbers_go_on_when_the_ring_is_full():
    log = log_of(30, size=10)
    assert log.newest_id == 30
    assert ids(log) == list(range(30, 20, -1))


def test_stats():
    stats = log_of(6).stats()
    histogram = stats.pop("gen_histogram")
    assert stats == {
        "total_requests": 6,
        "total_input_tokens": 21,
        "total_output_tokens": 12,
        "total_cache_tokens": 0,
        "prompt_histogram": None,
    }
    assert histogram["bins"] == [1, 0, 1, 0, 1]
    assert (histogram["min"], histogram["max"], histogram["binSize"]) == (1.0, 5.0, 0.8)
    assert histogram["p50"] == 3.0
    assert histogram["p95"] == pytest.approx(4.8)
    assert log_of(6).stats("beta")["total_input_tokens"] == 9
    assert log_of(6).stats("nobody")["total_requests"] == 0


def test_equal_speeds_are_one_bin():
    log = Activity()
    for _ in range(4):
        log.observe(ended("alpha", usage=Usage(generated_per_second=5.0)))
    histogram = log.stats()["gen_histogram"]
    assert (histogram["bins"], histogram["binSize"], histogram["p99"]) == ([4], 0.0, 5.0)
