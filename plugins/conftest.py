"""Plugins' tests run in virtual time, as the core's do."""

from tests.conftest import anyio_backend

__all__ = ["anyio_backend"]
