"""The repositories inside the repository of a run."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec

from mlv.app.workspace import Workspace
from mlv.core.paths import RepoPath
from mlv.core.run import Code, Submodule
from mlv.errors import GitError
from mlv.git.submodules import (
    FoundSubmodule,
    check_out_apart,
    find_lost,
    list_object_directories,
    list_submodules,
)
from mlv.git.worktree_state import WorktreeState
from mlv.worktree.paths import os_path


class RecordedSubmodules(msgspec.Struct, frozen=True, kw_only=True):
    """What a record says of submodules.

    Attributes:
        submodules: In order of their paths.
        problems: What cannot be had again.
    """

    submodules: tuple[Submodule, ...] = ()
    problems: tuple[str, ...] = ()

    @property
    def are_dirty(self) -> bool:
        """Whether one of them holds changes that no commit has."""
        return any(each.dirty for each in self.submodules)


def record_submodules(workspace: Workspace, state: WorktreeState) -> RecordedSubmodules:
    """Take down what is checked out in each submodule."""
    found = sorted(list_submodules(workspace.root, state.gitlinks), key=lambda each: each.path)
    return RecordedSubmodules(
        submodules=tuple(
            Submodule(path=each.path, commit=each.commit, url=each.url, dirty=each.is_dirty)
            for each in found
        ),
        problems=tuple(problem for each in found for problem in _problems(each)),
    )


def find_lost_submodules(workspace: Workspace, code: Code) -> tuple[Submodule, ...]:
    """Return the submodules of a run whose commits are not in this clone.

    Raises:
        GitError: Git cannot tell.
    """
    wanted = [each for each in code.submodules if each.commit]
    if not wanted:
        return ()
    lost = find_lost(
        workspace.git.command,
        [each.commit for each in wanted],
        _object_directories(workspace, wanted),
    )
    return tuple(each for each in wanted if each.commit in lost)


def restore_submodules(workspace: Workspace, code: Code, directory: Path) -> None:
    """Check the submodules of a run out below a worktree of its snapshot.

    Each is a repository of its own, which borrows the objects of this clone.

    Args:
        workspace: Whose clone.
        code: The code of the run.
        directory: Top directory of the worktree.

    Raises:
        GitError: A commit is not in this clone, or Git refuses.
        StorageError: The disk is full, read-only or failing.
    """
    lost = find_lost_submodules(workspace, code)
    if lost:
        raise GitError(describe_lost(lost[0]))
    wanted = [each for each in code.submodules if each.commit]
    directories = _object_directories(workspace, wanted) if wanted else ()
    for each in wanted:
        check_out_apart(os_path(directory, each.path), each.commit, directories)


def describe_lost(submodule: Submodule) -> str:
    """Return in words that the commit of a submodule is not here, and how to get it."""
    place = shlex.quote(submodule.path)
    return (
        f"commit {submodule.commit[:12]} of submodule {submodule.path} is not in this clone"
        f" (fetch it with `git submodule update --init {place} && git -C {place} fetch`)"
    )


def _object_directories(workspace: Workspace, wanted: Iterable[Submodule]) -> tuple[Path, ...]:
    places = (os_path(workspace.root, RepoPath(each.path)) for each in wanted)
    return list_object_directories(workspace.git.location, places)


def _problems(found: FoundSubmodule) -> Iterator[str]:
    if found.problem:
        yield f"submodule {found.path} cannot be read, and is not recorded: {found.problem}"
        return
    if found.is_dirty:
        yield (
            f"submodule {found.path} holds changes that are not committed: those that the"
            " command read are recorded as inputs"
        )
    if not found.is_pushed:
        yield f"commit {found.commit[:12]} of submodule {found.path} is on no remote: push it"
