"""llama-swap's matrix: the language, the choice of whom to evict, and sizes that must not hurt."""

from __future__ import annotations

import msgspec
import pytest

from jano_core.scheduler.rules.matrix import Matrix, MatrixSettings
from jano_core.scheduler.types import Model


def rule(
    sets: dict[str, str], names: str = "abcdefgh", budget: int | None = None, **table: object
) -> Matrix:
    settings = msgspec.convert({"matrix": {"sets": sets, **table}}, MatrixSettings)
    return Matrix({name: Model(name=name, memory=4) for name in names}, budget, settings)


def evicted(matrix: Matrix, target: str, *resident: str, busy: str = "") -> set[str] | None:
    found = matrix.evictions(target, resident, frozenset(resident) - set(busy), lambda _: 1.0)
    return None if found is None else set(found)


def test_a_set_permits_its_subsets_and_nothing_more() -> None:
    matrix = rule({"s": "a & b & c"})
    assert matrix.allowed("abc")
    assert matrix.allowed("ac")
    assert not matrix.allowed("abd")


def test_and_binds_tighter_than_or() -> None:
    matrix = rule({"s": "a & b | c & d"})
    assert matrix.allowed("ab")
    assert matrix.allowed("cd")
    assert not matrix.allowed("ac")
    assert rule({"s": "a & (b | c) & d"}).allowed("acd")
    assert not rule({"s": "a & (b | c) & d"}).allowed("abc")


def test_a_reference_stands_for_the_other_set_whichever_comes_first() -> None:
    for sets in (
        {"base": "a | b", "full": "+base & c"},
        {"full": "+base & c", "base": "a | b"},
    ):
        assert rule(sets).allowed("bc")
        assert not rule(sets).allowed("abc")


def test_short_names_stand_for_models() -> None:
    sets = {"s": "x & author/model:F16"}
    settings = {"matrix": {"vars": {"x": "long-name"}, "sets": sets}}
    models = {name: Model(name=name) for name in ("long-name", "author/model:F16")}
    matrix = Matrix(models, None, msgspec.convert(settings, MatrixSettings))
    assert matrix.allowed(models)


def test_a_model_in_no_set_lives_alone() -> None:
    matrix = rule({"s": "a & b"})
    assert evicted(matrix, "h", "a", "b") == {"a", "b"}
    assert matrix.allowed("h")


def test_the_cheapest_combination_is_taken() -> None:
    sets = {"one": "a & c", "two": "a & b"}
    assert evicted(rule(sets, evict_costs={"b": 10}), "a", "b", "c") == {"c"}
    assert evicted(rule(sets, evict_costs={"c": 10}), "a", "b", "c") == {"b"}


def test_of_equals_the_one_written_first_is_taken() -> None:
    assert evicted(rule({"one": "a & c", "two": "a & b"}), "a", "b", "c") == {"b"}
    assert evicted(rule({"two": "a & b", "one": "a & c"}), "a", "b", "c") == {"c"}


def test_costs_may_be_given_by_short_name() -> None:
    table = {"vars": {"x": "b"}, "evict_costs": {"x": 5}}
    assert evicted(rule({"one": "a & c", "two": "a & x"}, **table), "a", "b", "c") == {"c"}


def test_who_cannot_go_now_is_worked_around_or_there_is_no_way() -> None:
    matrix = rule({"one": "a & c", "two": "a & b"})
    assert evicted(matrix, "a", "b", "c", busy="b") == {"c"}
    assert evicted(matrix, "a", "b", "c", busy="bc") is None


def test_a_budget_is_kept_besides() -> None:
    matrix = rule({"s": "a & b & c"}, budget=8)
    prices = {"b": 1.0, "c": 2.0}
    assert matrix.evictions("a", ("b", "c"), frozenset("bc"), prices.__getitem__) == ("b",)


def test_ten_billion_combinations_are_no_burden() -> None:
    names = [f"m{number}" for number in range(100)]
    rows = [" | ".join(names[start : start + 10]) for start in range(0, 100, 10)]
    sets = {f"row{number}": row for number, row in enumerate(rows)}
    sets["all"] = " & ".join(f"+{name}" for name in sets)
    settings = msgspec.convert({"matrix": {"sets": sets}}, MatrixSettings)
    matrix = Matrix({name: Model(name=name) for name in names}, None, settings)
    resident = tuple(names[start] for start in range(0, 100, 10))
    found = matrix.evictions("m5", resident, frozenset(resident), lambda _: 1.0)
    assert found == ("m0",)
    assert matrix.allowed(names[1::10])
    assert not matrix.allowed(["m1", "m2"])


def test_more_models_than_a_machine_word_has_bits() -> None:
    names = [f"m{number}" for number in range(90)]
    settings = msgspec.convert({"matrix": {"sets": {"s": " & ".join(names)}}}, MatrixSettings)
    matrix = Matrix({name: Model(name=name) for name in names}, None, settings)
    assert matrix.evictions("m89", tuple(names[:89]), frozenset(names), lambda _: 1.0) == ()


@pytest.mark.parametrize(
    ("sets", "message"),
    [
        ({"s": ""}, "set 's', column 1: expected a model, '+set' or '(', found the end"),
        ({"s": "a & "}, "set 's', column 5: expected a model, '+set' or '(', found the end"),
        ({"s": "a b"}, "set 's', column 3: expected '&', '|' or the end, found 'b'"),
        ({"s": "(a | b"}, "set 's', column 7: expected ')', found the end"),
        ({"s": "a & | b"}, "set 's', column 5: expected a model, '+set' or '(', found '|'"),
        ({"s": "a & +"}, "set 's', column 5: expected the name of a set after '+', found '+'"),
        ({"s": "a & +t", "u": "b"}, "set 's', column 5: there is no set 't'; there are s, u"),
        ({"s": "a & +t", "t": "b | +s"}, "column 5: the set refers to itself: s → t → s"),
        ({"s": "+s"}, "set 's', column 1: the set refers to itself: s → s"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(sets: dict[str, str], message: str) -> None:
    with pytest.raises(msgspec.ValidationError) as caught:
        rule(sets)
    assert message in str(caught.value)


def test_a_cost_must_be_positive() -> None:
    with pytest.raises(msgspec.ValidationError, match="evict_costs"):
        rule({"s": "a"}, evict_costs={"a": 0})


def test_names_that_are_not_configured_are_problems() -> None:
    matrix = rule({"s": "a & zoo"}, vars={"x": "yak"}, evict_costs={"wolf": 2})
    assert list(matrix.problems()) == [
        ("yak", "vars.x names it, but it is not configured"),
        ("wolf", "evict_costs names it, but it is not configured"),
        ("zoo", "set 's', column 5, names it, but it is not configured"),
    ]
