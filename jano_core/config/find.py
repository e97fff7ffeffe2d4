"""Where the configuration is: the contract's search order, and the drop-ins beside it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from ..errors import ConfigError, ConfigProblem

SYSTEM = Path("/etc/jano/jano.toml")


def find(explicit: Path | None, env: Mapping[str, str]) -> Path | None:
    """The main file; None where there is none.

    A file that was named, by `--config` or `$JANO_CONFIG`, must exist: `ConfigError` otherwise.
    """
    named = explicit or (Path(env["JANO_CONFIG"]) if env.get("JANO_CONFIG") else None)
    if named is not None:
        if not _is_there(named):
            raise _problem("there is no such file", named)
        if named.is_dir():
            raise _problem("it is a folder, not a file", named)
        return named
    return next((path for path in candidates(env) if _is_there(path)), None)


def _is_there(file: Path) -> bool:
    """Anything that can be read will do, a pipe too. `ConfigError` where that cannot be known."""
    try:
        file.stat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError as error:
        raise _problem(f"cannot be read: {error.strerror}", file) from None
    return True


def candidates(env: Mapping[str, str]) -> Iterator[Path]:
    """The places that are looked at when no file is named, in order."""
    if folder := env.get("CONFIGURATION_DIRECTORY"):
        # systemd joins the folders of several ConfigurationDirectory= lines with colons.
        for part in folder.split(":"):
            yield Path(part) / "jano.toml"
    if home := env.get("XDG_CONFIG_HOME") or (env.get("HOME") and f"{env['HOME']}/.config"):
        yield Path(home) / "jano" / "jano.toml"
    yield SYSTEM


def drop_ins(main: Path) -> list[Path]:
    """`jano.d/*.toml` beside the main file, in name order."""
    return sorted((main.parent / "jano.d").glob("*.toml"), key=lambda path: path.name)


def read_text(file: Path) -> str:
    """The text of a file that must be there; raises `ConfigError`."""
    try:
        return file.read_text(encoding="utf-8")
    except OSError as error:
        raise _problem(f"cannot be read: {error.strerror}", file) from None
    except UnicodeDecodeError as error:
        raise _problem(f"is not UTF-8: {error}", file) from None


def _problem(message: str, file: Path) -> ConfigError:
    return ConfigError([ConfigProblem(message, file=str(file))])
