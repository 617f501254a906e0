"""Ask Git which files it tracks and which it ignores."""

from __future__ import annotations

import os
from itertools import accumulate
from typing import TYPE_CHECKING

from mlv.core.paths import RepoPath, escape_name, unescape_name
from mlv.git.objects import SUBMODULE_MODE

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable
    from pathlib import Path

    from mlv.git.command import GitCommand

_MANY_PATHS = 200
"""More paths than this do not go on a command line: the whole index is listed."""

_OUR_STAGE = b"2"


def list_tracked(command: GitCommand, paths: Collection[RepoPath]) -> dict[RepoPath, str]:
    """Return those of `paths` that are files in the index, with their blob ids.

    A file with a merge conflict has the id of "our" side, if there is one.
    """
    wanted = {unescape_name(path): path for path in paths}
    if not wanted:
        return {}
    operands = [os.fsdecode(raw) for raw in wanted] if len(wanted) <= _MANY_PATHS else []
    output = command.ask(
        "ls-files",
        "-s",
        "-z",
        "--",
        *operands,
        environment={"GIT_LITERAL_PATHSPECS": "1"},
    )
    tracked: dict[RepoPath, str] = {}
    for record in output.stdout.split(b"\0")[:-1]:
        facts, _, raw_path = record.partition(b"\t")
        mode, blob_id, stage = facts.split()
        path = wanted.get(raw_path)
        if path is None or int(mode, 8) == SUBMODULE_MODE:
            continue
        if path not in tracked or stage == _OUR_STAGE:
            tracked[path] = blob_id.decode()
    return tracked


def list_ignored(command: GitCommand, root: Path, paths: Iterable[RepoPath]) -> set[RepoPath]:
    """Return those of `paths` that Git ignores.

    A file that is tracked is not ignored. What lies behind a symbolic link is ignored
    when the link is.
    """
    asked: dict[bytes, list[RepoPath]] = {}
    for path in paths:
        raw_path = unescape_name(path)
        if raw_path != b"." and not raw_path.startswith((b"/", b"../")):
            asked.setdefault(_stop_at_link(os.fsencode(root), raw_path), []).append(path)
    if not asked:
        return set()
    # Git refuses the whole question when the index is consulted and one of the paths is
    # in a submodule; so the tracked ones are sorted out afterwards.
    output = command.ask(
        "check-ignore",
        "--no-index",
        "-z",
        "--stdin",
        stdin=b"".join(raw + b"\0" for raw in asked),
        accept=(0, 1),
    )
    matched = output.stdout.split(b"\0")[:-1]
    tracked = list_tracked(command, [RepoPath(escape_name(raw)) for raw in matched])
    return {path for raw in matched if escape_name(raw) not in tracked for path in asked[raw]}


def _stop_at_link(top: bytes, raw_path: bytes) -> bytes:
    """Return the first part of a path that is a symbolic link, or all of it."""
    parents = accumulate(raw_path.split(b"/")[:-1], lambda parent, name: parent + b"/" + name)
    return next(
        (parent for parent in parents if os.path.islink(top + b"/" + parent)),  # noqa: PTH114
        raw_path,
    )
