"""The code of a run: a snapshot of the worktree, kept by Git, and bundles of it."""

from __future__ import annotations

import shlex
from collections.abc import Collection, Iterable, Iterator, Sequence

import msgspec

from mlv.app.code.bundles import bundle_code
from mlv.app.code.submodules import record_submodules
from mlv.app.record.earlier_outputs import find_earlier_outputs
from mlv.app.record.known_texts import KnownTexts
from mlv.app.reporter import Reporter
from mlv.app.workspace import Workspace
from mlv.core.enumeration import enumerate_some
from mlv.core.ids import RunId
from mlv.core.paths import RepoPath
from mlv.core.run import Code, LeftOut, Run
from mlv.core.tree import Fingerprint
from mlv.git.head import Head
from mlv.git.selection import LeftOut as NotTaken
from mlv.git.selection import SnapshotRules
from mlv.git.snapshot import Snapshot, take_snapshot
from mlv.git.worktree_state import WorktreeState, read_worktree_state
from mlv.worktree.fingerprint import fingerprint
from mlv.worktree.paths import os_path

EARLIER_OUTPUT = "output"
"""Why an untracked file is not code: it is what an earlier run wrote, and stored as that."""

_MESSAGE = "mlv: the worktree as it was"
_KEPT_REASONS = frozenset({"large", "filter"})
_WITHHELD = "the edit is not recorded"
_MIB = 1 << 20


class DescribedCode(msgspec.Struct, frozen=True, kw_only=True):
    """The code of a run, of which no bundle is stored yet.

    Attributes:
        code: What the record says.
        head: What was checked out.
        notes: What a person ought to know.
    """

    code: Code
    head: Head
    notes: tuple[str, ...]


def snapshot_ref(run_id: RunId) -> str:
    """Return the Git ref that keeps the snapshot of a run from being collected."""
    return f"refs/mlv/runs/{run_id}"


def record_code(
    workspace: Workspace,
    *,
    ref: str,
    earlier: Sequence[Run],
    reporter: Reporter,
    allow_secrets: Collection[str] = (),
) -> Code:
    """Take a snapshot of the worktree, and store bundles that bring it back.

    Files that are too large for Git go to the store; what is left out is listed.

    Args:
        workspace: Whose worktree.
        ref: What to call the snapshot in Git.
        earlier: Runs whose outputs may lie about; those are no code.
        reporter: Is told what is left out.
        allow_secrets: Patterns of files that look like secrets and are none, beside those
            of the project.

    Raises:
        GitError: Git refuses.
        StorageError: The disk is full, read-only or failing.
    """
    described = describe_code(workspace, ref=ref, earlier=earlier, allow_secrets=allow_secrets)
    for note in described.notes:
        reporter.note(note)
    try:
        bundles = bundle_code(
            workspace,
            described.code,
            ref=ref,
            head=described.head,
            earlier=earlier,
            reporter=reporter,
        )
    except BaseException:
        workspace.git.delete_ref(ref)
        raise
    return msgspec.structs.replace(described.code, bundles=bundles)


def describe_code(
    workspace: Workspace,
    *,
    ref: str,
    earlier: Sequence[Run],
    allow_secrets: Collection[str] = (),
) -> DescribedCode:
    """Take a snapshot of the worktree, as `record_code` does, of which no bundle is stored.

    Raises:
        GitError: Git refuses.
        StorageError: The disk is full, read-only or failing.
    """
    state = read_worktree_state(workspace.git)
    outputs = find_earlier_outputs(workspace, earlier, state.new_files)
    snapshot = _take(workspace, state, ref, outputs, allow_secrets)
    kept = {**outputs, **_store(workspace, snapshot.left_out)}
    submodules = record_submodules(workspace, state)
    code = Code(
        snapshot=snapshot.commit,
        tree=snapshot.tree,
        commit=snapshot.head.commit or "",
        branch=snapshot.head.branch,
        remotes=state.remotes,
        dirty=snapshot.dirty or submodules.are_dirty,
        untracked=snapshot.untracked,
        left_out=tuple(
            LeftOut(
                path=each.path,
                size_bytes=each.size_bytes,
                reason=EARLIER_OUTPUT if each.path in outputs else each.reason,
                fingerprint=kept.get(each.path),
            )
            for each in snapshot.left_out
        ),
        submodules=submodules.submodules,
    )
    notes = (*_notes(snapshot, kept), *submodules.problems)
    return DescribedCode(code=code, head=snapshot.head, notes=notes)


def _take(
    workspace: Workspace,
    state: WorktreeState,
    ref: str,
    outputs: Collection[RepoPath],
    allow_secrets: Collection[str],
) -> Snapshot:
    project = workspace.settings.project
    texts = KnownTexts(workspace)
    rules = SnapshotRules(
        file_size_bytes=int(project.code.large_file_mib * _MIB),
        untracked_size_bytes=int(project.code.untracked_mib * _MIB),
        exclude=frozenset(outputs),
        allow_secrets=(*project.allow_secrets, *allow_secrets),
        find_secret=texts.find_secret,
    )
    snapshot = take_snapshot(workspace.git, ref=ref, message=_MESSAGE, rules=rules, state=state)
    texts.save()
    return snapshot


def _store(workspace: Workspace, left_out: Iterable[NotTaken]) -> dict[RepoPath, Fingerprint]:
    paths = [each.path for each in left_out if _is_kept(each)]
    if not paths:
        return {}
    with workspace.objects.transaction() as objects:
        return {path: fingerprint(os_path(workspace.root, path), objects) for path in paths}


def _is_kept(left_out: NotTaken) -> bool:
    """Tell whether the store holds a file in place of Git.

    What goes through an encrypting filter is nothing to be kept in plain.
    """
    is_encrypted = left_out.reason == "filter" and "crypt" in left_out.detail
    return left_out.reason in _KEPT_REASONS and not is_encrypted


def _notes(snapshot: Snapshot, kept: Collection[RepoPath]) -> Iterator[str]:
    """Yield what to say of files that are not in the snapshot, many of a kind at once."""
    groups: dict[tuple[str, str, str], list[NotTaken]] = {}
    for each in snapshot.left_out:
        if each.reason != "excluded":
            fate = _fate(each, snapshot, kept)
            groups.setdefault((each.reason, each.detail, fate), []).append(each)
    for (reason, detail, fate), group in groups.items():
        verb = "is" if len(group) == 1 else "are"
        names = enumerate_some([each.path for each in group], n_shown=3)
        why = f"{reason}: {detail}" if detail else reason
        if fate == _WITHHELD:
            note = f"{names} {verb} in the code snapshot as committed ({why}): {fate}"
        else:
            note = f"{names} {verb} not in the code snapshot ({why}): {fate}"
        yield f"{note}{_how_to_allow(group)}" if reason == "secret" else note


def _fate(left_out: NotTaken, snapshot: Snapshot, kept: Collection[RepoPath]) -> str:
    if left_out.path in snapshot.withheld:
        return _WITHHELD
    return "kept in the store instead" if left_out.path in kept else "not recorded"


def _how_to_allow(group: Sequence[NotTaken]) -> str:
    flags = " ".join(f"--allow-secret {shlex.quote(each.path)}" for each in group[:3])
    return f" (if that is wrong: `mlv run {flags} ...`)"
