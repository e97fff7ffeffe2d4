"""The launcher's contract, and what is containers' alone, against the stand-in beside this file."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import anyio
import pytest

from jano_container import ContainerLauncher
from jano_container.recipe import ContainerSettings, Recipe, gpu_flags
from jano_core import JanoError, Launcher, LoadFailed, Server, ServerSpec
from jano_core.runtime.readiness import ServerHttp
from jano_core.testing.launcher_contract import LauncherContract
from tests.processes import alive

STAND_IN = Path(__file__).with_name("engine.py")
SERVER = "import time, os; print('hello', os.environ.get('TOLD'), flush=True); time.sleep(60)"
SETTINGS = ContainerSettings(image="example/server")
KEEP = ContainerSettings(image="example/server", keep=True)


@pytest.fixture(autouse=True)
def engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A PATH on which `docker` is the stand-in."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "containers").mkdir()
    command = tmp_path / "bin" / "docker"
    command.write_text(f'#!/bin/sh\nexec {sys.executable} -S {STAND_IN} "$@"\n')
    command.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}/bin", prepend=os.pathsep)
    monkeypatch.setenv("FAKE_ENGINE", f"{tmp_path}/containers")
    return tmp_path


def table(*command: str, **keys: object) -> ServerSpec:
    words = command or (sys.executable, "-c", SERVER)
    return ServerSpec(model="chat", cmd=words, stop_timeout=5, own_env={"TOLD": "so"}, **keys)


@pytest.mark.wire
class TestContract(LauncherContract):
    launcher = ContainerLauncher
    broken_spec = table(url="http://127.0.0.1:0")

    def spec(self) -> ServerSpec:
        return table()

    def make(self, spec: ServerSpec, folder: Path) -> Launcher:
        server = Server(spec, http=ServerHttp(lambda: server.url), log=lambda text: None)
        settings = KEEP
        if spec is self.broken_spec:
            settings = ContainerSettings(image="example/server", args=("--no-such-flag",))
        return ContainerLauncher(server, settings)

    def living(self, server: Server) -> bool:
        return bool(server.pid) and alive(server.pid or 0)

    async def crash(self, server: Server) -> None:
        assert server.pid
        os.kill(server.pid, signal.SIGKILL)


def made(spec: ServerSpec, settings: ContainerSettings) -> tuple[ContainerLauncher, list[str]]:
    said: list[str] = []
    server = Server(spec, http=ServerHttp(lambda: server.url), log=said.append)
    return ContainerLauncher(server, settings), said


@pytest.mark.wire
@pytest.mark.anyio
async def test_its_log_comes_once_and_its_end_is_told() -> None:
    launcher, said = made(table(), SETTINGS)
    await launcher.start()
    while not said:
        with anyio.move_on_after(0.1):
            await launcher.wait()
    os.kill(launcher.server.pid or 0, signal.SIGKILL)
    assert await launcher.wait() == "its container is exited with status 137"
    assert said == ["hello so\n"]
    await launcher.stop()


@pytest.mark.wire
@pytest.mark.anyio
async def test_a_container_of_another_configuration_is_not_adopted_but_removed() -> None:
    first, _ = made(table(), KEEP)
    await first.start()
    pid = first.server.pid or 0
    other = made(table(sys.executable, "-c", SERVER + "; 1"), KEEP)[0]
    assert await other.adopt() is False
    assert not alive(pid)


@pytest.mark.wire
@pytest.mark.anyio
async def test_an_engine_that_does_not_answer_is_an_error_not_an_absence(engine: Path) -> None:
    (engine / "bin" / "docker").write_text(
        "#!/bin/sh\necho 'Cannot connect to the Docker daemon' >&2; exit 1\n"
    )
    launcher, _ = made(table(), SETTINGS)
    with pytest.raises(JanoError, match="Cannot connect"):
        await launcher.adopt()


@pytest.mark.wire
@pytest.mark.anyio
async def test_a_taken_port_is_named() -> None:
    listener = await anyio.create_tcp_listener(local_host="127.0.0.1")
    async with listener:
        port = listener.extra(anyio.abc.SocketAttribute.local_port)
        launcher, _ = made(table(url=f"http://127.0.0.1:{port}"), SETTINGS)
        with pytest.raises(LoadFailed, match=f"port {port} is taken by process {os.getpid()}"):
            await launcher.start()


def test_the_command_line() -> None:
    settings = ContainerSettings(
        image="vllm/vllm-openai",
        port=8000,
        gpus="0,1",
        volumes=("/srv/cache:/cache",),
        args=("--ipc=host",),
    )
    spec = ServerSpec(
        model="qwen/8b", cmd=("--port", "${PORT}"), cwd="/data", own_env={"HF_TOKEN": "hf_planted"}
    )
    recipe = Recipe(spec, settings)
    words = recipe.arguments("docker", 41234)
    assert " ".join(words) == (
        "--detach --init --name jano-qwen_8b "
        f"--label io.github.jano.made={recipe.fingerprint} "
        "--label io.github.jano.url=http://127.0.0.1:41234 "
        '--publish 127.0.0.1:41234:8000 --env HF_TOKEN --gpus "device=0,1" '
        "--volume /srv/cache:/cache --workdir /data --ipc=host vllm/vllm-openai --port 8000"
    )
    assert "hf_planted" not in " ".join(words)


def test_gpus_of_both_engines() -> None:
    assert gpu_flags("docker", "all") == ["--gpus", "all"]
    assert gpu_flags("podman", "all") == ["--device", "nvidia.com/gpu=all"]
    assert gpu_flags("podman", "0,1") == [
        "--device", "nvidia.com/gpu=0", "--device", "nvidia.com/gpu=1",
    ]  # fmt: skip
    assert gpu_flags("podman", "") == []
