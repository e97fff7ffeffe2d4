"""llama-swap's groups: swap, exclusive, persistent, and who has to go for whom."""

from __future__ import annotations

import msgspec
import pytest

from jano_core.scheduler.rules.groups import Groups, GroupsSettings
from jano_core.scheduler.types import Model

TABLE = {
    "pair": {"swap": False, "exclusive": True, "members": ["p1", "p2"]},
    "small": {"swap": False, "exclusive": False, "members": ["s1", "s2"]},
    "one": {"swap": True, "exclusive": False, "members": ["o1", "o2"]},
    "for ever": {"swap": False, "exclusive": True, "persistent": True, "members": ["e1", "e2"]},
}
NAMES = ["p1", "p2", "s1", "s2", "o1", "o2", "e1", "e2", "free", "free2"]


def rule(budget: int | None = None, **memory: int) -> Groups:
    models = {name: Model(name=name, memory=memory.get(name)) for name in NAMES}
    return Groups(models, budget, msgspec.convert({"groups": TABLE}, GroupsSettings))


def evicted(target: str, *resident: str, busy: str = "") -> set[str] | None:
    found = rule().evictions(target, resident, frozenset(resident) - {busy}, lambda _: 1.0)
    return None if found is None else set(found)


def test_in_a_group_that_swaps_one_member_lives() -> None:
    assert evicted("o1", "o2") == {"o2"}


def test_in_a_group_that_does_not_swap_all_may_live() -> None:
    assert evicted("p1", "p2") == set()


def test_an_exclusive_group_puts_others_away() -> None:
    assert evicted("p1", "s1", "o1", "free", "p2") == {"s1", "o1", "free"}


def test_a_group_that_is_not_exclusive_leaves_even_an_exclusive_one() -> None:
    assert evicted("s1", "p1", "p2", "o1") == set()


def test_a_persistent_group_stays() -> None:
    assert evicted("p1", "e1", "s1") == {"s1"}
    assert evicted("e1", "p1", "s1") == {"p1", "s1"}


def test_models_without_a_group_live_one_at_a_time() -> None:
    assert evicted("free", "free2", "s1", "p1") == {"free2", "s1", "p1"}


def test_there_is_no_way_while_one_that_must_go_cannot() -> None:
    assert evicted("p1", "s1", "o1", busy="s1") is None
    assert evicted("s1", "p1", busy="p1") == set()


@pytest.mark.parametrize(
    ("names", "fit"),
    [
        (("p1", "p2", "s1", "s2", "o1", "e1", "e2"), True),
        (("o1", "o2"), False),
        (("p1", "free"), False),
        (("free", "e1"), True),
        (("free", "free2"), False),
        ((), True),
    ],
)
def test_what_could_have_come_together_is_allowed(names: tuple[str, ...], fit: bool) -> None:
    assert rule().allowed(names) is fit


def test_after_the_evictions_the_target_is_always_allowed() -> None:
    """Every way of loading one after the other stays within what `allowed` says."""
    groups = rule()
    resident: set[str] = set()
    for step in range(500):
        target = NAMES[step * step % 97 % len(NAMES)]
        if target not in resident:
            gone = groups.evictions(target, tuple(resident), frozenset(resident), lambda _: 1.0)
            assert gone is not None
            resident = (resident - set(gone)) | {target}
        assert groups.allowed(resident)


def test_a_budget_is_kept_besides() -> None:
    tight = rule(budget=10, s1=4, s2=4, o1=4)
    found = tight.evictions("o1", ("s1", "s2"), frozenset({"s1", "s2"}), {"s1": 2.0, "s2": 1.0}.get)
    assert found == ("s2",)


def test_a_member_of_two_groups_is_an_error() -> None:
    table = {"a": {"members": ["x"]}, "b": {"members": ["x"]}}
    with pytest.raises(msgspec.ValidationError, match="'x' is a member of 'a' and of 'b'"):
        msgspec.convert({"groups": table}, GroupsSettings)


def test_a_member_that_is_not_configured_is_a_problem() -> None:
    groups = Groups({}, None, msgspec.convert({"groups": TABLE}, GroupsSettings))
    assert ("p1", "group 'pair' names it, but it is not configured") in set(groups.problems())
