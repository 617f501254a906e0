"""Find everything that must stay in the store, whoever names it."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence

import msgspec

from mlv.app.data.unfinished import load_journal
from mlv.app.keep.faults import Fault, FaultKind, TakeFault, refuse
from mlv.app.keep.named import find_named
from mlv.app.keep.pointers import find_pointers
from mlv.app.live_run import list_live, load_end, load_start
from mlv.app.restore.change import Journal
from mlv.app.workspace import Workspace
from mlv.core.canonical import decode_record
from mlv.core.operation import (
    ChangeWorktree,
    HideRun,
    LoggedOperation,
    PublishRun,
    WorktreeChange,
    effective_change,
)
from mlv.core.run import Content, Run
from mlv.core.state import reduce_operations
from mlv.errors import CorruptDataError, MissingObjectError, MlvError
from mlv.store.failures import storage_errors
from mlv.store.reach import Root, root_of

_DAY_MS = 86_400_000


class RootPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """How much of the past must stay.

    Attributes:
        keep_days: For so many days everything can be undone.
        tips: Whether only the newest commit of each ref counts, and not all of its history.
    """

    keep_days: float = 30.0
    tips: bool = False


def find_roots(workspace: Workspace, policy: RootPolicy) -> list[Root]:
    """Return everything that must stay.

    Raises:
        CorruptDataError: A record or a live run cannot be read.
        UnreadableFileError: A pointer cannot be read.
        MissingObjectError: A record is not in the store.
        GitError: Git cannot list the pointers.
    """
    operations = workspace.operations.read()
    roots = [*find_recorded(workspace, operations, oldest_ms=oldest_kept_ms(policy))]
    for pointer in find_pointers(workspace, "tips" if policy.tips else "history"):
        # The data of a pointer may be in another clone only.
        origin = f"pointer {pointer.place}"
        roots.append(root_of(pointer.fingerprint, origin=origin, required=False))
    return roots


def find_recorded(
    workspace: Workspace,
    operations: Sequence[LoggedOperation],
    *,
    oldest_ms: int,
    take_fault: TakeFault = refuse,
) -> Iterator[Root]:
    """Yield everything that runs, operations and live runs name.

    Args:
        workspace: Where.
        operations: All operations.
        oldest_ms: Since when operations can be undone, in milliseconds since 1970.
        take_fault: Is given each record that cannot be read.

    Raises:
        StorageError: The disk is failing.
        MlvError: What `take_fault` raises.
    """
    sources = _Sources(workspace, take_fault)
    yield from sources.runs(operations)
    yield from sources.operations(operations, oldest_ms)
    yield from sources.live_runs()
    yield from sources.journal()
    yield from sources.data_journal()


def oldest_kept_ms(policy: RootPolicy) -> int:
    """Return since when operations can be undone, in milliseconds since 1970."""
    return time.time_ns() // 1_000_000 - int(policy.keep_days * _DAY_MS)


class _Sources:
    """Whoever names objects, and what to do with those who cannot be understood."""

    def __init__(self, workspace: Workspace, take_fault: TakeFault) -> None:
        self._workspace = workspace
        self._take_fault = take_fault

    def runs(self, operations: Sequence[LoggedOperation]) -> Iterator[Root]:
        """Yield what visible runs name."""
        for run_id, record in sorted(reduce_operations(operations).runs.items()):
            yield from self._record(record, Run, origin=f"run {run_id}")

    def operations(self, operations: Sequence[LoggedOperation], oldest_ms: int) -> Iterator[Root]:
        """Yield what the changes name that can still be undone, hidden runs among it.

        Garbage that was collected with a shorter memory may have taken some of it.
        """
        visible = reduce_operations(operations).runs
        for logged in operations:
            if logged.operation.time.wall_ms < oldest_ms:
                continue
            change = effective_change(logged.operation.change)
            if isinstance(change, PublishRun | HideRun):
                if visible.get(change.run) == change.record:
                    continue
                origin = f"hidden run {change.run}"
                yield from self._record(change.record, Run, origin=origin, required=False)
                continue
            origin = f"operation {logged.id[:12]}"
            yield from _of_value(change, origin=origin, required=False)
            if isinstance(change, ChangeWorktree):
                yield from self._record(change.files, WorktreeChange, origin=origin, required=False)

    def live_runs(self) -> Iterator[Root]:
        """Yield what runs in progress name."""
        with storage_errors("list the runs that are going on"):
            lives = list_live(self._workspace.layout.live)
        for live in lives:
            origin = f"live run {live.name}"
            try:
                parts = (load_start(live), load_end(live))
            except CorruptDataError as error:
                self._take_fault(_fault("live-run", origin, error), error)
            else:
                for part in parts:
                    yield from _of_value(part, origin=origin)

    def journal(self) -> Iterator[Root]:
        """Yield what is needed to take back a change of files that was cut short."""
        path = self._workspace.layout.worktree_journal
        origin = "an unfinished change of files"
        try:
            with storage_errors("read what is known of an unfinished change"):
                journal = decode_record(path.read_bytes(), Journal) if path.exists() else None
        except ValueError as cause:
            message = f"what is known of an unfinished change cannot be read: {cause}"
            error = CorruptDataError(message, hint=f"look into {path}")
            error.__cause__ = cause
            self._take_fault(_fault("journal", path.name, error), error)
            return
        if journal is not None:
            yield from self._record(journal.change, WorktreeChange, origin=origin)

    def data_journal(self) -> Iterator[Root]:
        """Yield what is needed to finish changes of data that were cut short."""
        path = self._workspace.layout.data_journal
        try:
            journal = load_journal(path)
        except CorruptDataError as error:
            self._take_fault(_fault("journal", path.name, error), error)
            return
        # Not required: one that was never published names what may not have been stored.
        yield from _of_value(journal, origin="an unfinished change of data", required=False)

    def _record(
        self,
        content: Content,
        record_type: type[Run | WorktreeChange],
        *,
        origin: str,
        required: bool = True,
    ) -> Iterator[Root]:
        yield Root(content=content, origin=origin, required=required)
        try:
            record = self._workspace.objects.read_record(content, record_type)
        except (CorruptDataError, MissingObjectError) as cause:
            if not required and isinstance(cause, MissingObjectError):
                return
            message = f"{origin} cannot be read: {cause.message}"
            error = type(cause)(
                message, hint="find what can be saved with `mlv fsck --full --repair`"
            )
            error.__cause__ = cause
            self._take_fault(_fault("record", content.digest, error, affects=(origin,)), error)
            return
        yield from _of_value(record, origin=origin, required=required)


def _of_value(value: object, *, origin: str, required: bool = True) -> Iterator[Root]:
    for each in find_named(value, required=required):
        yield root_of(each.named, origin=origin, required=each.required)


def _fault(kind: FaultKind, where: str, error: MlvError, *, affects: tuple[str, ...] = ()) -> Fault:
    return Fault(kind=kind, where=where, problem=error.message, affects=affects)
