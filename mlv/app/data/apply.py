"""Apply a plan for data: publish what will change, then change it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from mlv.app.data.counting import counter_of
from mlv.app.data.plan import Step
from mlv.app.data.subtree import store_with
from mlv.app.data.unfinished import begin_change, end_change
from mlv.app.reporter import Reporter
from mlv.app.workspace import Workspace
from mlv.core.enumeration import enumerate_some
from mlv.core.link_type import LinkType
from mlv.core.operation import ChangeData, DataChange, LoggedOperation
from mlv.core.paths import RepoPath
from mlv.core.pointer import is_pointer_path
from mlv.core.tree import Fingerprint
from mlv.errors import FileChangedError
from mlv.store.object_writer import ObjectWriter
from mlv.store.objects import content_of
from mlv.worktree.checkout.check_out import check_out
from mlv.worktree.checkout.request import CheckOutRequest
from mlv.worktree.fingerprint import fingerprint
from mlv.worktree.paths import os_path

_COPY: LinkType = "copy"


def apply_steps(
    workspace: Workspace,
    steps: Sequence[Step],
    publish_change: Callable[[ChangeData], LoggedOperation],
    link_type: LinkType,
    reporter: Reporter,
    *,
    revision: str | None = None,
) -> LoggedOperation:
    """Change data in the worktree as planned; what is there before is stored and published first.

    A change that is cut short leaves files of both versions; the same request finishes it,
    and an undo of the operation goes back.

    Args:
        workspace: Whose lock the caller holds.
        steps: The plan.
        publish_change: Appends the operation, given what it changes.
        link_type: How files share their bytes with the store.
        reporter: Told of the progress, and of files that somebody changed meanwhile.
        revision: The Git revision whose pointers were asked for.

    Raises:
        FileChangedError: The data is no longer what was planned for; nothing changed.
        StorageError: The disk is full, read-only or failing.
    """
    with workspace.objects.hold():
        with workspace.objects.transaction() as objects:
            changes = tuple(_store(workspace, objects, step) for step in steps)
        change = ChangeData(worktree=str(workspace.root), data=changes, revision=revision)
        if changes:
            begin_change(workspace, change)
        operation = publish_change(change)
    warn_left(check_out_steps(workspace, steps, link_type, reporter), reporter)
    end_change(workspace, change)
    return operation


def check_out_steps(
    workspace: Workspace, steps: Sequence[Step], link_type: LinkType, reporter: Reporter
) -> list[RepoPath]:
    """Change files as planned; return those that are left because somebody changed them.

    Raises:
        MlvError: As `check_out`.
    """
    n_files = sum(step.planned.n_files for step in steps)
    kept: list[RepoPath] = []
    data: list[Step] = []
    pointers: list[Step] = []
    for step in steps:
        (pointers if is_pointer_path(step.planned.path) else data).append(step)
    with reporter.progress("checking out", n_files, "files") as progress:
        count = counter_of(progress, "files")
        # Git and people write to pointers, so these share their bytes with nobody.
        for part, how in ((data, link_type), (pointers, _COPY)):
            if part:
                request = _request(workspace, part, how)
                kept += check_out(workspace.objects, workspace.layout, request, count).kept
    return kept


def warn_left(paths: Sequence[RepoPath], reporter: Reporter) -> None:
    """Say which files were left because somebody changed them."""
    if paths:
        reporter.warn(
            f"left as is, for it was changed meanwhile: {enumerate_some(paths)}",
            hint="see what differs with `mlv status`",
        )


def _store(workspace: Workspace, objects: ObjectWriter, step: Step) -> DataChange:
    """Store what a step will change, unless it is stored, and what will come of it."""
    planned = step.planned
    present = planned.present
    if present is not None and not workspace.objects.contains(content_of(present)):
        found = fingerprint(os_path(workspace.root, planned.path), objects)
        if found.digest != present.digest:
            message = f"{planned.path!r} changed while it was being looked at"
            raise FileChangedError(message, hint="run the same command again")
    return DataChange(path=planned.path, before=present, after=_result(workspace, objects, step))


def _result(workspace: Workspace, objects: ObjectWriter, step: Step) -> Fingerprint | None:
    """Return what the data will hold: the target, and the files that are kept."""
    target = step.planned.target
    if not step.kept:
        return target
    below = f"{step.planned.path}/"
    kept = {path.removeprefix(below): entry for path, entry in step.kept.items()}
    return store_with(workspace.objects, objects, target, kept)


def _request(workspace: Workspace, steps: Sequence[Step], link_type: LinkType) -> CheckOutRequest:
    return CheckOutRequest(
        root=workspace.root,
        changes=tuple(change for step in steps for change in step.changes),
        stays=tuple(path for step in steps for path in step.stays),
        link_type=link_type,
    )
