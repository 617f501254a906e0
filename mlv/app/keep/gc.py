"""Collect garbage: what `mlv gc` does."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import msgspec

from mlv.app.keep.leftovers import Leftovers, find_leftovers, list_files, remove_leftovers
from mlv.app.keep.roots import RootPolicy, find_roots, oldest_kept_ms
from mlv.app.reporter import Reporter
from mlv.app.workspace import Workspace
from mlv.core.enumeration import enumerate_some
from mlv.errors import CorruptDataError
from mlv.store.collect import SweepPlan, apply_sweep, plan_sweep, restore_needed
from mlv.store.failures import storage_errors
from mlv.store.layout import Layout
from mlv.store.lock import exclusive_store_lock
from mlv.store.merge_packs import merge_when_many
from mlv.store.pack_file import PackFile
from mlv.store.packs import list_packs
from mlv.store.quarantine import find_quarantined
from mlv.store.reach import Reached, Unreadable, find_reached
from mlv.store.stat_cache import StatCache
from mlv.store.trash import Trash

_DAY_S = 86_400
_FSCK = "find what can be saved with `mlv fsck --full --repair`"


class GcRequest(msgspec.Struct, frozen=True, kw_only=True):
    """What a person asks for.

    Attributes:
        dry_run: Whether to change nothing.
        policy: What must stay.
        grace_days: How long things stay in the trash.
    """

    dry_run: bool = False
    policy: RootPolicy = RootPolicy()
    grace_days: float = 7.0


class Pile(msgspec.Struct, frozen=True, kw_only=True):
    """So many things, and the room that they take."""

    n: int = 0
    size_bytes: int = 0


class GcResult(msgspec.Struct, frozen=True, kw_only=True):
    """What was done, or would be.

    Attributes:
        dry_run: Whether nothing was changed.
        thrown: Objects that went to the trash.
        grace_days: After how many days these are deleted.
        restored: Files that came back from the trash.
        deleted: Files of the trash whose time was over.
        temporary: Unfinished files of processes that were killed.
        sandboxes: Worktrees of reproductions that ended.
        n_saved: Saved worktrees that no undo needs any more.
        missing: Who needs objects that are nowhere, in words.
        damaged_packs: Packs that were not touched, because they are damaged.
    """

    dry_run: bool
    thrown: Pile
    grace_days: float
    restored: Pile
    deleted: Pile
    temporary: Pile
    sandboxes: Pile
    n_saved: int
    missing: tuple[str, ...] = ()
    damaged_packs: tuple[str, ...] = ()

    @property
    def freed_bytes(self) -> int:
        """How much room there is now that there was not before."""
        return self.deleted.size_bytes + self.temporary.size_bytes + self.sandboxes.size_bytes


def collect_garbage(workspace: Workspace, request: GcRequest, reporter: Reporter) -> GcResult:
    """Throw away the objects that nothing needs, and delete what was thrown away long ago.

    Killed at any moment, nothing that is needed is gone, and the next call finishes.

    Raises:
        CorruptDataError: Something that names objects is damaged, so that nobody can
            tell what is needed; nothing was changed.
        MissingObjectError: A record is not in the store; nothing was changed.
        UnreadableFileError: A pointer cannot be read; nothing was changed.
        GitError: Git cannot tell what the pointers are; nothing was changed.
        LockedError: Others write to the store.
        StorageError: The disk is full, read-only or failing.
    """
    with exclusive_store_lock(workspace.layout), reporter.working("looking for garbage"):
        reached = find_reached(
            workspace.layout, workspace.objects, find_roots(workspace, request.policy)
        )
        with storage_errors("collect garbage"):
            plan = plan_sweep(workspace.layout, reached.origins)
            _refuse_unknown(workspace.layout, reached.unreadable)
            missing = _describe_missing(plan, reached)
            leftovers = find_leftovers(
                workspace,
                oldest_kept_s=oldest_kept_ms(request.policy) / 1000,
                grace_s=request.grace_days * _DAY_S,
            )
            result = _describe(request, plan, leftovers, missing)
            if request.dry_run:
                return result
            done = _apply(workspace, request, plan, leftovers)
    return msgspec.structs.replace(
        result, thrown=_pile_of_garbage(done), damaged_packs=_names(done.damaged)
    )


def _apply(
    workspace: Workspace, request: GcRequest, plan: SweepPlan, leftovers: Leftovers
) -> SweepPlan:
    layout = workspace.layout
    now_s = int(time.time())
    remove_leftovers(workspace, leftovers)
    restore_needed(layout, plan)
    if plan.packs or plan.objects:
        with closing(StatCache(layout.cache / "stat.sqlite")) as cache:
            cache.forget_stored()
    done = apply_sweep(layout, plan, now_s=now_s)
    merge_when_many(layout, [PackFile(path) for path in list_packs(layout)])
    Trash(layout).empty(before_s=int(now_s - request.grace_days * _DAY_S))
    return done


def _describe(
    request: GcRequest, plan: SweepPlan, leftovers: Leftovers, missing: tuple[str, ...]
) -> GcResult:
    thrown = _pile_of_garbage(plan)
    expired = [path for batch in leftovers.expired for path in list_files(batch)]
    deleted = _pile([path for path in expired if path not in plan.needed])
    if request.grace_days == 0:
        n = deleted.n + len(plan.packs) + len(plan.objects)
        deleted = Pile(n=n, size_bytes=deleted.size_bytes + thrown.size_bytes)
    return GcResult(
        dry_run=request.dry_run,
        thrown=thrown,
        grace_days=request.grace_days,
        restored=_pile(plan.needed),
        deleted=deleted,
        temporary=_pile(leftovers.temporary),
        sandboxes=_pile(leftovers.sandboxes),
        n_saved=len(leftovers.saved),
        missing=missing,
        damaged_packs=_names(plan.damaged),
    )


def _pile(paths: Sequence[Path]) -> Pile:
    files = [file for path in paths for file in list_files(path)]
    return Pile(n=len(paths), size_bytes=sum(file.lstat().st_size for file in files))


def _pile_of_garbage(plan: SweepPlan) -> Pile:
    return Pile(n=plan.n_dead, size_bytes=plan.dead_bytes)


def _names(packs: Sequence[PackFile]) -> tuple[str, ...]:
    return tuple(pack.name for pack in packs)


def _refuse_unknown(layout: Layout, unreadable: Sequence[Unreadable]) -> None:
    """Go on only if it is known what everything names that is needed."""
    doubtful = [each for each in unreadable if not each.is_expected]
    if doubtful:
        first = doubtful[0]
        message = (
            f"nobody can tell what is garbage: object {first.content.digest[:12]}, "
            f"which {first.origin} needs, cannot be read: {first.why}"
        )
        raise CorruptDataError(message, hint=_FSCK)
    for each in unreadable:
        path = find_quarantined(layout, each.content.digest)
        if path is not None:
            message = (
                f"nobody can tell what is garbage: object {each.content.digest[:12]}, "
                f"which {each.origin} needs, is damaged"
            )
            raise CorruptDataError(message, hint=f"if that data is given up: rm {path}")


def _describe_missing(plan: SweepPlan, reached: Reached) -> tuple[str, ...]:
    """Return who needs what is nowhere.

    Raises:
        CorruptDataError: It may be in a damaged pack.
    """
    required = [digest for digest in plan.missing if reached.is_required(digest)]
    missing = tuple(sorted({reached.origin(digest) for digest in required}))
    if missing and plan.damaged:
        message = (
            f"{len(required)} objects are not to be found, and a pack is damaged; "
            f"they are needed by {enumerate_some(missing)}"
        )
        raise CorruptDataError(message, hint=_FSCK)
    return missing
