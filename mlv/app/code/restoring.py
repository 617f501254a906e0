"""Bring the code of a run back into Git, from the bundles in the store."""

from __future__ import annotations

import shlex

from mlv.app.workspace import Workspace
from mlv.core.run import Code, Content
from mlv.errors import GitError, MissingObjectError
from mlv.git.bundle import BundleHeader, find_present, require_complete, split_bundle, unpack

_CLONE = "'refs/mlv/*:refs/mlv/*'"


def ensure_snapshot(workspace: Workspace, code: Code) -> None:
    """See that Git has the snapshot of a run; bring it back from its bundles when it has not.

    Nothing changes but objects, and a ref under `refs/mlv/restored/`.

    Raises:
        GitError: There are no bundles, or they stand on commits that are not here; the
            hint says how to get them.
        MissingObjectError, CorruptDataError: A bundle is gone from the store, or damaged.
        StorageError: The disk is full, read-only or failing.
    """
    if workspace.git.has_commit(code.snapshot):
        return
    if not code.bundles:
        raise _not_bundled(workspace, code)
    _require_stored(workspace, code)
    headers = [_unpack(workspace, code, bundle) for bundle in code.bundles]
    if not workspace.git.has_commit(code.snapshot):
        raise GitError(_lost(code, "which its bundles do not bring"), hint=_ask_clone())
    require_complete(workspace.git.command, code.snapshot, headers[0].prerequisites)
    workspace.git.set_ref(f"refs/mlv/restored/{code.snapshot}", code.snapshot)


def _unpack(workspace: Workspace, code: Code, bundle: Content) -> BundleHeader:
    command = workspace.git.command
    header, pack = split_bundle(workspace.objects.stream(bundle))
    wanted = (*header.tips.values(), *header.prerequisites)
    present = find_present(command, wanted)
    if present.issuperset(header.tips.values()):
        return header
    absent = [each for each in header.prerequisites if each not in present]
    if absent:
        why = f"and its bundle stands on commit {absent[0][:12]}, which a remote had"
        raise GitError(_lost(code, why), hint=_fetch(workspace, code, absent[0]))
    unpack(command, pack)
    return header


def _require_stored(workspace: Workspace, code: Code) -> None:
    if not all(map(workspace.objects.contains, code.bundles)):
        message = _lost(code, "and the store no longer has its bundles")
        raise MissingObjectError(message, hint=_ask_clone())


def _not_bundled(workspace: Workspace, code: Code) -> GitError:
    if code.snapshot == code.commit and code.remotes:
        why = "which needs no bundle when a remote has it"
        return GitError(_lost(code, why), hint=_fetch(workspace, code, code.snapshot))
    return GitError(_lost(code, "and no bundle of it was stored"), hint=_ask_clone())


def _lost(code: Code, why: str) -> str:
    return f"Git no longer has the code snapshot {code.snapshot[:12]}, {why}"


def _fetch(workspace: Workspace, code: Code, commit: str) -> str:
    """Return how to get a commit from the remote that the repository has, or had."""
    names = sorted(code.remotes, key=lambda name: (name != "origin", name))
    if not names:
        return _ask_clone()
    here = workspace.git.remotes()
    source = next((name for name in names if name in here), code.remotes[names[0]])
    return f"fetch that commit with `git fetch {shlex.quote(source)} {commit}`"


def _ask_clone() -> str:
    return f"fetch it from another clone: `git fetch CLONE {_CLONE}`"
