"""What a running llama-server speaks: with one model, or as the router of several."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping, Sequence
from glob import escape
from itertools import pairwise
from pathlib import Path
from typing import Any, ClassVar

import anyio
from msgspec import Struct
from msgspec.structs import replace

from jano_core import Backend, Description, Reading, Server, ServerSpec, UpstreamError, Usage
from jano_core.units import Size

from .prompt_log import PromptLog
from .router import POLL_S, Router
from .slot_store import SlotStore
from .slots import Slots

SLOT_FOLDER = "--slot-save-path"
MODEL_FLAGS = ("-m", "--model")
ROUTER_FLAGS = ("--models-dir", "--models-preset")

log = logging.getLogger("jano.llamacpp")


class LlamaCppSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[backends.llamacpp]`: the disk space for saved conversations of all models."""

    kv_budget: Size = Size(8 * 2**30)


class LlamaCpp(Backend):
    """One model of a llama-server.

    With a single model the server loads when its process starts and answers 503 on every path
    until it has; the model name in a request is ignored and therefore left as it came.
    """

    name: ClassVar[str] = "llamacpp"
    Settings = LlamaCppSettings

    def __init__(self, server: Server, settings: Struct | None = None) -> None:
        super().__init__(server, settings)
        self._router: Router | None = None
        self._alone = bool(server.spec.cmd) and not any(
            word.split("=")[0] in ROUTER_FLAGS for word in server.spec.cmd
        )
        self._slots: Slots | None = None
        self._prompts = PromptLog()
        server.listeners.append(self._prompts.feed)
        spec = server.spec
        if key := _argument(spec, "--api-key"):
            server.http.headers["authorization"] = f"Bearer {key.split(',')[0]}"
        if spec.options.get("save_kv") and (folder := _slot_folder(spec)):
            own = settings if isinstance(settings, LlamaCppSettings) else LlamaCppSettings()
            self._slots = Slots(server, SlotStore(folder, spec, own.kv_budget))

    @classmethod
    def prepare(cls, spec: ServerSpec) -> ServerSpec:
        """With `save_kv` the server is told where to save its slots; without a place for them it
        serves all the same.
        """
        if not spec.options.get("save_kv") or not spec.cmd or _slot_folder(spec):
            return spec
        if spec.state_folder is None:
            return spec
        folder = spec.state_folder / "kv"
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)  # what is said there is private
        except OSError as error:
            log.warning("%s: no folder for cached prompts: %s", spec.model, error)
            return spec
        return replace(spec, cmd=(*spec.cmd, SLOT_FOLDER, str(folder)))

    def files(self) -> Sequence[Path]:
        """See `ReadsFiles`: the GGUF file of the command, with its other parts if it has some."""
        spec = self.server.spec
        for word, following in pairwise((*spec.cmd, "")):
            flag, _, value = word.partition("=")
            path = Path(spec.cwd or ".") / (value or following)
            if flag in MODEL_FLAGS and path.suffix == ".gguf":
                part = re.fullmatch(r"(.+)-\d{5}(-of-\d{5}\.gguf)", path.name)
                parts = f"{escape(part[1])}-?????{part[2]}" if part else escape(path.name)
                return sorted(path.parent.glob(parts))
        return ()

    async def load(self) -> None:
        """A router is asked for the model; a single-model server is loading already."""
        if not self._alone:
            while not await self.alive():  # noqa: ASYNC110 - its process may have just been started
                await anyio.sleep(POLL_S)
            await self._identify()
        if self._router:
            await self._router.load()

    async def ready(self) -> bool:
        if not self._alone:
            await self._identify()
        if self._router:
            return await self._router.ready()
        return await super().ready()

    async def describe(self) -> Description:
        """`/props` says how many requests are served at once and how long a context may be.

        A server that was started without that page says nothing; then the configuration's
        `parallel` holds.
        """
        props = await self._props()
        settings = props.get("default_generation_settings")
        return Description(
            parallel=_positive(props.get("total_slots")),
            context=_positive(settings.get("n_ctx")) if isinstance(settings, Mapping) else None,
        )

    async def busy(self) -> int | None:
        """Slots at work, as `/slots` lists them; None with `--no-slots`."""
        slots = await self._list_slots()
        return None if slots is None else sum(1 for slot in slots if slot.get("is_processing"))

    async def resident(self) -> Mapping[str, int | None] | None:
        """A router's loaded models; else the one model, unless it sleeps by its own timer."""
        if self._router:
            models = await self._router.models()
            return {name: None for name, status in models.items() if status == "loaded"}
        props = await self._props()
        if not props:
            return None
        return {} if props.get("is_sleeping") else {self.server.spec.model: None}

    async def release(self) -> None:
        """A router is asked to unload, when nobody's request runs any more, not even one that
        came past Jano; a single-model server frees its memory with its process.
        """
        if self._router:
            while await self.busy():  # noqa: ASYNC110 - the server tells only who asks
                await anyio.sleep(POLL_S)
            await self._router.unload()

    # -- capabilities

    async def save_cache(self) -> int:
        """See `KeepsCache`; for models with `save_kv` alone."""
        return await self._slots.save(await self._list_slots() or []) if self._slots else 0

    async def restore_cache(self) -> int:
        """See `KeepsCache`."""
        return await self._slots.restore(await self._list_slots() or []) if self._slots else 0

    def answered(self, usage: Usage) -> None:
        """See `KeepsCache`."""
        if self._slots:
            self._slots.answered(usage)

    async def models(self) -> Sequence[str]:
        """See `ListsModels`: a router's."""
        return sorted(await self._router.models()) if self._router else ()

    async def reading(self) -> Reading | None:
        """See `TellsProgress`: of the slots at work that have not said a word yet."""
        slots = await self._list_slots() or []
        # A router's log is that of several servers.
        log = PromptLog() if self._router else self._prompts
        readings = [_reading(slot, log.total(slot)) for slot in slots]
        return min((each for each in readings if each), key=lambda r: r.tokens, default=None)

    # -- pages

    async def _identify(self) -> None:
        """Is it a router? Once known, that is not asked again."""
        if self._router is None and isinstance(props := await self._page("/props"), Mapping):
            self._alone = props.get("role") != "router"
            if not self._alone:
                spec = self.server.spec
                self._router = Router(self.server, spec.upstream_model or spec.model)

    async def _props(self) -> Mapping[str, Any]:
        props = await self._page("/props" + self._query)
        return props if isinstance(props, Mapping) else {}

    async def _list_slots(self) -> list[Mapping[str, Any]] | None:
        slots = await self._page("/slots" + self._query)
        if not isinstance(slots, list):
            return None
        return [slot for slot in slots if isinstance(slot, Mapping)]

    @property
    def _query(self) -> str:
        return self._router.query if self._router else ""

    async def _page(self, path: str) -> Any:
        """The decoded page, or None where the server does not give it."""
        try:
            reply = await self.server.http.get(path)
        except UpstreamError:
            return None
        return reply.json() if reply.ok else None


def _slot_folder(spec: ServerSpec) -> Path | None:
    """Where the server's command says that slots are saved."""
    folder = _argument(spec, SLOT_FOLDER)
    return Path(spec.cwd or ".") / folder if folder else None


def _argument(spec: ServerSpec, name: str) -> str:
    """The value of an argument of the server's command; empty where it has none."""
    for word, following in pairwise((*spec.cmd, "")):
        if word.partition("=")[0] == name:
            return word.partition("=")[2] or following
    return ""


def _reading(slot: Mapping[str, Any], total: int | None) -> Reading | None:
    following = slot.get("next_token")
    said = following[0] if isinstance(following, list) and following else following
    if not slot.get("is_processing") or not isinstance(said, Mapping) or said.get("n_decoded"):
        return None
    read = [slot.get(f"n_prompt_tokens_{part}") for part in ("processed", "cache")]
    tokens = sum(number for number in read if isinstance(number, int))
    return Reading(tokens, total if total and total > tokens else None)


def _positive(value: object) -> int | None:
    return value if isinstance(value, int) and value > 0 else None
