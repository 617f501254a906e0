"""Fetch lost objects out of files that still hold them."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator
from contextlib import suppress
from pathlib import Path

import msgspec

from mlv.app.keep.examine import Examined
from mlv.app.workspace import Workspace
from mlv.core.digest import Digest, digest_of
from mlv.core.paths import RepoPath
from mlv.core.pointer import data_path
from mlv.core.run import Content, Run
from mlv.core.state import reduce_operations
from mlv.core.tree import EntryKind, Fingerprint
from mlv.core.tree_limits import Descents
from mlv.errors import CorruptDataError, MissingObjectError, MlvError
from mlv.git.history import list_checkouts
from mlv.store.affected import find_blobs_of
from mlv.store.object_writer import ObjectWriter
from mlv.store.objects import content_of
from mlv.store.repair import refilling
from mlv.store.stable_read import hash_file
from mlv.worktree.fingerprint import HashOnly, fingerprint
from mlv.worktree.paths import is_inside, os_path


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """A path that once held something, and may do so still."""

    path: Path
    kind: EntryKind
    content: Content


def refill(workspace: Workspace, found: Examined) -> None:
    """Add the objects that are missing out of whole objects, and files of every worktree.

    A file counts only if its bytes have the digest that is wanted.

    Raises:
        OSError: The disk is full or failing.
    """
    if not found.broken:
        return
    layout = workspace.layout
    wanted = {digest.hex() for digest in found.broken}
    wanted |= {digest.hex() for digest in find_blobs_of(layout, found.broken)}
    with refilling(layout) as writer:
        for digest in sorted(wanted):
            path = layout.object_file(Digest(digest))
            if path.exists():
                _add_file(writer, path, digest)
        for place in _find_places(workspace, found, wanted):
            if place.content.digest in wanted:
                with suppress(MlvError, OSError):
                    _add_place(writer, place)


def _add_place(writer: ObjectWriter, place: Place) -> None:
    digest = place.content.digest
    if place.kind == "link":
        target = os.fsencode(place.path.readlink())
        if digest_of(target) == digest:
            writer.add_bytes(target)
    elif place.kind == "dir":
        if fingerprint(place.path, HashOnly()).digest == digest:
            fingerprint(place.path, writer)
    elif place.path.stat().st_size == place.content.size_bytes:
        _add_file(writer, place.path, digest)


def _add_file(writer: ObjectWriter, path: Path, digest: str) -> None:
    if hash_file(path).digest == digest:
        with path.open("rb") as file:
            writer.add_stream(file)


def _find_places(workspace: Workspace, found: Examined, wanted: Collection[str]) -> Iterator[Place]:
    """Yield where wanted objects may lie, as runs and pointers remember it."""
    roots = dict.fromkeys([workspace.root, *_other_roots(workspace)])
    named = [*_named_by_runs(workspace), *_named_by_pointers(found)]
    for root in roots:
        for path, held in dict.fromkeys(named):
            yield from _descend(workspace, os_path(root, path), held, wanted)


def _descend(
    workspace: Workspace, path: Path, held: Fingerprint, wanted: Collection[str]
) -> Iterator[Place]:
    places = [(Place(path=path, kind=held.kind, content=content_of(held)), 0)]
    descents = Descents((content_of(held),), workspace.objects.read)
    while places:
        place, depth = places.pop()
        yield place
        if place.kind != "dir" or place.content.digest in wanted:
            continue
        try:
            entries = workspace.objects.read_tree(place.content)
        except (CorruptDataError, MissingObjectError):
            continue
        if any(entry.kind == "dir" for entry in entries):
            try:
                with suppress(CorruptDataError, MissingObjectError):
                    descents.go_down(place.content, depth)
            except ValueError:
                return  # nobody has ever written so many directories
        for entry in entries:
            inner = os_path(place.path, RepoPath(entry.name))
            found = Place(path=inner, kind=entry.kind, content=content_of(entry))
            places.append((found, depth + 1))


def _other_roots(workspace: Workspace) -> list[Path]:
    with suppress(OSError):
        return [each.root for each in list_checkouts(workspace.git.location)]
    return []


def _named_by_runs(workspace: Workspace) -> Iterator[tuple[RepoPath, Fingerprint]]:
    operations, _ = workspace.operations.read_undamaged()
    for record in reduce_operations(operations).runs.values():
        try:
            run = workspace.objects.read_record(record, Run)
        except (CorruptDataError, MissingObjectError):
            continue
        held = [(each.path, each.fingerprint) for each in run.inputs]
        held += [(each.path, each.fingerprint) for each in run.outputs]
        held += [(each.path, each.fingerprint) for each in run.code.left_out]
        held += [(RepoPath(each.name), each.file) for each in run.params]
        for path, found in held:
            if found is not None and is_inside(path):
                yield path, found


def _named_by_pointers(found: Examined) -> Iterator[tuple[RepoPath, Fingerprint]]:
    for pointer in found.pointers:
        yield data_path(pointer.path), pointer.fingerprint
