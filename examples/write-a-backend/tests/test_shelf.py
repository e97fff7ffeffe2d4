"""The contract suite on the shelf: what `shelf_server.py` answers, in virtual time."""

from jano_shelf import Shelf

from jano_core.testing.backend_contract import BackendContract, StandIn


class ShelfPages(StandIn):
    loads_at_start = False

    async def answer(self, method, path, body):
        if path == "/take":
            self.begin()
        elif path == "/put-back":
            self.unload()
        holds = self.model if self._since is not None else ""
        return self.json({"holds": holds, "ready": holds if self.loaded else "", "jobs": 0})


class TestShelf(BackendContract):
    backend = Shelf
    unloads = True

    def stand_in(self):
        return ShelfPages()
