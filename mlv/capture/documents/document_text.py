"""The text of files that users write, and errors that point into it.

Every failure is one line that begins with `name:line:column:`, so that a terminal or
an editor leads to the place.
"""

from __future__ import annotations

from pathlib import Path
from typing import NoReturn

from mlv.errors import MissingFileError, StorageError, UnreadableFileError

MAX_BYTES = 16 * 1024 * 1024
"""A larger file is data rather than a document."""


def read_text(path: Path, name: str) -> str:
    """Return the text of a file of at most 16 MiB, without its byte order mark.

    Raises:
        MissingFileError: There is no such file.
        StorageError: The file cannot be read.
        UnreadableFileError: The file is too large, or not UTF-8.
    """
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise MissingFileError(f"{name!r} does not exist") from error
    except OSError as error:
        raise StorageError(f"cannot read {name!r}: {error.strerror}") from error
    if len(data) > MAX_BYTES:
        raise UnreadableFileError(f"{name}: larger than {MAX_BYTES // 1024**2} MiB")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = data[: error.start]
        line = before.count(b"\n") + 1
        column = len(before) - (before.rfind(b"\n") + 1) + 1
        refuse(name, "not UTF-8", line=line, column=column, cause=error)


def describe_value_error(error: Exception) -> str:
    """Return in one line what a parser says of a value that it cannot make."""
    text = " ".join(str(error).split())
    return "an integer with too many digits" if "set_int_max_str_digits" in text else text


def refuse(
    name: str, problem: str, *, line: int, column: int = 1, cause: BaseException | None = None
) -> NoReturn:
    """Raise the error that points at a place in a file; both numbers count from 1.

    Raises:
        UnreadableFileError: Always.
    """
    one_line = " ".join(problem.split())
    raise UnreadableFileError(f"{name}:{line}:{column}: {one_line}") from cause
