"""Check a store, and put it right: what `mlv fsck` does."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import msgspec

from mlv.app.keep.examine import Examined, examine, find_damaged
from mlv.app.keep.faults import Fault
from mlv.app.keep.refill import refill
from mlv.app.reporter import Reporter
from mlv.app.workspace import Workspace
from mlv.errors import StorageError
from mlv.store.failures import storage_errors
from mlv.store.layout import Layout
from mlv.store.lock import exclusive_store_lock, shared_store_lock
from mlv.store.markers import DamagedMarker, check_markers, mend_markers
from mlv.store.objects import ObjectStore
from mlv.store.repair import copy_from_elsewhere, put_aside

_MOST_ROUNDS = 16


class FsckRequest(msgspec.Struct, frozen=True, kw_only=True):
    """What a person asks for.

    Attributes:
        full: Whether to read every byte.
        repair: Whether to put right what can be.
    """

    full: bool = False
    repair: bool = False


class FsckResult(msgspec.Struct, frozen=True, kw_only=True):
    """What was found, and put right.

    Attributes:
        full: Whether every byte was read.
        n_needed: How many objects are needed.
        faults: What is or was wrong.
    """

    full: bool
    n_needed: int
    faults: tuple[Fault, ...]

    @property
    def n_left(self) -> int:
        """How many faults are there still."""
        return sum(not fault.repaired for fault in self.faults)


def check_store(workspace: Workspace, request: FsckRequest, reporter: Reporter) -> FsckResult:
    """Check everything in a store; put right what can be put right, if asked to.

    Nothing is deleted and nothing made worse: good copies are published first, and what
    is damaged is kept in the quarantine.

    Args:
        workspace: What `inspect_workspace` returned.
        request: What is asked for.
        reporter: Told of the progress.

    Raises:
        LockedError: Others write to the store, which is to be repaired.
        StorageError: The disk is full, read-only or failing.
    """
    with storage_errors("check the store"):
        markers = check_markers(workspace.layout.root)
    if any(_is_unknown_format(each) for each in markers):
        return FsckResult(full=request.full, n_needed=0, faults=_describe(workspace, markers, ()))
    with _locked(workspace.layout, request):
        left = markers
        if request.repair:
            with storage_errors("repair the store"):
                left = mend_markers(markers)
        mended = tuple(each for each in markers if each not in left)
        faults = _describe(workspace, markers, mended)
        damaged = find_damaged(workspace, "bytes" if request.full else "headers", reporter)
        with reporter.working("checking what names objects"):
            found = examine(workspace, damaged)
        if request.repair and found.faults:
            with reporter.working("repairing"), storage_errors("repair the store"):
                after = _repair(workspace, found)
            found = msgspec.structs.replace(found, faults=_compare(workspace.layout, found, after))
    return FsckResult(
        full=request.full, n_needed=len(found.reached.origins), faults=(*faults, *found.faults)
    )


def _repair(workspace: Workspace, found: Examined) -> Examined:
    """Put right what can be put right, and look again."""
    put_aside(workspace.layout, found.damaged)
    found = _look_again(workspace)
    for _ in range(_MOST_ROUNDS):  # what comes back may name more that is needed
        if not found.broken:
            break
        copy_from_elsewhere(workspace.layout, found.broken)
        refill(workspace, _look_again(workspace))
        after = _look_again(workspace)
        if after.broken == found.broken:
            break
        found = after
    return found


def _look_again(workspace: Workspace) -> Examined:
    fresh = msgspec.structs.replace(workspace, objects=ObjectStore(workspace.layout))
    return examine(fresh, ())


def _compare(layout: Layout, before: Examined, after: Examined) -> tuple[Fault, ...]:
    """Return the faults of before, with a mark on those that are no more, and new ones."""
    left = {(fault.kind, fault.where) for fault in after.faults}
    missing = {digest.hex() for digest in after.broken}
    lossy = {
        str(damaged.path.relative_to(layout.root))
        for damaged in before.damaged
        if missing.intersection(damaged.lost)
    }
    told = [
        msgspec.structs.replace(
            fault, repaired=(fault.kind, fault.where) not in left and fault.where not in lossy
        )
        for fault in before.faults
    ]
    known = {(fault.kind, fault.where) for fault in before.faults}
    return (*told, *(each for each in after.faults if (each.kind, each.where) not in known))


def _describe(
    workspace: Workspace, markers: list[DamagedMarker], mended: tuple[DamagedMarker, ...]
) -> tuple[Fault, ...]:
    return tuple(
        Fault(
            kind="marker",
            where=str(each.path.relative_to(workspace.layout.root)),
            problem=each.problem,
            repaired=each in mended,
        )
        for each in markers
    )


def _is_unknown_format(marker: DamagedMarker) -> bool:
    return marker.path.name == "format" and marker.content is None


@contextmanager
def _locked(layout: Layout, request: FsckRequest) -> Iterator[None]:
    """Keep others from repairing or collecting meanwhile; a store to look at may be read-only."""
    lock = exclusive_store_lock(layout) if request.repair else shared_store_lock(layout)
    with ExitStack() as stack:
        try:
            stack.enter_context(lock)
        except StorageError:
            if request.repair:
                raise
        yield
