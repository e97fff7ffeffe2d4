"""How long the prompts are that a llama-server reads: its log says so, its pages do not."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from jano_core.toolbox import LineReader

LINE = re.compile(
    r"id +(?P<slot>\d+) \| task (?P<task>\d+) \| prompt processing.*"
    r" n_tokens = *(?P<tokens>\d+), .*progress = (?P<progress>[\d.]+)"
)
CLEAR = 0.05
"""The log has two decimals: below this the length would be a guess."""


class PromptLog:
    """Feed it the server's output; it remembers the last prompt of each slot.

    `n_prompt_tokens` in `/slots` is what is in the slot by now, not the length of the prompt
    (ggml-org/llama.cpp#26634); `print_timings_pp` in tools/server/server-context.cpp logs how much
    of it that is, every few seconds.
    """

    def __init__(self) -> None:
        self._prompts: dict[int, tuple[int, int]] = {}
        self.feed = LineReader(self._take).feed

    def total(self, slot: Mapping[str, Any]) -> int | None:
        """About how long the prompt is that this entry of `/slots` works on."""
        task, total = self._prompts.get(slot.get("id", -1), (None, None))
        return total if task == slot.get("id_task", -1) else None

    def _take(self, line: str) -> None:
        found = LINE.search(line)
        if found and (progress := float(found["progress"])) >= CLEAR:
            total = round(int(found["tokens"]) / progress)
            self._prompts[int(found["slot"])] = int(found["task"]), total
