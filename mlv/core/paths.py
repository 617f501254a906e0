r"""Paths and names as text that every record, table and terminal can hold.

A file name on disk is a sequence of bytes. Where mlv keeps one, it keeps it
escaped: newline as `\n`, backslash as `\\`, and every byte that is not UTF-8,
and every other control character, as `\xNN`. Escaping is reversible, and most
names are their own escape.

Source: docs/reference/store-format.md, "Names".
"""

from __future__ import annotations

import itertools
import re
from typing import NewType

RepoPath = NewType("RepoPath", str)
"""An escaped path, relative to the root of the worktree, with `/` between names.

The root itself is `"."`. Sources outside the repository are absolute.
"""

_NEEDS_ESCAPE = re.compile("[\\x00-\\x1f\\x7f-\\x9f\\\\\u2028\u2029\udc80-\udcff]")
_ESCAPED = re.compile(r"\\(x[0-9a-f]{2}|n|\\)|\\")


def escape_name(raw: bytes) -> str:
    r"""Return a file name, or a path, as escaped text.

    >>> escape_name(b"plain.txt"), escape_name(b"new\nline"), escape_name(b"\xff")
    ('plain.txt', 'new\\nline', '\\xff')
    """
    text = raw.decode("utf-8", "surrogateescape")
    return _NEEDS_ESCAPE.sub(_escape_character, text)


def unescape_name(text: str) -> bytes:
    r"""Return the bytes that `escape_name` was given.

    >>> unescape_name("new\\nline")
    b'new\nline'

    Raises:
        ValueError: `text` holds a backslash that begins no escape.
    """
    parts: list[bytes] = []
    position = 0
    for match in _ESCAPED.finditer(text):
        parts.append(text[position : match.start()].encode())
        parts.append(_unescape_match(match, text))
        position = match.end()
    parts.append(text[position:].encode())
    return b"".join(parts)


def parents_of(path: RepoPath) -> tuple[RepoPath, ...]:
    """Return the directories above a path inside the repository, outermost first.

    >>> parents_of(RepoPath("data/raw/a.csv"))
    ('data', 'data/raw')
    """
    *parents, _ = itertools.accumulate(path.split("/"), "{}/{}".format)
    return tuple(RepoPath(parent) for parent in parents)


def is_below(path: RepoPath, directory: RepoPath) -> bool:
    """Tell whether a path is that of a directory, or of something in it.

    >>> is_below(RepoPath("data/a"), RepoPath("data"))
    True
    >>> is_below(RepoPath("data.csv"), RepoPath("data"))
    False
    """
    if directory == ".":
        return not path.startswith("/")
    return path == directory or path.startswith(f"{directory}/")


def _escape_character(match: re.Match[str]) -> str:
    character = match.group()
    if character == "\n":
        return "\\n"
    if character == "\\":
        return "\\\\"
    raw = character.encode("utf-8", "surrogateescape")
    return "".join(f"\\x{byte:02x}" for byte in raw)


def _unescape_match(match: re.Match[str], text: str) -> bytes:
    code = match.group(1)
    if code is None:
        message = f"{text!r} holds a backslash that begins no escape"
        raise ValueError(message)
    if code == "n":
        return b"\n"
    if code == "\\":
        return b"\\"
    return bytes.fromhex(code[1:])
