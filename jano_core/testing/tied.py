"""`jano` that ends with the process that started it: `python -m jano_core.testing.tied serve …`.

Who is killed cannot end what it started. Standard input is a line to the parent that nothing is
said on; the kernel cuts it when the parent dies, and then this process ends as at SIGTERM.
"""

from __future__ import annotations

import os
import signal
import threading

from ..cli import main


def _end_with_parent() -> None:
    os.read(0, 1)
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    threading.Thread(target=_end_with_parent, daemon=True).start()
    main()
