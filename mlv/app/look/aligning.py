"""Make two runs comparable that recorded the same files in different directories.

Of many files that were read below one directory, a record lists the directory; of a few,
each by its name. So a run that read two files more may list everything in another way.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from typing import TypeVar

import msgspec

from mlv.app.record.partial import lists_some
from mlv.app.workspace import Workspace
from mlv.core.paths import RepoPath, is_below
from mlv.core.run import Input, Output, Run
from mlv.core.tree import Fingerprint, TreeEntry
from mlv.errors import CorruptDataError, MissingObjectError, StorageError
from mlv.store.object_writer import ObjectWriter
from mlv.store.trees import list_files

_FileT = TypeVar("_FileT", Input, Output)
_Listing = Mapping[RepoPath, TreeEntry]


def align(workspace: Workspace, old: Run, new: Run) -> tuple[Run, Run]:
    """Return two runs with their observed files listed by the same directories.

    What cannot be listed stays as it is. Nothing is stored but listings.
    """
    with suppress(MissingObjectError, CorruptDataError, StorageError):
        old_inputs, new_inputs = _align(workspace, old.inputs, new.inputs)
        old_outputs, new_outputs = _align(workspace, old.outputs, new.outputs)
        return (
            msgspec.structs.replace(old, inputs=old_inputs, outputs=old_outputs),
            msgspec.structs.replace(new, inputs=new_inputs, outputs=new_outputs),
        )
    return old, new


def _align(
    workspace: Workspace, old: tuple[_FileT, ...], new: tuple[_FileT, ...]
) -> tuple[tuple[_FileT, ...], tuple[_FileT, ...]]:
    for directory in _outermost(each.path for each in (*old, *new) if lists_some(each)):
        parts = [[each for each in side if _is_part(each, directory)] for side in (old, new)]
        if all([each.path for each in part] == [directory] for part in parts) or not all(parts):
            continue
        old = _join(workspace, directory, old, parts[0])
        new = _join(workspace, directory, new, parts[1])
    return old, new


def _outermost(directories: Iterable[RepoPath]) -> Iterator[RepoPath]:
    last: RepoPath | None = None
    for path in sorted(set(directories), key=lambda each: each.split("/")):
        if last is None or not is_below(path, last):
            last = path
            yield path


def _is_part(recorded: Input | Output, directory: RepoPath) -> bool:
    return (
        recorded.source == "observed"
        and recorded.fingerprint is not None
        and is_below(recorded.path, directory)
    )


def _join(
    workspace: Workspace, directory: RepoPath, side: tuple[_FileT, ...], parts: list[_FileT]
) -> tuple[_FileT, ...]:
    """Return inputs or outputs with some of them as one directory."""
    listing: dict[RepoPath, TreeEntry] = {}
    for each in parts:
        if each.fingerprint is not None:
            listing |= list_files(workspace.objects, each.fingerprint, each.path)
    with workspace.objects.transaction() as objects:
        found = _store(objects, directory, listing)
    joined = msgspec.structs.replace(parts[0], path=directory, fingerprint=found)
    paths = {each.path for each in parts}
    everything = [each for each in side if each.path not in paths]
    everything.append(joined)
    return tuple(sorted(everything, key=lambda each: each.path))


def _store(objects: ObjectWriter, directory: RepoPath, listing: _Listing) -> Fingerprint:
    """Store the listing of a directory, and return its fingerprint."""
    entries: dict[str, list[TreeEntry]] = {directory: []}
    for path, entry in listing.items():
        parent = path.rpartition("/")[0]
        entries.setdefault(parent, []).append(entry)
        while parent != directory and (above := parent.rpartition("/")[0]) not in entries:
            entries[above] = []
            parent = above
    found: dict[str, Fingerprint] = {}
    for parent in sorted(entries, key=lambda each: -each.count("/")):
        content = objects.add_tree(entries[parent])
        found[parent] = Fingerprint(
            kind="dir", digest=content.digest, size_bytes=content.size_bytes
        )
        above, _, name = parent.rpartition("/")
        if parent != directory:
            tree = TreeEntry(
                name=name, kind="dir", digest=content.digest, size_bytes=content.size_bytes
            )
            entries[above].append(tree)
    return msgspec.structs.replace(
        found[directory],
        n_files=len(listing),
        total_bytes=sum(entry.size_bytes for entry in listing.values()),
    )
