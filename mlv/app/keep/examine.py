"""Look at everything in a store once, and say what is wrong with it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator

import msgspec

from mlv.app.keep.faults import Fault
from mlv.app.keep.pointers import FoundPointer, find_pointers
from mlv.app.keep.roots import find_recorded
from mlv.app.reporter import Reporter
from mlv.app.workspace import Workspace
from mlv.errors import GitError, MlvError
from mlv.store.affected import find_affected
from mlv.store.check import DamagedFile, Thoroughness, check_files, measure_files
from mlv.store.failures import storage_errors
from mlv.store.reach import Reached, Root, find_reached, root_of
from mlv.store.repair import find_good


class Examined(msgspec.Struct, frozen=True, kw_only=True):
    """What was found.

    Attributes:
        faults: All that is wrong.
        damaged: Packs and whole objects that are damaged.
        reached: All that is needed.
        broken: Digests of the objects that are needed and cannot be had.
        pointers: The pointers that there are.
    """

    faults: tuple[Fault, ...]
    damaged: tuple[DamagedFile, ...]
    reached: Reached
    broken: frozenset[bytes]
    pointers: tuple[FoundPointer, ...]


def examine(workspace: Workspace, damaged: Collection[DamagedFile]) -> Examined:
    """Check everything that names objects, and whether these can be had.

    Args:
        workspace: Where.
        damaged: The files that are known to be damaged.

    Raises:
        StorageError: The disk is failing.
    """
    layout, objects = workspace.layout, workspace.objects
    faults, roots, pointers = _find_roots(workspace)
    reached = find_reached(layout, objects, roots)
    with storage_errors("check the store"):
        good = find_good(layout, damaged)
        broken = frozenset(
            digest
            for digest in reached.origins
            if digest not in good and reached.is_required(digest)
        )
        affected = find_affected(layout, objects, reached, broken)
    # A record that is damaged, and not just meaningless, is among the objects already.
    is_known = {digest.hex() for digest in broken}
    told = [fault for fault in faults if fault.kind != "record" or fault.where not in is_known]
    told += _describe_files(workspace, damaged, affected)
    told += _describe_broken(affected)
    told += _describe_unreadable(workspace, reached, broken)
    return Examined(
        faults=tuple(told),
        damaged=tuple(damaged),
        reached=reached,
        broken=broken,
        pointers=tuple(pointers),
    )


def _find_roots(workspace: Workspace) -> tuple[list[Fault], list[Root], list[FoundPointer]]:
    """Return all that names objects, and what is wrong with those who cannot be understood."""
    faults: list[Fault] = []
    pointers: list[FoundPointer] = []

    def take_fault(fault: Fault, _error: MlvError) -> None:
        faults.append(fault)

    operations, log_faults = workspace.operations.read_undamaged()
    faults += [Fault(kind="log", where="log", problem=error.message) for error in log_faults]
    roots = list(find_recorded(workspace, operations, oldest_ms=0, take_fault=take_fault))
    try:
        pointers += find_pointers(workspace, "heads", take_fault=take_fault)
    except GitError as error:
        faults.append(Fault(kind="pointer", where="git", problem=error.message))
    roots += [root_of(each.fingerprint, origin=f"pointer {each.place}") for each in pointers]
    return faults, roots, pointers


def _describe_broken(affected: dict[bytes, tuple[str, ...]]) -> Iterator[Fault]:
    for digest in sorted(affected):
        yield Fault(
            kind="object",
            where=digest.hex(),
            problem="no good copy of it is in the store",
            affects=affected[digest],
        )


def find_damaged(
    workspace: Workspace, thoroughness: Thoroughness, reporter: Reporter
) -> list[DamagedFile]:
    """Check packs and whole objects.

    Raises:
        StorageError: The disk is failing.
    """
    layout = workspace.layout
    with storage_errors("check the store"):
        total = measure_files(layout)
        with reporter.progress("checking packs", total, "bytes") as progress:
            return check_files(layout, thoroughness, progress.advance)


def _describe_files(
    workspace: Workspace,
    damaged: Iterable[DamagedFile],
    affected: dict[bytes, tuple[str, ...]],
) -> Iterator[Fault]:
    for each in damaged:
        origins = {
            origin for digest in each.lost for origin in affected.get(bytes.fromhex(digest), ())
        }
        is_pack = each.path.is_relative_to(workspace.layout.packs)
        yield Fault(
            kind="pack" if is_pack else "whole-object",
            where=str(each.path.relative_to(workspace.layout.root)),
            problem="; ".join(each.problems[:3]),
            affects=tuple(sorted(origins)),
        )


def _describe_unreadable(
    workspace: Workspace, reached: Reached, broken: Collection[bytes]
) -> Iterator[Fault]:
    """Yield what is whole, but is not what it should be."""
    for each in reached.unreadable:
        digest = bytes.fromhex(each.content.digest)
        if not each.is_expected and digest not in broken:
            yield Fault(
                kind="object",
                where=each.content.digest,
                problem=each.why,
                affects=(each.origin,),
            )
    for root in reached.roots:
        if _has_other_size(workspace, root, broken):
            yield Fault(
                kind="object",
                where=root.content.digest,
                problem=f"it is not {root.content.size_bytes} bytes long",
                affects=(root.origin,),
            )


def _has_other_size(workspace: Workspace, root: Root, broken: Collection[bytes]) -> bool:
    return (
        root.required
        and not root.is_tree
        and bytes.fromhex(root.content.digest) not in broken
        and not workspace.objects.contains(root.content)
    )
