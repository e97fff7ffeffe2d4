"""What a caller may write and where it leads."""

from __future__ import annotations

from typing import Any

import pytest

from jano_core.config.catalog import Catalog, Target
from jano_core.config.schema import (
    Config,
    ModelTable,
    ProfileTable,
    RequestFilter,
    SwapTable,
)
from jano_core.config.secrets import Secrets
from jano_core.errors import Refused
from jano_core.units import Duration, Size

HIGH = RequestFilter(set={"effort": "high"})
COMMON = RequestFilter(remove=["temperature"])
CONFIG = Config(
    models={
        "Chat": ModelTable(
            launch="process",
            cmd="server --port ${PORT} --key '${env:KEY}'",
            env={"TOKEN": "${env:KEY}"},
            health="/health",
            aliases=["gpt-4o"],
            request=COMMON,
            variants={"chat:high": HIGH},
            paths=["/vision", "/vision/deep/"],
            strip_prefix=True,
        ),
        "author/model": ModelTable(launch="script", url="http://h:1", stop_timeout=Duration(3)),
        "author": ModelTable(launch="attach", url="http://h:2", paths=["/"], resident=True),
    },
    swap=SwapTable(command="/swap.sh --fast"),
    profiles={"day": ProfileTable(pins={"GPT-4o": "author", "chat": ""})},
)


@pytest.fixture
def catalog() -> Catalog:
    return Catalog(CONFIG, Secrets({"KEY": "a secret"}))


def found(target: Target | None) -> tuple[str, str, tuple[RequestFilter, ...]] | None:
    return (target.model, target.requested, target.filters) if target else None


def test_names_aliases_and_variants_whatever_their_case(catalog: Catalog) -> None:
    assert found(catalog.find("chat")) == ("Chat", "chat", (COMMON,))
    assert found(catalog.find("GPT-4O")) == ("Chat", "GPT-4O", (COMMON,))
    assert found(catalog.find("CHAT:high")) == ("Chat", "CHAT:high", (COMMON, HIGH))
    assert found(catalog.find("author")) == ("author", "author", ())
    assert catalog.find("nobody") is None
    assert catalog.find("") is None


def test_accepted_names_in_order_of_declaration(catalog: Catalog) -> None:
    assert catalog.accepted == ("Chat", "gpt-4o", "chat:high", "author/model", "author")


def test_the_first_declared_wins_where_the_check_lets_both_pass() -> None:
    catalog = Catalog(Config(models={"a": ModelTable(aliases=["b"]), "b": ModelTable()}))
    assert found(catalog.find("b")) == ("a", "b", ())


def test_pins_of_the_active_profile_come_first(catalog: Catalog) -> None:
    catalog.activate("day")
    assert catalog.active == "day"
    assert found(catalog.find("gpt-4o")) == ("author", "gpt-4o", ())
    assert catalog.find("Chat") is None
    assert found(catalog.find("chat:high")) == ("Chat", "chat:high", (COMMON, HIGH))
    with pytest.raises(Refused, match='there is no profile "night"'):
        catalog.activate("night")
    assert catalog.active == "day"
    catalog.activate(None)
    assert found(catalog.find("Chat")) == ("Chat", "Chat", (COMMON,))


@pytest.mark.parametrize(
    ("path", "model", "rest"),
    [
        ("/vision", "Chat", "/"),
        ("/vision/x%2Fy", "Chat", "/x%2Fy"),
        ("/vision/deep/x", "Chat", "/x"),
        ("/vision/deeper", "Chat", "/deeper"),
        ("/visionary", "author", "/visionary"),
        ("/", "author", "/"),
    ],
)
def test_the_longest_prefix_of_a_path_wins(
    catalog: Catalog, path: str, model: str, rest: str
) -> None:
    result = catalog.by_path(path)
    assert result is not None
    assert (result[0].model, result[1]) == (model, rest)


def test_a_path_that_nobody_has() -> None:
    assert Catalog(Config(models={"a": ModelTable(paths=["/x"])})).by_path("/y") is None


@pytest.mark.parametrize(
    ("path", "model", "rest"),
    [
        ("author/model/v1/x%2F%252F", "author/model", "/v1/x%2F%252F"),
        ("author%2Fmodel/v1", "author/model", "/v1"),
        ("author/other", "author", "/other"),
        ("author/", "author", "/"),
        ("author", "author", ""),
        ("gpt-4O/v1", "Chat", "/v1"),
    ],
)
def test_upstream_paths_take_the_longest_name(
    catalog: Catalog, path: str, model: str, rest: str
) -> None:
    result = catalog.by_upstream(path)
    assert result is not None
    assert (result[0].model, result[1]) == (model, rest)


def test_a_path_is_not_tried_as_a_longer_name_than_there_is(monkeypatch: Any) -> None:
    """Tens of thousands of names to decode, for a single path, would hold everybody up."""
    tried: list[str] = []
    monkeypatch.setattr("jano_core.config.catalog.unquote", lambda text: tried.append(text) or text)
    pins = {"day": ProfileTable(pins={"a/b/c": "x"})}
    catalog = Catalog(Config(models={"x": ModelTable()}, profiles=pins))
    assert catalog.by_upstream("%41/" * 15000) is None
    assert tried == ["%41/%41/%41", "%41/%41", "%41"]


@pytest.mark.parametrize("path", ["", "nobody/v1", "/v1", "auth/x"])
def test_upstream_paths_to_nobody(catalog: Catalog, path: str) -> None:
    assert catalog.by_upstream(path) is None


def test_a_spec_has_its_secrets_and_a_clean_environment(catalog: Catalog) -> None:
    spec = catalog.spec("Chat", {"KEY": "a secret", "PATH": "/bin", "JANO_URL": "x"})
    assert spec.cmd == ("server", "--port", "${PORT}", "--key", "a secret")
    assert spec.env == {"PATH": "/bin", "TOKEN": "a secret"}
    assert (spec.start_timeout, spec.stop_timeout) == (180, 10)
    assert CONFIG.models["Chat"].env == {"TOKEN": "${env:KEY}"}


def test_a_swapped_model_has_the_script_as_its_command(catalog: Catalog) -> None:
    spec = catalog.spec("author/model", {})
    assert (spec.cmd, spec.url, spec.stop_timeout) == (("/swap.sh", "--fast"), "http://h:1", 3)


def test_filters_have_their_secrets() -> None:
    filters = RequestFilter(set={"user": ["${env:KEY}"]}, default={"x": 1})
    catalog = Catalog(
        Config(models={"a": ModelTable(request=filters)}), Secrets({"KEY": "k-value"})
    )
    target = catalog.find("a")
    assert target is not None
    assert target.filters == (RequestFilter(set={"user": ["k-value"]}, default={"x": 1}),)


def test_what_the_scheduler_needs() -> None:
    table = ModelTable(memory=Size(5), load_time=Duration(20), ttl=Duration(60), pinned=True)
    model = Catalog(Config(models={"a": table})).needs("a")
    assert (model.name, model.parallel, model.memory, model.load_prior) == ("a", 1, 5, 20)
    assert (model.ttl, model.pinned, model.resident) == (60, True, False)
