"""Find the program that a command's first word stands for, as a shell would."""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterator
from pathlib import Path

from mlv.errors import CommandNotExecutableError, CommandNotFoundError


def resolve_executable(argv0: str, cwd: Path, path_env: str | None) -> Path:
    """Return the absolute path of a program; links are not followed.

    Args:
        argv0: First word of the command; one with a slash is a path.
        cwd: Absolute directory that the command will run in.
        path_env: Value of `PATH`; None for the system's default.

    Raises:
        CommandNotFoundError: There is no such program.
        CommandNotExecutableError: It is a directory, or may not be executed.
    """
    if "/" in argv0:
        candidate = cwd / argv0
        if not candidate.exists():
            raise CommandNotFoundError(f"command {argv0!r} not found: no such file")
        _check_executable(candidate, argv0)
        return candidate
    refused: Path | None = None
    for directory in _search_path(cwd, path_env):
        candidate = directory / argv0
        if argv0 and _is_file(candidate):
            if os.access(candidate, os.X_OK):
                return candidate
            refused = refused or candidate
    if refused is not None:
        _check_executable(refused, argv0)
    raise CommandNotFoundError(
        f"command {argv0!r} not found", hint=_find_hint(argv0, cwd, path_env)
    )


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except PermissionError:  # a directory in PATH that is not for us
        return False


def _check_executable(path: Path, argv0: str) -> None:
    if path.is_dir():
        raise CommandNotExecutableError(f"cannot execute {argv0!r}: it is a directory")
    if not os.access(path, os.X_OK):
        hint = f"python {argv0}" if path.suffix == ".py" else f"chmod +x {path}"
        message = f"cannot execute {argv0!r}: permission denied"
        raise CommandNotExecutableError(message, hint=hint)


def _search_path(cwd: Path, path_env: str | None) -> Iterator[Path]:
    text = os.defpath if path_env is None else path_env
    for entry in text.split(os.pathsep):
        yield cwd / entry  # an empty entry means the current directory


def _find_hint(argv0: str, cwd: Path, path_env: str | None) -> str | None:
    if not argv0:
        return None
    if (cwd / argv0).is_file():
        return f"python {argv0}" if argv0.endswith(".py") else f"./{argv0}"
    names: set[str] = set()
    for directory in _search_path(cwd, path_env):
        try:
            names.update(entry.name for entry in os.scandir(directory))
        except OSError:
            continue
    close = difflib.get_close_matches(argv0, sorted(names), n=1, cutoff=0.75)
    return f"did you mean {close[0]!r}?" if close else None
