"""Estimates of who waits, from measured times and from what is known of those who run."""

from __future__ import annotations

import pytest

from jano_core.scheduler.estimates import UNKNOWN_SERVICE_S
from jano_core.scheduler.forecast import expected_wait, forecast, of_last
from jano_core.scheduler.types import Model
from jano_core.testing.playbook import Playbook

USUAL = UNKNOWN_SERVICE_S


@pytest.fixture
def play() -> Playbook:
    """Request 1 has run for four seconds on chat; 2 waits for the same, 3 for code."""
    return Playbook("chat code").perform("""
        1 arrives for chat | load chat
        chat is ready      | grant 1
        2 arrives for chat
        3 arrives for code
        +4s
    """)


def etas(play: Playbook, **read_by: float) -> dict[str, float]:
    named = {name.removeprefix("r"): at for name, at in read_by.items()}
    return {name: each.eta_s for name, each in forecast(play.scheduler, play.now, named).items()}


def test_who_runs_is_expected_to_take_the_usual(play: Playbook) -> None:
    assert etas(play)["2"] == pytest.approx(USUAL - 4)


def test_nobody_ends_before_its_prompt_is_read(play: Playbook) -> None:
    late = etas(play, r1=play.now + 30)
    assert late["2"] == pytest.approx(30)
    assert late["3"] - etas(play)["3"] == pytest.approx(30 - (USUAL - 4))
    told = {"1": play.now + 30}
    waits = [expected_wait(play.scheduler, "chat", play.now, each) for each in (told, {})]
    assert waits[0] - waits[1] == pytest.approx(30 - (USUAL - 4))


def test_a_prompt_that_is_read_sooner_says_nothing_of_the_answer(play: Playbook) -> None:
    assert etas(play, r1=play.now + 1) == etas(play)
    assert etas(play, r1=play.now - 3) == etas(play)


def test_what_was_told_of_one_who_has_ended_is_forgotten(play: Playbook) -> None:
    play.perform("1 is served")
    assert etas(play, r1=play.now + 30) == etas(play)


@pytest.mark.parametrize("slots", [1, 2, 3])
def test_the_short_way_for_the_last_one_comes_to_the_same(slots: int) -> None:
    models = [Model(name="chat", parallel=slots), Model(name="code")]
    play = Playbook(models).perform("1 arrives for chat | load chat\nchat is ready | grant 1")
    for number in range(2, 9):
        play.perform(f"{number} arrives for chat\n+0.5s")
        waiting = play.scheduler.queue.get(str(number))
        if waiting is not None:
            short = of_last(play.scheduler, waiting, play.now)
            assert short == pytest.approx(etas(play)[str(number)])
    assert not play.scheduler.queue.get("1") and play.scheduler.queue.get("8")


def test_the_short_way_is_for_the_last_one_of_a_ready_model_alone(play: Playbook) -> None:
    play.perform("4 arrives for chat (low)")

    def short(request: str, **read_by: float) -> float | None:
        waiting = play.scheduler.queue.get(request)
        assert waiting is not None
        named = {name.removeprefix("r"): at for name, at in read_by.items()}
        return of_last(play.scheduler, waiting, play.now, named)

    assert short("4") is not None
    assert short("2") is None  # before another one
    assert short("3") is None  # its model is not loaded


def test_there_is_no_short_way_where_one_slot_is_taken_for_very_long() -> None:
    models = [Model(name="chat", parallel=2)]
    play = Playbook(models).perform("""
        1 arrives for chat | load chat
        chat is ready      | grant 1
        2 arrives for chat | grant 2
        3 arrives for chat | nothing
    """)
    last = play.scheduler.queue.get("3")
    assert last is not None
    assert of_last(play.scheduler, last, play.now) == pytest.approx(USUAL)
    assert of_last(play.scheduler, last, play.now, {"1": play.now + 3 * USUAL}) is None


@pytest.mark.parametrize(("prior", "least"), [(None, 30.0), (20.0, 30.0)])
def test_a_first_load_that_is_late_is_not_said_to_be_done_any_moment(
    prior: float | None, least: float
) -> None:
    play = Playbook([Model(name="chat", load_prior=prior)]).perform("""
        1 arrives for chat | load chat
        +60s
    """)
    assert etas(play)["1"] == pytest.approx(least)
    assert expected_wait(play.scheduler, "chat", play.now) > least


def test_what_is_usually_on_time_is_late_for_a_short_while() -> None:
    play = Playbook("chat").perform("""
        1 arrives for chat | load chat
        +20s
        chat is ready      | grant 1
        2 arrives for chat
        +50s
    """)
    assert etas(play)["2"] == pytest.approx(5)  # 1 has run for 50 s
    play.perform("""
        chat crashes
        1 fails
        +50s
    """)
    assert etas(play)["2"] == pytest.approx(5)  # its second load takes longer than the first
