"""The small files at the top of a store, whose content is known beforehand.

They can be checked, and written anew, when the store cannot be opened because of them.
"""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Iterator
from pathlib import Path

import msgspec

from mlv.store.durable import replace_file, sync_directory
from mlv.store.layout import FORMAT, GIT_MARKER, is_clone_id

_FEW = 2
"""In so many characters a damaged id may differ from what it was; others differ in more."""

_OTHER_FORMAT = re.compile(rb"mlv-store (?!1\n)[0-9]+\n(?:[ -~]*\n)*\Z")


class DamagedMarker(msgspec.Struct, frozen=True, kw_only=True):
    """A file, or an empty directory, that is not as it should be.

    Attributes:
        path: Where it is.
        problem: What is wrong with it.
        content: What it should hold; None when nobody knows, or for a directory.
        is_directory: Whether it should be an empty directory.
    """

    path: Path
    problem: str
    content: bytes | None = None
    is_directory: bool = False


def check_markers(root: Path) -> list[DamagedMarker]:
    """Return what is wrong with the small files of the store at `root`.

    Raises:
        OSError: They cannot be read.
    """
    return [*_check_format(root), *_check_clone(root), *_check_git_marker(root / ".git")]


def mend_markers(damaged: list[DamagedMarker]) -> list[DamagedMarker]:
    """Write anew what is known, and return the others.

    Raises:
        OSError: The disk is full or failing.
    """
    left = []
    for each in damaged:
        if each.content is not None:
            replace_file(each.path, each.content)
        elif each.is_directory and not each.path.exists():
            each.path.mkdir()
            sync_directory(each.path.parent)
        else:
            left.append(each)
    return left


def _check_format(root: Path) -> Iterator[DamagedMarker]:
    path = root / "format"
    found = _read(path)
    if found is not None and found != FORMAT and _OTHER_FORMAT.fullmatch(found):
        # It may be that of a newer mlv: then nothing here is to be touched.
        first = found.split(b"\n", 1)[0].decode()
        yield DamagedMarker(path=path, problem=f"{first!r} is unknown to this mlv")
    elif found != FORMAT:
        yield DamagedMarker(path=path, problem=_describe(found), content=FORMAT)


def _check_clone(root: Path) -> Iterator[DamagedMarker]:
    path = root / "clone"
    found = _read(path)
    chains = [log.stem for log in (root / "log").glob("*.log")]
    clone = (found or b"").strip().decode("ascii", "replace")
    right = _find_clone(clone, chains)
    if found is None or right is None or found != f"{right}\n".encode():
        content = None if right is None else f"{right}\n".encode()
        yield DamagedMarker(path=path, problem=_describe(found), content=content)


def _find_clone(clone: str, chains: list[str]) -> str | None:
    """Return what the id of this clone must be, going by the chains of operations that are there.

    Args:
        clone: What stands in the file.
        chains: Ids of the clones whose operations are known.
    """
    if clone in chains:
        return clone
    near = [chain for chain in chains if _n_different(chain, clone) <= _FEW]
    if len(near) == 1:
        return near[0]
    if is_clone_id(clone.encode()):
        return clone  # it has no operations yet
    if not chains:
        return secrets.token_hex(8)
    return chains[0] if len(chains) == 1 else None


def _n_different(left: str, right: str) -> int:
    if len(left) != len(right):
        return max(len(left), len(right))
    return sum(a != b for a, b in zip(left, right, strict=True))


def _check_git_marker(marker: Path) -> Iterator[DamagedMarker]:
    for directory in (marker, marker / "objects", marker / "refs"):
        if not directory.is_dir():
            yield DamagedMarker(path=directory, problem="it is not there", is_directory=True)
    for name, content in GIT_MARKER.items():
        found = _read(marker / name)
        if found != content:
            yield DamagedMarker(path=marker / name, problem=_describe(found), content=content)


def _describe(found: bytes | None) -> str:
    return "it is not there" if found is None else "it is damaged"


def _read(path: Path) -> bytes | None:
    try:
        with path.open("rb") as file:
            return file.read(os.sysconf("SC_PAGE_SIZE"))
    except (FileNotFoundError, NotADirectoryError):
        return None
