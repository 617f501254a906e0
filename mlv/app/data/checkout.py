"""Make data in the worktree agree with its pointers, or with those of a Git revision."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

from mlv.app.data.apply import apply_steps
from mlv.app.data.finish import finish_change
from mlv.app.data.ignoring import ensure_ignored
from mlv.app.data.linking import relink
from mlv.app.data.plan import PlannedData, Step, find_unsaved, plan_data, plan_pointers
from mlv.app.data.pointers import Pointers, load_pointers, parse_pointers, read_pointers_at
from mlv.app.data.select import Selected, select_data
from mlv.app.data.subtree import find_part
from mlv.app.data.unfinished import end_change, find_cut_short
from mlv.app.publish import Invocation, publish
from mlv.app.reporter import Reporter
from mlv.app.workspace import Workspace
from mlv.app.worktree_lock import worktree_lock
from mlv.core.enumeration import enumerate_some
from mlv.core.link_type import LinkType
from mlv.core.operation import ChangeData, LoggedOperation
from mlv.core.paths import RepoPath
from mlv.core.pointer import is_pointer_path, pointer_path
from mlv.core.tree import Fingerprint
from mlv.errors import (
    CorruptDataError,
    MissingFileError,
    MissingObjectError,
    NotPossibleError,
    WorktreeError,
)
from mlv.git.merge_driver import ensure_driver
from mlv.worktree.fingerprint import HashCached
from mlv.worktree.paths import os_path


class CheckoutRequest(msgspec.Struct, frozen=True, kw_only=True):
    """What a person asks for.

    Attributes:
        paths: Data, pointers, parts of tracked directories, directories that hold
            pointers; absolute; empty for everything.
        revision: The Git revision whose pointers count; None for those in the worktree.
        force: Whether changed files may be replaced whose content is not stored; it is
            stored first.
        link: How files share their bytes with the store; None as it is configured.
    """

    paths: tuple[Path, ...] = ()
    revision: str | None = None
    force: bool = False
    link: LinkType | None = None


class CheckoutResult(msgspec.Struct, frozen=True, kw_only=True):
    """What was changed, or would be.

    Attributes:
        data: The data, sorted by path.
        pointers: The pointers that are set to those of the revision.
        operation: The operation; None when nothing changed.
    """

    data: tuple[PlannedData, ...]
    pointers: tuple[RepoPath, ...] = ()
    operation: LoggedOperation | None = None


class _Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """What the worktree shall hold.

    Attributes:
        data: Content by path.
        pointers: Bytes of pointers by path; none without a revision.
        owners: The tracked paths that `data` are, or are parts of.
    """

    data: Mapping[RepoPath, Fingerprint | None]
    pointers: Mapping[RepoPath, bytes]
    owners: tuple[RepoPath, ...]


def plan_checkout(workspace: Workspace, request: CheckoutRequest) -> CheckoutResult:
    """Return what a check-out would change; only looks.

    Raises:
        As `check_out_data`, but unsaved changes are no error.
    """
    wanted = _want(workspace, request)
    data = tuple(step.planned for step in _plan_data(workspace, wanted))
    pointers = tuple(step.planned.path for step in plan_pointers(workspace, wanted.pointers))
    return CheckoutResult(data=data, pointers=pointers)


def check_out_data(
    workspace: Workspace, request: CheckoutRequest, invocation: Invocation, reporter: Reporter
) -> CheckoutResult:
    """Make data agree with pointers; what was there is stored, and `undo` brings it back.

    Files that the target does not have, and that are not in the store, stay. A change of
    the same data that was cut short is finished first, so that each change that an undo
    can take back is a whole one.

    Raises:
        MissingFileError, WorktreeError: A path means nothing, or something is in the way.
        WorktreeError: Changes that are not stored would be lost, and `force` is not set.
        MissingObjectError, CorruptDataError: Content is gone or damaged.
        UnreadableFileError: A pointer cannot be read.
        LockedError: Another process changes the worktree.
        StorageError: The disk is full, read-only or failing.
    """
    with worktree_lock(workspace):
        wanted = _want(workspace, request)
        finished = _finish_cut_short(workspace, request, wanted, reporter)
        if finished is not None:
            wanted = _want(workspace, request)  # the pointers may be others now
        with reporter.working("comparing data with its pointers"):
            data_steps = _plan_data(workspace, wanted)
        pointer_steps = plan_pointers(workspace, wanted.pointers)
        if not request.force:
            _refuse_unsaved(data_steps)
        new = [path for path in wanted.owners if not _has_directory(workspace, path)]
        ensure_ignored(workspace, [path for path in wanted.owners if path not in new])
        ensure_driver(workspace.git.command)
        data = tuple(step.planned for step in data_steps)
        if not (data_steps or pointer_steps):
            _relink(workspace, request, wanted)
            return finished or CheckoutResult(data=())

        def publish_change(change: ChangeData) -> LoggedOperation:
            return publish(workspace, invocation, change)

        with workspace.objects.hold():
            with workspace.objects.transaction() as objects:
                for content in wanted.pointers.values():
                    objects.add_bytes(content)
            operation = apply_steps(
                workspace,
                (*data_steps, *pointer_steps),
                publish_change,
                _link_type(workspace, request),
                reporter,
                revision=request.revision,
            )
        ensure_ignored(workspace, new)
        _relink(workspace, request, wanted)
    note_kept(data, reporter)
    pointers = tuple(step.planned.path for step in pointer_steps)
    return CheckoutResult(data=data, pointers=pointers, operation=operation)


def _finish_cut_short(
    workspace: Workspace, request: CheckoutRequest, wanted: _Wanted, reporter: Reporter
) -> CheckoutResult | None:
    """Finish changes of the wanted data that were cut short; return the check-out among them.

    One that cannot be finished, whatever its reason, must not stand in the way of another one.
    """
    result = None
    for each in find_cut_short(workspace):
        if not each.touches(wanted.data):
            continue
        try:
            with workspace.objects.hold():
                done = finish_change(workspace, each, _link_type(workspace, request), reporter)
        except (CorruptDataError, MissingObjectError, WorktreeError) as error:
            reporter.warn(f"the {each.kind} that was cut short is not finished: {error.message}")
            end_change(workspace, each.change)
            continue
        result = CheckoutResult(data=())
        if each.kind == "checkout":
            data = tuple(planned for planned in done if not is_pointer_path(planned.path))
            pointers = tuple(planned.path for planned in done if is_pointer_path(planned.path))
            result = CheckoutResult(data=data, pointers=pointers, operation=each.operation)
    return result


def _link_type(workspace: Workspace, request: CheckoutRequest) -> LinkType:
    return request.link or workspace.settings.local.link


def _has_directory(workspace: Workspace, path: RepoPath) -> bool:
    """Tell whether the directory is there in which data belongs."""
    return os_path(workspace.root, path).parent.is_dir()


def _relink(workspace: Workspace, request: CheckoutRequest, wanted: _Wanted) -> None:
    """Give files that were right already the links that a person asked for."""
    if request.link is not None:
        relink(workspace, wanted.data, request.link)


def note_kept(data: Sequence[PlannedData], reporter: Reporter) -> None:
    """Say which files stayed although the pointers do not know them."""
    kept = [path for each in data for path in each.kept]
    if kept:
        files = "1 new file" if len(kept) == 1 else f"{len(kept)} new files"
        verb = "was" if len(kept) == 1 else "were"
        reporter.note(f"{files} {verb} left as is: {enumerate_some(kept)}")


def _want(workspace: Workspace, request: CheckoutRequest) -> _Wanted:
    contents: Mapping[RepoPath, bytes] = {}
    where = ""
    if request.revision is None:
        pointers = load_pointers(workspace)
    else:
        contents = read_pointers_at(workspace, _resolve(workspace, request.revision))
        pointers = parse_pointers(contents)
        where = f" at {request.revision}"
    if not (pointers.data or pointers.broken):
        message = f"nothing is tracked{where or ' yet'}"
        raise WorktreeError(message, hint="track data with `mlv track data`")
    selected = select_data(workspace, request.paths, pointers, where=where)
    wholes = [pointer_path(each.path) for each in selected if each.whole]
    return _Wanted(
        data={each.path: _target(workspace, each, pointers, where) for each in selected},
        pointers={path: contents[path] for path in wholes if path in contents},
        owners=tuple(sorted({each.owner for each in selected})),
    )


def _resolve(workspace: Workspace, revision: str) -> str:
    commit = workspace.git.resolve_commit(revision)
    if commit is None:
        message = f"Git knows no revision {revision!r}"
        raise NotPossibleError(message, hint="list branches and tags with `git branch -a; git tag`")
    return commit


def _target(
    workspace: Workspace, selected: Selected, pointers: Pointers, where: str
) -> Fingerprint | None:
    whole = pointers.data[selected.owner]
    try:
        found = find_part(workspace.objects, whole, selected.owner, selected.path)
    except MissingObjectError as error:
        message = f"what {selected.owner!r} holds{where} is not in the store"
        hint = "look for another copy of this `.mlv` store"
        raise MissingObjectError(message, hint=hint) from error
    if found is None:
        message = f"the pointer {pointer_path(selected.owner)!r}{where} has no {selected.path!r}"
        raise MissingFileError(message, hint=f"see what differs with `mlv status {selected.owner}`")
    return found


def _plan_data(workspace: Workspace, wanted: _Wanted) -> tuple[Step, ...]:
    with workspace.objects.looking() as objects:
        return plan_data(workspace, wanted.data, HashCached(objects))


def _refuse_unsaved(steps: Sequence[Step]) -> None:
    unsaved = find_unsaved(steps)
    if unsaved:
        message = f"changes that are not stored would be lost: {enumerate_some(unsaved)}"
        hint = "keep them with `mlv track`, or go on with --force (`mlv undo` brings them back)"
        raise WorktreeError(message, hint=hint)
