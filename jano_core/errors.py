"""Every exception that Jano raises on purpose."""

from __future__ import annotations

import errno
from collections.abc import Sequence


class JanoError(Exception):
    """Base of all errors below; its text is fit for a user's eyes."""


class ConfigProblem(JanoError):
    """One thing wrong in a configuration: where, what was found, what is allowed."""

    def __init__(
        self, message: str, *, file: str = "", line: int = 0, table: str = "", key: str = ""
    ) -> None:
        self.message, self.file, self.line, self.table, self.key = message, file, line, table, key
        super().__init__(str(self))

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else self.file
        where = f"[{self.table}] {self.key}".rstrip() if self.table else self.key
        return ": ".join(part for part in (place, where, self.message) if part)


class ConfigError(JanoError):
    """A configuration that cannot be used; `problems` lists everything wrong with it."""

    def __init__(self, problems: Sequence[ConfigProblem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in problems))


class PluginError(JanoError):
    """A plugin that cannot be used; the text names its distribution and version."""


class LoadFailed(JanoError):
    """A model could not be made ready. `detail` holds the last lines of its log."""

    def __init__(self, message: str, detail: str = "") -> None:
        self.detail = detail
        super().__init__(message)


class StopFailed(JanoError):
    """A model server could not be proven gone; its memory may still be taken."""


class TraceError(JanoError):
    """A trace that cannot be simulated: where, and what is wrong."""


class UpstreamError(JanoError):
    """A model server broke off: connection refused, reset, or a malformed answer."""


LACKS = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM, errno.EADDRNOTAVAIL)
"""There is no connection because of who wants one: no open file, no memory, no port left."""


class NoRoom(UpstreamError):
    """This system has nothing left to make a connection of; of the server it says nothing."""


class ListenError(JanoError):
    """An address that cannot be listened on; the text says why and, where known, who has it."""


class Refused(JanoError):
    """A request that will not be served; becomes the contract's error for its dialect.

    `code` is the contract's code (section 5.2), `status` its HTTP status, `retry_after` seconds.
    `extra` members are merged into the error object (`accepted`, `detail`, ...).
    """

    def __init__(
        self,
        code: str,
        message: str,
        *,
        status: int = 0,
        retry_after: float | None = None,
        should_retry: bool | None = None,
        param: str | None = None,
        **extra: object,
    ) -> None:
        self.code = code
        self.status = status or STATUS[code]
        self.message = message
        self.retry_after = retry_after
        self.should_retry = should_retry
        self.param = param
        self.extra = extra
        super().__init__(message)


STATUS = {
    "invalid_json": 400,
    "model_required": 400,
    "model_ambiguous": 400,
    "invalid_request": 400,
    "invalid_api_key": 401,
    "permission_denied": 403,
    "model_not_found": 404,
    "not_found": 404,
    "method_not_allowed": 405,
    "model_not_loaded": 409,
    "request_too_large": 413,
    "rate_limited": 429,
    "request_cancelled": 499,
    "internal_error": 500,
    "upstream_failed": 502,
    "queue_full": 503,
    "deadline_exceeded": 503,
    "model_load_failed": 503,
    "model_unavailable": 503,
    "model_unloaded": 503,
    "shutting_down": 503,
    "draining": 503,
    "rejected": 503,
    "upstream_timeout": 504,
}
"""Code of the error table → HTTP status."""


def first(error: BaseException) -> BaseException:
    """The error itself; of a group, the first one in it."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


def in_words(error: BaseException) -> str:
    """What an error of any kind says; of a group, the first one."""
    error = first(error)
    return str(error) if isinstance(error, JanoError) else f"{type(error).__name__}: {error}"
