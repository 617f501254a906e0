"""Edit a `.gitignore`: rules for data that mlv tracks, and nothing else.

The rules stand together under a comment line, so that mlv knows which ones it
wrote. Every other byte stays as it is: line endings, and a missing last newline.

Source: gitignore(5), "PATTERN FORMAT".
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from mlv.errors import WorktreeError
from mlv.store.durable import replace_file
from mlv.store.failures import storage_errors

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

IGNORE_FILE = ".gitignore"

_HEADING = b"# data that mlv tracks"
_LINE = re.compile(rb"[^\n]*\n|[^\n]+")
_SPECIAL = re.compile(rb"[\\*?\[]")
_UNWRITABLE = re.compile(rb"[\n\r]")
_TRAILING_SPACES = re.compile(rb" +\Z")
_ESCAPED = re.compile(rb"\\(.)", re.DOTALL)
_WILDCARD = re.compile(rb"(?<!\\)(?:\\\\)*[*?\[]")


def ignore_rule(name: bytes) -> bytes:
    r"""Return the rule that ignores one entry of the directory of the `.gitignore`.

    No rule can hold a newline, so one that ignores a name with a newline ignores
    names with any other character there as well.

    >>> ignore_rule(b"data"), ignore_rule(b"a*b "), ignore_rule(b"a\nb")
    (b'/data', b'/a\\*b\\ ', b'/a?b')
    """
    escaped = _UNWRITABLE.sub(b"?", _SPECIAL.sub(rb"\\\g<0>", name))
    return b"/" + _TRAILING_SPACES.sub(lambda spaces: rb"\ " * len(spaces[0]), escaped)


def add_rules(text: bytes, names: Iterable[bytes]) -> bytes:
    """Return the text of a `.gitignore` that ignores entries called `names` as well.

    A rule that is there already, whoever wrote it, is not written again.
    """
    lines = _LINE.findall(text)
    present = {_strip(line) for line in lines}
    new = [rule for rule in dict.fromkeys(map(ignore_rule, names)) if rule not in present]
    if not new:
        return text
    block = _find_block(lines)
    if block is None:
        new = [_HEADING, *new]
        block = range(len(lines), len(lines))
    end = b"\r\n" if lines and lines[0].endswith(b"\r\n") else b"\n"
    return _join(text, [*lines[: block.stop], *(rule + end for rule in new), *lines[block.stop :]])


def remove_rules(text: bytes, names: Iterable[bytes]) -> bytes:
    """Return the text of a `.gitignore` without the rules that mlv wrote for `names`."""
    lines = _LINE.findall(text)
    block = _find_block(lines)
    unwanted = set(map(ignore_rule, names))
    if block is None:
        return text
    kept = [line for line in lines[block.start : block.stop] if _strip(line) not in unwanted]
    if len(kept) == len(block):
        return text
    heading = lines[block.start - 1 : block.start] if kept else []
    return _join(text, [*lines[: block.start - 1], *heading, *kept, *lines[block.stop :]])


def own_names(text: bytes) -> list[bytes]:
    """Return the names that rules written by mlv ignore, as far as a rule tells the name."""
    lines = _LINE.findall(text)
    rules = [_strip(lines[index]) for index in _find_block(lines) or ()]
    return [_ESCAPED.sub(rb"\1", rule[1:]) for rule in rules if not _WILDCARD.search(rule)]


def edit_ignore_file(directory: Path, edit: Callable[[bytes], bytes]) -> bool:
    """Change the `.gitignore` of a directory; remove it when nothing is left in it.

    Returns:
        Whether it changed.

    Raises:
        WorktreeError: It is a symbolic link, which Git does not follow.
        StorageError: It cannot be read or written.
    """
    path = directory / IGNORE_FILE
    if path.is_symlink():
        message = f"{str(path)!r} is a symbolic link, which Git does not follow"
        raise WorktreeError(
            message,
            hint=f"put a file there: `cp --remove-destination $(readlink -f {path}) {path}`",
        )
    with storage_errors(f"write {path}"):
        before = path.read_bytes() if path.exists() else b""
        after = edit(before)
        if after == before:
            return False
        if after:
            mode = path.stat().st_mode & 0o777 if before else 0o644
            replace_file(path, after, mode=mode)
        else:
            path.unlink()
    return True


def _find_block(lines: list[bytes]) -> range | None:
    """Return where the rules below the heading are, None when there is no heading."""
    for start, line in enumerate(lines, start=1):
        if _strip(line) == _HEADING:
            stop = start
            while stop < len(lines) and lines[stop].startswith(b"/"):
                stop += 1
            return range(start, stop)
    return None


def _join(before: bytes, lines: list[bytes]) -> bytes:
    end = b"\r\n" if before.partition(b"\n")[0].endswith(b"\r") else b"\n"
    whole = b"".join(line if line.endswith(b"\n") else line + end for line in lines)
    ends_in_line = before == b"" or before.endswith(b"\n")
    return whole if ends_in_line else whole.removesuffix(end)


def _strip(line: bytes) -> bytes:
    return line.removesuffix(b"\n").removesuffix(b"\r")
