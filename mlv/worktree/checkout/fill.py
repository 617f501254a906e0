"""Write files into directories that nobody else knows of yet."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence

from mlv.core.run import Content
from mlv.core.tree import TreeEntry, raw_names
from mlv.core.tree_buckets import (
    decode_buckets,
    is_bucketed,
    place_below,
    read_object,
    read_part,
)
from mlv.core.tree_names import find_collisions
from mlv.errors import CorruptDataError, WorktreeError
from mlv.store.objects import content_of
from mlv.worktree.checkout.folding import Folding
from mlv.worktree.checkout.supply import Supply
from mlv.worktree.checkout.task import (
    Done,
    FillDirectory,
    MakeLinks,
    Names,
    check_depth,
    path_of,
)
from mlv.worktree.handles import opened_directory

_SLICE_FILES = 1024
_SLICE_BYTES = 16 << 20
"""No task writes more, unless it is one file."""


def fill_directory(supply: Supply, task: FillDirectory, folding: Folding) -> Done:
    """Write files into a new directory, and make the directories in it.

    Nothing is written before all names were checked.

    Returns:
        What was written, and tasks for the directories and for more of the files. Symbolic
        links are left for later.

    Raises:
        WorktreeError: Two names are the same file here, or it goes down too deep.
        MissingObjectError, CorruptDataError: Something is not in the store as it should be.
        OSError: The disk is full or failing.
    """
    check_depth(task.shown)
    entries: Sequence[TreeEntry] = task.entries
    if task.tree is not None:
        try:
            found = _read(supply, task, task.tree, folding)
        except ValueError as error:
            message = f"object {task.tree.digest[:12]} cannot be read: {error}"
            raise CorruptDataError(message) from error
        if isinstance(found, Done):
            return found
        entries = found
    files = [entry for entry in entries if entry.kind in {"file", "exec"}]
    links = tuple(entry for entry in entries if entry.kind == "link")
    first, *rest = [*_slices(files)] or [()]
    done = Done(
        tasks=[FillDirectory(place=task.place, shown=task.shown, entries=each) for each in rest],
        links=[MakeLinks(place=task.place, shown=task.shown, entries=links)] if links else [],
    )
    with opened_directory(supply.root, list(task.place)) as directory:
        if below := _make_directories(task, entries, directory):
            done.tasks += below
            done.gone_down = task.tree
        for name, entry in _named(first):
            supply.put(directory, name, entry, task.shown)
            done.written_bytes += entry.size_bytes
            done.n_written += 1
    return done


def make_links(supply: Supply, task: MakeLinks) -> Done:
    """Make symbolic links in a new directory.

    Raises:
        MissingObjectError, CorruptDataError, OSError: As `fill_directory`.
    """
    with opened_directory(supply.root, list(task.place)) as directory:
        for name, entry in _named(task.entries):
            supply.put(directory, name, entry, task.shown)
    return Done(n_written=len(task.entries))


def check_collisions(names: Iterable[str], shown: Names, folding: Folding) -> None:
    """Refuse names of one directory that are the same file on this file system.

    Raises:
        WorktreeError: There are such names.
    """
    if not folding.is_any:
        return
    groups = find_collisions(names, fold_case=folding.fold_case, normalize=folding.normalize)
    if groups:
        same = " and ".join(repr(name) for name in groups[0])
        message = f"{same} in {path_of(shown)!r} would be one file on this file system"
        raise WorktreeError(message, hint="check it out on a file system that tells them apart")


def _read(
    supply: Supply, task: FillDirectory, tree: Content, folding: Folding
) -> Sequence[TreeEntry] | Done:
    """Return the entries of a directory, or tasks for its buckets if it is a large one."""
    read = supply.objects.read
    data = read_object(tree, read)
    if is_bucketed(data) and not folding.is_any:
        buckets = (
            FillDirectory(
                place=task.place,
                shown=task.shown,
                tree=bucket.content,
                bucket=place_below(task.bucket, bucket.index),
            )
            for bucket in decode_buckets(data)
        )
        return Done(tasks=list(buckets))
    entries = read_part(data, read, task.bucket)
    check_collisions((entry.name for entry in entries), task.shown, folding)
    return entries


def _slices(files: Iterable[TreeEntry]) -> Iterator[tuple[TreeEntry, ...]]:
    part: list[TreeEntry] = []
    n_bytes = 0
    for entry in files:
        if part and (len(part) == _SLICE_FILES or n_bytes + entry.size_bytes > _SLICE_BYTES):
            yield tuple(part)
            part, n_bytes = [], 0
        part.append(entry)
        n_bytes += entry.size_bytes
    if part:
        yield tuple(part)


def _make_directories(
    task: FillDirectory, entries: Sequence[TreeEntry], directory: int
) -> list[FillDirectory]:
    tasks = []
    for name, entry in _named([entry for entry in entries if entry.kind == "dir"]):
        os.mkdir(name, dir_fd=directory)
        place, shown = (*task.place, name), (*task.shown, name)
        tasks.append(FillDirectory(place=place, shown=shown, tree=content_of(entry)))
    return tasks


def _named(entries: Sequence[TreeEntry]) -> Iterator[tuple[bytes, TreeEntry]]:
    return zip(raw_names(entries), entries, strict=True)
