"""Keep tracked data out of Git, by a rule in the `.gitignore` beside it."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path

from mlv.app.workspace import Workspace
from mlv.core.paths import RepoPath
from mlv.core.pointer import POINTER_SUFFIX
from mlv.errors import LockedError
from mlv.git.ignore_file import IGNORE_FILE, add_rules, edit_ignore_file, own_names, remove_rules
from mlv.store.lock import exclusive_lock
from mlv.worktree.paths import os_path, repo_path

_PATIENCE_S = 10.0
_PAUSE_S = 0.02


def ensure_ignored(workspace: Workspace, paths: Iterable[RepoPath]) -> tuple[RepoPath, ...]:
    """See that Git ignores data, and drop rules for data that is tracked and there no more.

    Returns:
        The `.gitignore` files that changed.

    Raises:
        WorktreeError: A `.gitignore` is a symbolic link.
        LockedError: Other processes keep changing them.
        StorageError: One cannot be written.
    """

    def edit(directory: Path, names: list[bytes], text: bytes) -> bytes:
        stale = [name for name in own_names(text) if not _is_wanted(directory, name)]
        return add_rules(remove_rules(text, stale), names)

    return _edit_each(workspace, paths, edit)


def stop_ignoring(workspace: Workspace, paths: Iterable[RepoPath]) -> tuple[RepoPath, ...]:
    """Remove the rules that mlv wrote for data; return the `.gitignore` files that changed.

    Raises:
        WorktreeError, LockedError, StorageError: As `ensure_ignored`.
    """
    return _edit_each(workspace, paths, lambda _, names, text: remove_rules(text, names))


def _edit_each(
    workspace: Workspace,
    paths: Iterable[RepoPath],
    edit: Callable[[Path, list[bytes], bytes], bytes],
) -> tuple[RepoPath, ...]:
    names: dict[Path, list[bytes]] = {}
    for path in paths:
        place = os_path(workspace.root, path)
        names.setdefault(place.parent, []).append(os.fsencode(place.name))
    changed: list[RepoPath] = []
    with _lock(workspace):
        for directory, each in sorted(names.items()):
            if edit_ignore_file(directory, partial(edit, directory, each)):
                changed.append(repo_path(workspace.root, directory / IGNORE_FILE))
    return tuple(changed)


def _is_wanted(directory: Path, name: bytes) -> bool:
    """Tell whether a rule still keeps something out of Git: data that is tracked, or is there."""
    path = os.fsencode(directory) + b"/" + name
    return os.path.lexists(path) or os.path.lexists(path + POINTER_SUFFIX.encode())


@contextmanager
def _lock(workspace: Workspace) -> Iterator[None]:
    """Wait for others who change the same files; they take a moment only."""
    path = workspace.layout.root / "ignore-lock"
    deadline = time.monotonic() + _PATIENCE_S
    with ExitStack() as held:
        while True:
            try:
                held.enter_context(exclusive_lock(path, purpose="changing what Git ignores"))
                break
            except LockedError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(_PAUSE_S)
        yield
