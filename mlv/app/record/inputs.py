"""Inputs, once more when the command has ended: did they change meanwhile?"""

from __future__ import annotations

import time
from pathlib import Path

from mlv.app.live_run import KnownInput, RunStart
from mlv.app.record.seen import Seen
from mlv.app.workspace import Workspace
from mlv.capture.observe import FileSignature
from mlv.core.paths import RepoPath
from mlv.core.run import Input, Source
from mlv.core.tree import Fingerprint
from mlv.errors import FileChangedError, MissingFileError, UnreadableFileError
from mlv.store.object_writer import ObjectWriter
from mlv.worktree.fingerprint import HashOnly, Sink, fingerprint
from mlv.worktree.paths import real_path
from mlv.worktree.signature import read_signature


def seal_inputs(
    workspace: Workspace, start: RunStart, seen: Seen
) -> tuple[tuple[Input, ...], tuple[str, ...]]:
    """Return the inputs of a run, sorted by path, and what is wrong with them.

    Inputs that were fingerprinted before are looked at again. Inputs that were
    only seen during the run are fingerprinted now, and believed only when their
    metadata are what they were when the command opened them.

    Raises:
        StorageError: The disk is full, read-only or failing.
    """
    inputs = [
        _look_again(workspace, known, seen)
        for known in start.inputs
        if known.source == "declared" or known.path in seen.reads
    ]
    known_paths = {each.path for each in inputs}
    late = {path: opened for path, opened in seen.reads.items() if path not in known_paths}
    if late:
        with workspace.objects.transaction() as objects:
            inputs += [_look_late(workspace, objects, start, *each) for each in late.items()]
    inputs.sort(key=lambda each: each.path)
    problems = tuple(_describe(each, seen) for each in inputs if each.changed)
    return tuple(inputs), problems


def _look_again(workspace: Workspace, known: KnownInput, seen: Seen) -> Input:
    place = real_path(workspace.root, known.path)
    source: Source = known.source
    if known.source == "declared" and known.path in seen.declared_reads:
        source = "both"
    after: Fingerprint | None = known.fingerprint
    now = read_signature(place, now_ns=time.time_ns())
    if not known.signature.proves_unchanged(now):
        after = _find_readable(place, HashOnly())
    changed = after != known.fingerprint
    return Input(
        path=known.path,
        source=source,
        fingerprint=known.fingerprint,
        changed=changed,
        after=after if changed else None,
        stored=known.stored,
    )


def _look_late(
    workspace: Workspace,
    objects: ObjectWriter,
    start: RunStart,
    path: RepoPath,
    opened: FileSignature,
) -> Input:
    place = real_path(workspace.root, path)
    found = _find_readable(place, objects)
    if found is None:
        return Input(path=path, source="observed", fingerprint=None, changed=True, stored=False)
    if _is_still(place, opened):
        return Input(path=path, source="observed", fingerprint=found)
    before = _find_in_snapshot(workspace, objects, start, path, found)
    return Input(
        path=path,
        source="observed",
        fingerprint=before,
        changed=True,
        after=found,
        stored=before is not None,
    )


def _find_in_snapshot(
    workspace: Workspace,
    objects: ObjectWriter,
    start: RunStart,
    path: RepoPath,
    like: Fingerprint,
) -> Fingerprint | None:
    """Return what an untracked file held when the run began, if the snapshot has it."""
    snapshot = start.code.snapshot
    blob = workspace.git.blob_at([snapshot], [path]).get((snapshot, path))
    if blob is None:
        return None
    content = objects.add_bytes(workspace.git.read_worktree_file(path, blob))
    return Fingerprint(kind=like.kind, digest=content.digest, size_bytes=content.size_bytes)


def _find_readable(place: Path, sink: Sink) -> Fingerprint | None:
    """Return what is at a place, None when that is gone, unreadable, or still being written."""
    try:
        return fingerprint(place, sink)
    except (MissingFileError, UnreadableFileError, FileChangedError):
        return None


def _is_still(place: Path, opened: FileSignature) -> bool:
    try:
        found = place.stat()
    except OSError:  # it was removed this moment
        return False
    return (
        found.st_dev,
        found.st_ino,
        found.st_size,
        found.st_mtime_ns,
        found.st_ctime_ns,
    ) == (opened.dev, opened.ino, opened.size, opened.mtime_ns, opened.ctime_ns)


def _describe(changed: Input, seen: Seen) -> str:
    who = "the command wrote to it" if changed.path in seen.writes else "while the command ran"
    if changed.fingerprint is None:
        return f"input {changed.path} changed before mlv could record it ({who})"
    before = changed.fingerprint.digest[:12]
    after = changed.after.digest[:12] if changed.after else "gone"
    return f"input {changed.path} changed ({who}): {before} -> {after}"
