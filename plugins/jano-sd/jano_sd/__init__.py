"""Image engines for Jano: `backend = "sdwebui"` and `backend = "comfyui"`."""

from __future__ import annotations

from jano_core import Backend, hookimpl

from .comfyui import ComfyUI
from .sdwebui import SDWebUI

__all__ = ["ComfyUI", "SDWebUI", "jano_backends"]


@hookimpl
def jano_backends() -> list[type[Backend]]:
    """Both engines."""
    return [SDWebUI, ComfyUI]
