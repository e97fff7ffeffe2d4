"""`launch = "attach"`: somebody else's server."""

from __future__ import annotations

import anyio
import httpx
import pytest

from jano_core.errors import LoadFailed
from jano_core.launchers.attach import AttachLauncher
from jano_core.plugin.server import Server, ServerSpec
from jano_core.runtime.readiness import ServerHttp

pytestmark = pytest.mark.anyio


def attached(answer: httpx.Response | Exception) -> AttachLauncher:
    def handle(request: httpx.Request) -> httpx.Response:
        if isinstance(answer, Exception):
            raise answer
        return answer

    spec = ServerSpec(model="chat", url="http://127.0.0.1:1")
    http = ServerHttp(lambda: spec.url, httpx.MockTransport(handle))
    return AttachLauncher(Server(spec, http=http, log=print))


@pytest.mark.parametrize("status", [200, 404, 503])
async def test_any_answer_is_a_server(status: int) -> None:
    launcher = attached(httpx.Response(status))
    await launcher.start()
    assert await launcher.adopt()
    await launcher.stop()
    assert launcher.server.url == "http://127.0.0.1:1"


async def test_no_answer_is_an_error_at_once() -> None:
    launcher = attached(httpx.ConnectError("refused"))
    with pytest.raises(LoadFailed, match=r"http://127.0.0.1:1: .*refused"):
        await launcher.start()
    assert not await launcher.adopt()


async def test_nobody_watches_it() -> None:
    with anyio.move_on_after(3600) as waited:
        await attached(httpx.Response(200)).wait()
    assert waited.cancelled_caught


def test_it_needs_a_url() -> None:
    assert list(AttachLauncher.check(ServerSpec(model="chat"))) == ['launch = "attach" needs url']
