"""Which names a directory held, so that it can be told later whether it holds others."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Iterator
from typing import NamedTuple

from mlv.app.record.left_out import LeavingOut
from mlv.app.workspace import Workspace
from mlv.core.digest import digest_of
from mlv.core.paths import RepoPath, escape_name, parents_of
from mlv.core.run import Listing, Output, Run
from mlv.worktree.birth import read_birth_ns
from mlv.worktree.fingerprint import SKIPPED_NAMES
from mlv.worktree.paths import is_inside, os_path

_MOST_APART = 200
"""Of more directories only the topmost are listed, with all that lies below."""


class _Rules(NamedTuple):
    """What does not count among the names of a directory."""

    leaving_out: LeavingOut
    outputs: frozenset[RepoPath]

    def ignore(self, path: RepoPath, *, directory: bool) -> bool:
        """Tell whether `.mlvignore` names a path."""
        name = RepoPath(f"{path}/") if directory else path
        return is_inside(path) and self.leaving_out.is_ignored(name)


def describe_listed(
    workspace: Workspace,
    directories: Collection[RepoPath],
    outputs: Iterable[Output],
    since_ns: int,
) -> dict[RepoPath, Listing]:
    """Describe the directories that a command listed, as they are when it has ended.

    A directory outside the worktree that came into being while it ran is scratch space.

    Args:
        workspace: Where it ran.
        directories: Which it listed.
        outputs: What it made; that does not count.
        since_ns: When it began, nanoseconds since 1970.
    """
    rules = _rules(workspace, outputs)
    kept = sorted(path for path in directories if not _is_scratch(workspace, path, since_ns))
    deep = len(kept) > _MOST_APART
    if deep:
        all_of_them = frozenset(kept)
        kept = [path for path in kept if all_of_them.isdisjoint(_above(path))]
    return {path: _describe(workspace, path, rules, deep=deep) for path in kept}


def find_other_listing(workspace: Workspace, run: Run) -> RepoPath | None:
    """Return a directory that a run listed and that holds other names now, if there is one."""
    rules = _rules(workspace, run.outputs)
    for path, listing in run.listed.items():
        if _describe(workspace, path, rules, deep=listing.deep) != listing:
            return path
    return None


def _rules(workspace: Workspace, outputs: Iterable[Output]) -> _Rules:
    made = {path for each in outputs for path in (each.path, *_above(each.path))}
    return _Rules(leaving_out=LeavingOut(workspace), outputs=frozenset(made))


def _above(path: RepoPath) -> tuple[RepoPath, ...]:
    root = (RepoPath("."),) if is_inside(path) and path != "." else ()
    return (*root, *parents_of(path))


def _is_scratch(workspace: Workspace, path: RepoPath, since_ns: int) -> bool:
    if is_inside(path):
        return False
    place = os.fsencode(os_path(workspace.root, path))
    born_ns = read_birth_ns(place)
    return not os.path.isdir(place) or (born_ns is not None and born_ns >= since_ns)  # noqa: PTH112


def _describe(workspace: Workspace, path: RepoPath, rules: _Rules, *, deep: bool) -> Listing:
    names = sorted(_names(os.fsencode(os_path(workspace.root, path)), path, rules, deep=deep))
    return Listing(names=digest_of("\n".join(names).encode()), deep=deep)


def _names(place: bytes, path: RepoPath, rules: _Rules, *, deep: bool) -> Iterator[str]:
    """Yield what counts in a directory; nothing when it is not there."""
    pending = [b""]
    prefix = "" if path == "." else f"{path.rstrip('/')}/"
    while pending:
        inner = pending.pop()
        try:
            entries = list(os.scandir(os.path.join(place, inner)))  # noqa: PTH118
        except OSError:
            continue
        for entry in entries:
            below = inner + entry.name
            name = RepoPath(prefix + escape_name(below))
            directory = entry.is_dir(follow_symlinks=False)
            if os.fsdecode(entry.name) in SKIPPED_NAMES or rules.ignore(name, directory=directory):
                continue
            if deep and directory:
                pending.append(below + b"/")
            if name not in rules.outputs:
                yield escape_name(below)
