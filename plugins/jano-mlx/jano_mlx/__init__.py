"""MLX's mlx_lm.server as a backend of Jano: `backend = "mlx"`."""

from __future__ import annotations

from jano_core import hookimpl

from .backend import Mlx

__all__ = ["Mlx", "jano_backends"]


@hookimpl
def jano_backends() -> list[type[Mlx]]:
    """The one backend of this plugin."""
    return [Mlx]
