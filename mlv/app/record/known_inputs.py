"""Inputs that are known before the command starts, fingerprinted before it starts."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from mlv.app.live_run import KnownInput
from mlv.app.workspace import Workspace
from mlv.core.paths import RepoPath
from mlv.core.run import Run, Source
from mlv.errors import FileChangedError, MissingFileError, UnreadableFileError
from mlv.store.object_writer import ObjectWriter
from mlv.worktree.fingerprint import HashCached, fingerprint
from mlv.worktree.paths import is_inside, os_path, real_path, repo_path
from mlv.worktree.signature import read_signature


class InputsRequest(Protocol):
    """The part of a run request that says what the command reads."""

    @property
    def argv(self) -> tuple[str, ...]:
        """The command."""

    @property
    def inputs(self) -> tuple[Path, ...]:
        """Declared files and directories."""

    @property
    def observe(self) -> bool:
        """Whether opened files are watched."""


def check_inputs(workspace: Workspace, request: InputsRequest) -> None:
    """Find declared inputs that are not there, all of them at once.

    Raises:
        MissingFileError: At least one is not there.
    """
    missing = [repo_path(workspace.root, path) for path in request.inputs if not path.exists()]
    if missing:
        names = ", ".join(repr(name) for name in missing)
        what = "input" if len(missing) == 1 else "inputs"
        verb = "is" if len(missing) == 1 else "are"
        message = f"{what} {names} {verb} not there"
        raise MissingFileError(message, hint="check the paths given with --input")


def fingerprint_inputs(
    workspace: Workspace, request: InputsRequest, earlier: Iterable[Run]
) -> tuple[KnownInput, ...]:
    """Fingerprint and store declared inputs, and those that the same command read last time.

    Inputs outside the repository are fingerprinted, but not stored.

    Raises:
        MissingFileError, UnreadableFileError: A declared input vanished, or may not be read.
        FileChangedError: A declared input changed each time while it was being read.
        StorageError: The disk is full, read-only or failing.
    """
    declared = dict.fromkeys(repo_path(workspace.root, path) for path in request.inputs)
    expected = _read_last_time(request, earlier) if request.observe else ()
    guessed = [
        path
        for path in expected
        if path not in declared and os_path(workspace.root, path).is_file()
    ]
    if not declared and not guessed:
        return ()
    with workspace.objects.transaction() as objects:
        known = [_fingerprint(workspace, objects, path, "declared") for path in declared]
        for path in guessed:
            # Without certainty that the command reads it again, it must not stop the run.
            with suppress(MissingFileError, UnreadableFileError, FileChangedError):
                known.append(_fingerprint(workspace, objects, path, "observed"))
    return tuple(known)


def _read_last_time(request: InputsRequest, earlier: Iterable[Run]) -> Sequence[RepoPath]:
    """Return the inputs that the newest run of the same program and script was seen to read."""
    same = [run for run in earlier if run.command.argv[:2] == request.argv[:2] and run.observed]
    if not same:
        return ()
    return [each.path for each in same[-1].inputs if each.source != "declared"]


def _fingerprint(
    workspace: Workspace, objects: ObjectWriter, path: RepoPath, source: Source
) -> KnownInput:
    place = real_path(workspace.root, path)
    signature = read_signature(place, now_ns=time.time_ns())
    stored = is_inside(path)
    found = fingerprint(place, objects if stored else HashCached(objects))
    return KnownInput(
        path=path, source=source, fingerprint=found, signature=signature, stored=stored
    )
