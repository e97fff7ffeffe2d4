"""A backend for the server in `shelf_server.py`: `backend = "shelf"`."""

import anyio

from jano_core import Backend, LoadFailed, UpstreamError, hookimpl


class Shelf(Backend):
    """A server that holds one of its models at a time and is asked for it over HTTP.

    It is healthy long before a model is there, and its answers to orders come before the effect:
    so the effect is what is looked for, each time.
    """

    name = "shelf"

    async def load(self):
        while not await self.alive():  # noqa: ASYNC110 - its process may have just started
            await anyio.sleep(0.1)
        reply = await self.server.http.post("/take", {"model": self._model})
        if not reply.ok:
            raise LoadFailed(f"the shelf has no {self._model!r}")

    async def ready(self):
        return (await self._state()).get("ready") == self._model

    async def busy(self):
        jobs = (await self._state()).get("jobs")
        return jobs if isinstance(jobs, int) and jobs >= 0 else None

    async def resident(self):
        state = await self._state()
        return {state["holds"]: None} if state.get("holds") else {} if "holds" in state else None

    async def release(self):
        await self.server.http.post("/put-back")
        while await self.resident():  # noqa: ASYNC110 - it tells only who asks
            await anyio.sleep(0.1)

    @property
    def _model(self):
        return self.server.spec.upstream_model or self.server.spec.model

    async def _state(self):
        """What the server says of itself; empty where it says nothing that can be read."""
        try:
            state = (await self.server.http.get("/state")).json()
        except UpstreamError:
            return {}
        return state if isinstance(state, dict) else {}


@hookimpl
def jano_backends():
    return [Shelf]
