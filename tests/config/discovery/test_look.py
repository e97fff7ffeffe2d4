"""What is found on boxes made of files and pages, and what becomes of it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from jano_core.config.discovery.find import Find, distinct
from jano_core.config.discovery.gguf import find_gguf, folders
from jano_core.config.discovery.hardware import Memory
from jano_core.config.discovery.look import look
from jano_core.config.discovery.render import render
from jano_core.config.discovery.servers import attached, identify
from jano_core.config.load import Loaded, load
from jano_core.plugin.registry import Registry

ALL = frozenset(Registry.discover().backends)
BOX = Memory(ram=64 * 2**30)


def nothing(url: str) -> Any:
    return None


def pages(port: int, answers: Mapping[str, Any]) -> Any:
    return lambda url: answers.get(url.removeprefix(f"http://127.0.0.1:{port}"))


def gguf(path: Path, text: bytes = b"GGUF and more") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text)
    return path


def read_back(finds: list[Find], folder: Path) -> Loaded:
    path = folder / "jano.toml"
    path.write_text(render(finds, BOX))
    return load(path, Registry.discover(), {})


def programs(folder: Path, *names: str) -> dict[str, str]:
    for name in names:
        program = folder / "bin" / name
        program.parent.mkdir(exist_ok=True)
        program.write_text("#!/bin/sh\n")
        program.chmod(0o755)
    return {"PATH": str(folder / "bin")}


def test_files_become_models_that_the_check_accepts(tmp_path: Path) -> None:
    home = tmp_path / "home"
    gguf(home / "models/Qwen3 8B.Q4.gguf")
    gguf(home / ".cache/llama.cpp/qwen3-8b.q4.gguf")
    gguf(home / ".lmstudio/models/org/repo/it's.gguf")
    gguf(home / ".cache/huggingface/hub/models--org--r/snapshots/1/deep.gguf")
    finds = list(look(programs(tmp_path, "llama-server"), home, tmp_path, ALL, nothing))
    config = read_back(finds, tmp_path).config
    assert set(config.models) == {"qwen3-8b.q4", "qwen3-8b.q4-2", "it-s", "deep"}
    table = config.models["qwen3-8b.q4"]
    assert (table.backend, table.launch) == ("llamacpp", "process")
    assert f"'{home}/models/Qwen3 8B.Q4.gguf'" in str(table.cmd)


def test_parts_are_one_model_and_a_projector_goes_with_its_own(tmp_path: Path) -> None:
    for part in (1, 2):
        gguf(tmp_path / f"big/big-0000{part}-of-00002.gguf")
    gguf(tmp_path / "eyes/eyes.gguf")
    gguf(tmp_path / "eyes/mmproj-eyes.gguf")
    gguf(tmp_path / "two/a.gguf")
    gguf(tmp_path / "two/b.gguf")
    gguf(tmp_path / "two/mmproj.gguf")
    found = {each.name: each for each in find_gguf([tmp_path], "llama-server", "llamacpp")}
    assert set(found) == {"big", "eyes", "a", "b"}
    assert "26 B" in found["big"].notes[0]
    assert "--mmproj" in found["eyes"].table["cmd"]
    assert "--mmproj" not in found["a"].table["cmd"]


@pytest.mark.parametrize("text", [b"", b"<html>", b"GGU"])
def test_what_only_has_the_name_is_left_out(tmp_path: Path, text: bytes) -> None:
    gguf(tmp_path / "broken.gguf", text)
    assert list(find_gguf([tmp_path], "llama-server", "llamacpp")) == []


def test_a_link_into_a_cache_is_one_model(tmp_path: Path) -> None:
    real = gguf(tmp_path / "blobs/real.gguf")
    (tmp_path / "link.gguf").symlink_to(real)
    assert len(list(find_gguf([tmp_path], "llama-server", "llamacpp"))) == 1


def test_what_cannot_be_served_yet_is_a_comment_that_says_what_is_lacking(tmp_path: Path) -> None:
    gguf(tmp_path / "models/chat.gguf")
    finds = list(look({"PATH": ""}, tmp_path, tmp_path, ALL, nothing))
    text = render(finds, BOX)
    assert "# needs llama-server on PATH" in text
    assert "# [models.chat]" in text
    assert read_back(finds, tmp_path).config.models == {}


def test_an_empty_box_still_gets_a_file(tmp_path: Path) -> None:
    finds = list(look({"PATH": ""}, tmp_path, tmp_path, ALL, nothing))
    assert finds == []
    assert read_back(finds, tmp_path).config.models == {}


def test_ollama_is_found_running_and_on_disk(tmp_path: Path) -> None:
    manifest = tmp_path / ".ollama/models/manifests/registry.ollama.ai/library/qwen3/8b"
    gguf(manifest)
    env = programs(tmp_path, "ollama")
    (stopped,) = look(env, tmp_path, tmp_path, ALL, nothing)
    assert stopped.table["upstream_model"] == "qwen3:8b"
    assert "ollama serve" in stopped.table["cmd"]
    tags = {"/api/tags": {"models": [{"name": "qwen3:8b"}, {"name": "gemma3:latest"}]}}
    running = list(look(env, tmp_path, tmp_path, ALL, pages(11434, tags)))
    assert [each.name for each in running] == ["qwen3:8b", "gemma3"]
    config = read_back(running, tmp_path).config
    assert config.models["qwen3:8b"].launch == "attach"


def safetensors(folder: Path, config: str = '{"model_type": "llama"}') -> Path:
    gguf(folder / "model.safetensors")
    (folder / "config.json").write_text(config)
    return folder


def test_repositories_in_the_cache_go_to_the_engine_that_reads_them(tmp_path: Path) -> None:
    hub = tmp_path / ".cache/huggingface/hub"
    safetensors(hub / "models--mlx-community--Qwen3-4bit/snapshots/1")
    safetensors(hub / "models--org--Torch/snapshots/1")
    safetensors(hub / "models--org--NoModel/snapshots/1", "[]")
    (found,) = look({"PATH": ""}, tmp_path, tmp_path, ALL, nothing)
    assert found.name == "qwen3-4bit"
    assert found.table["upstream_model"] == "mlx-community/Qwen3-4bit"
    assert "mlx_lm.server" in found.lacks
    env = programs(tmp_path, "vllm", "mlx_lm.server")
    finds = list(look(env, tmp_path, tmp_path, ALL, nothing))
    config = read_back(finds, tmp_path).config
    assert {name: table.backend for name, table in config.models.items()} == {
        "qwen3-4bit": "mlx" if "mlx" in ALL else "openai", "torch": "vllm",
    }  # fmt: skip


def test_a_folder_of_a_person_s_own_is_one_too(tmp_path: Path) -> None:
    folder = safetensors(tmp_path / "models/My Model")
    (found,) = look(programs(tmp_path, "mlx_lm.server"), tmp_path, tmp_path, ALL, nothing)
    assert found.name == "my-model"
    assert found.table["upstream_model"] == str(folder)
    (table,) = read_back([found], tmp_path).config.models.values()
    assert f"'{folder}'" in str(table.cmd)


@pytest.mark.parametrize(
    ("port", "answers", "backend"),
    [
        (8080, {"/props": {"total_slots": 1}, "/v1/models": {"data": [{"id": "m"}]}}, "llamacpp"),
        (8000, {"/version": {"version": "0.9"}, "/v1/models": {"data": [{"id": "m"}]}}, "vllm"),
        (30000, {"/get_model_info": {"model_path": "m"}}, "sglang"),
        (5000, {"/health": {"status": "healthy", "issues": []}}, "tabby"),
        (1234, {"/api/v1/models": {"models": [{"key": "m"}]}}, "lmstudio"),
        (5001, {"/api/extra/version": {"result": "KoboldCpp"}}, "koboldcpp"),
        (7860, {"/sdapi/v1/memory": {"ram": {}, "cuda": {}}}, "sdwebui"),
        (8188, {"/system_stats": {"system": {}, "devices": []}}, "comfyui"),
        (8081, {"/v1/models": {"data": [{"id": "m"}]}}, "openai"),
    ],
)
def test_a_running_server_is_told_by_its_pages(
    port: int, answers: dict[str, Any], backend: str, tmp_path: Path
) -> None:
    found = identify(port, pages(port, answers))
    assert found is not None
    assert found.backend == backend
    (table,) = read_back(list(attached(found, ALL)), tmp_path).config.models.values()
    assert (table.backend, table.launch, table.url) == (backend, "attach", found.url)


def test_strangers_are_left_alone() -> None:
    assert identify(8080, nothing) is None
    assert identify(8080, pages(8080, {"/props": [], "/v1/models": {"data": 7}})) is None
    router = {
        "/status": {"swapsAvoided": 3},
        "/v1/models": {"data": []},
        "/api/tags": {"models": []},
    }
    assert identify(8080, pages(8080, router)) is None, "a running Jano is no model server"


def test_a_backend_that_is_not_installed_is_named() -> None:
    found = identify(1234, pages(1234, {"/api/v1/models": {"models": []}}))
    assert found is not None
    (find,) = attached(found, frozenset({"openai"}))
    assert find.lacks == "a plugin for lmstudio"


def test_names_differ_by_more_than_case() -> None:
    finds = [Find(name=name, table={}) for name in ("a", "A", "a-2", "a")]
    names = [each.name for each in distinct(finds)]
    assert len({name.casefold() for name in names}) == 4


def test_the_folders_of_the_environment_count(tmp_path: Path) -> None:
    for name in ("llama", "hub"):
        (tmp_path / name).mkdir()
    env = {"LLAMA_CACHE": str(tmp_path / "llama"), "HF_HUB_CACHE": str(tmp_path / "hub")}
    found = folders(env, tmp_path / "home", tmp_path / "here")
    assert {tmp_path / "llama", tmp_path / "hub"} <= set(found)
