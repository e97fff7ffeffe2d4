"""Saves a server's slots before it is put away and restores them when it is back."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from jano_core import Server, UpstreamError, Usage

from .slot_store import SlotStore

WORTH_SAVING = 64
"""Tokens: less is read again sooner than it is loaded from disk."""
ACTION_S = 30.0

log = logging.getLogger("jano.llamacpp")


class Slots:
    """The slots of one life of a server. Nothing here is an error to a client: what cannot be
    saved or restored is discarded with one warning, and the prompt is read again.
    """

    def __init__(self, server: Server, store: SlotStore) -> None:
        self._server = server
        self._store = store
        self._restored: list[str] = []
        self._doubts = 0
        """Answers that may still come from slots that were not restored."""

    async def save(self, slots: list[Mapping[str, Any]]) -> int:
        """Save every slot that holds a conversation; returns the tokens saved.

        `slots` are those of `GET /slots`.
        """
        tokens, failed = 0, list[str]()
        for slot in slots:
            number = slot.get("id")
            if not isinstance(number, int) or slot.get("is_processing"):
                continue
            held, why = await self._do(number, "save", self._store.draft(number), "n_saved")
            if held >= WORTH_SAVING and self._store.take(number, held):
                tokens += held
            else:
                self._store.drop_draft(number)
                failed += [why] if why else []
        if failed:
            self._warn("could not be saved", failed)
        return tokens

    async def restore(self, slots: list[Mapping[str, Any]]) -> int:
        """Restore the conversations saved last, as many as there are slots; returns the tokens."""
        saved, failed = self._store.newest(len(slots))
        tokens, restored = 0, list[str]()
        for number, each in enumerate(saved):
            held, why = await self._do(number, "restore", each.path.name, "n_restored")
            if held == each.tokens:
                tokens += held
                restored.append(each.path.name)
            else:
                await self._do(number, "erase", "", "n_erased")
                self._store.discard(each.path.name)
                failed.append(why or f"{held} of {each.tokens} tokens")
        if failed:
            self._warn("could not be restored and were discarded", failed)
        self.came_back(restored, len(slots))
        return tokens

    def came_back(self, restored: list[str], slots: int) -> None:
        """These files were restored; whether the server uses them is still to be seen."""
        self._restored = restored
        self._doubts = slots if restored else 0

    def answered(self, usage: Usage) -> None:
        """After a restore: does the server use it? Two conversations of one model share at least
        how their prompts begin, so when each slot may have had its turn and no answer found
        anything in a cache, what was restored is not used and not worth keeping.
        """
        if not self._doubts or usage.cached_tokens is None:
            return
        self._doubts = 0 if usage.cached_tokens else self._doubts - 1
        if not self._doubts and not usage.cached_tokens:
            for name in self._restored:
                self._store.discard(name)
            self._warn("were restored, but the server does not use them", self._restored)

    async def _do(self, slot: int, action: str, name: str, count: str) -> tuple[int, str]:
        """So many tokens, and what went wrong."""
        path = f"/slots/{slot}?action={action}"
        try:
            reply = await self._server.http.post(path, {"filename": name}, timeout=ACTION_S)
        except UpstreamError as error:
            return 0, str(error)
        document = reply.json()
        if reply.ok and isinstance(document, Mapping) and isinstance(document.get(count), int):
            return int(document[count]), ""
        return 0, f"{action} answered {reply.status}: {reply.body[:200].decode(errors='replace')}"

    def _warn(self, what: str, which: list[str]) -> None:
        log.warning("%s: cached prompts %s: %s", self._server.spec.model, what, "; ".join(which))
