"""The commit of a source tree that is not the repository being recorded."""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

import msgspec

from mlv.git.command import GitCommand

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_COMMIT = re.compile(rb"# branch\.oid ([0-9a-f]{40,64})")
_FIELDS_BEFORE_PATH = {b"1": 8, b"2": 9, b"u": 10, b"?": 1}
_BUILT = re.compile(r"(^|/)(__pycache__|build|[^/]+\.egg-info)/|\.(pyc|so)$")
"""What installing and importing a package leaves in its source tree, and nobody adds."""


class SourceState(msgspec.Struct, frozen=True, kw_only=True):
    """A worktree of Git, as it is.

    Attributes:
        commit: What is checked out; None before the first commit.
        changed: Paths that no commit has as they are, relative to the root.
    """

    commit: str | None
    changed: tuple[str, ...]

    def is_changed_below(self, directory: str) -> bool:
        """Tell whether anything in a directory differs from the commit."""
        place = PurePosixPath(directory)
        return any(PurePosixPath(path).is_relative_to(place) for path in self.changed)


def read_source_state(root: Path) -> SourceState:
    """Return commit and changes of a worktree, by one Git process.

    Source: git-status(1), "Porcelain Format Version 2".

    Raises:
        GitError: Git refuses the repository.
    """
    output = GitCommand(root).ask(
        "status",
        "--porcelain=v2",
        "--branch",
        "-z",
        "--no-renames",
        "--untracked-files=normal",
        "--ignore-submodules=dirty",
    )
    records = output.stdout.split(b"\0")
    commit = next((match[1] for match in map(_COMMIT.fullmatch, records) if match), None)
    return SourceState(
        commit=None if commit is None else commit.decode(), changed=tuple(_changed(records))
    )


def _changed(records: list[bytes]) -> Iterator[str]:
    for record in records:
        n_fields = _FIELDS_BEFORE_PATH.get(record[:1])
        if n_fields is None:
            continue
        path = record.split(b" ", n_fields)[-1].decode("utf-8", "replace")
        if record[:1] != b"?" or not _BUILT.search(path):
            yield path
