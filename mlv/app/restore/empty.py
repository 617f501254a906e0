"""Directories of a run that hold nothing, and would not come back with its files."""

from __future__ import annotations

from collections.abc import Iterator

from mlv.app.workspace import Workspace
from mlv.core.paths import RepoPath
from mlv.core.run import Input, Output
from mlv.core.tree import Fingerprint
from mlv.core.tree_limits import Descents
from mlv.store.objects import content_of
from mlv.store.trees import go_down
from mlv.worktree.paths import is_inside


def find_empty(workspace: Workspace, *recorded: Input | Output) -> tuple[RepoPath, ...]:
    """Return the empty directories among inputs and outputs in the repository, sorted.

    Raises:
        MissingObjectError: The listing of a directory is not in the store.
        CorruptDataError: The listing of a directory is damaged.
    """
    found: set[RepoPath] = set()
    for each in recorded:
        tree = each.fingerprint
        is_stored = not isinstance(each, Input) or each.stored
        if tree is not None and tree.kind == "dir" and is_stored and is_inside(each.path):
            found.update(_list_empty(workspace, each.path, tree))
    return tuple(sorted(found))


def _list_empty(workspace: Workspace, top: RepoPath, tree: Fingerprint) -> Iterator[RepoPath]:
    descents = Descents((content_of(tree),), workspace.objects.read)
    pending = [(top, content_of(tree), 0)]
    while pending:
        path, content, depth = pending.pop()
        entries = workspace.objects.read_tree(content)
        if not entries and path != ".":
            yield path
        inner = [entry for entry in entries if entry.kind == "dir"]
        if inner:
            go_down(descents, content, depth)
        for entry in inner:
            below = RepoPath(entry.name if path == "." else f"{path}/{entry.name}")
            pending.append((below, content_of(entry), depth + 1))
