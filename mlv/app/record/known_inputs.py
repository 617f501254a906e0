"""Inputs that are known before the command starts, fingerprinted before it starts."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from itertools import takewhile
from pathlib import Path
from typing import Protocol

import msgspec

from mlv.app.live_run import KnownInput
from mlv.app.record.left_out import LeavingOut
from mlv.app.record.partial import lists_some, pick_below
from mlv.app.record.url_inputs import record_url
from mlv.app.workspace import Workspace
from mlv.core.paths import RepoPath
from mlv.core.run import Run
from mlv.core.tree import Fingerprint
from mlv.errors import MissingFileError, MlvError
from mlv.store.object_writer import ObjectWriter
from mlv.store.trees import list_files
from mlv.worktree.fingerprint import TreesOnly, fingerprint, fingerprint_picked
from mlv.worktree.paths import is_inside, is_url, os_path, real_path, repo_path
from mlv.worktree.signature import Signature, read_signature

_MOST_RESUMABLE_BYTES = 1 << 30
"""Of files that the last run wrote, and that this one may go on from."""


class _Expected(msgspec.Struct, frozen=True, kw_only=True):
    """What the command may read, as it did last time.

    Attributes:
        path: Where it is.
        listed: The tree that lists the files, of a directory.
        written: Whether the last run wrote it.
    """

    path: RepoPath
    listed: Fingerprint | None = None
    written: bool = False


class InputsRequest(Protocol):
    """The part of a run request that says what the command reads."""

    @property
    def argv(self) -> tuple[str, ...]:
        """The command."""

    @property
    def inputs(self) -> tuple[Path, ...]:
        """Declared files and directories."""

    @property
    def urls(self) -> tuple[str, ...]:
        """Declared URLs, credentials included."""

    @property
    def observe(self) -> bool:
        """Whether opened files are watched."""

    @property
    def store_external(self) -> bool:
        """Whether inputs outside the repository are stored."""

    @property
    def allow_secrets(self) -> tuple[str, ...]:
        """Names that look like secrets and are none."""


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

    Inputs outside the repository are fingerprinted, and stored only on request. Secrets
    in declared directories, and what `.mlvignore` names, are left out.

    Raises:
        MissingFileError, UnreadableFileError: A declared input vanished, or may not be read.
        FileChangedError: A declared input changed each time while it was being read.
        StorageError: The disk is full, read-only or failing.
    """
    declared = dict.fromkeys(repo_path(workspace.root, path) for path in request.inputs)
    last = _find_last(request, earlier) if request.observe else None
    expected = () if last is None else (*_read_by(last), *_resumable(workspace, last))
    guessed = [each for each in expected if each.path not in declared]
    if not declared and not guessed and not request.urls:
        return ()
    rules = LeavingOut(workspace, request.allow_secrets)
    with workspace.objects.transaction() as objects:
        known = [_take_declared(objects, request, rules, path) for path in declared]
        known += [record_url(objects, url, store=request.store_external) for url in request.urls]
        for each in guessed:
            # Without certainty that the command reads it again, it must not stop the run.
            with suppress(MlvError):
                known += _take_expected(workspace, objects, request, rules, each)
    return tuple(known)


def _find_last(request: InputsRequest, earlier: Iterable[Run]) -> Run | None:
    """Return the newest run of the same program and script, if it was watched."""
    observed = [run for run in earlier if run.observed]
    script = _script_of(request.argv)
    same = [run for run in observed if _script_of(run.command.argv) == script]
    same = same or [run for run in observed if run.command.argv[:2] == request.argv[:2]]
    return same[-1] if same else None


def _read_by(last: Run) -> Iterator[_Expected]:
    """Yield what a run was seen to read."""
    written = {each.path for each in last.outputs}
    for each in last.inputs:
        is_secret = is_inside(each.path) and not each.stored
        if each.source != "declared" and not is_url(each.path) and not is_secret:
            listed = each.fingerprint if lists_some(each) else None
            yield _Expected(path=each.path, listed=listed, written=each.path in written)


def _resumable(workspace: Workspace, last: Run) -> Iterator[_Expected]:
    """Yield files that a run wrote: a run that goes on where that one ended reads them."""
    read = {each.path for each in last.inputs}
    n_bytes = 0
    for each in last.outputs:
        if each.fingerprint.kind in ("file", "exec") and each.path not in read:
            try:
                n_bytes += os_path(workspace.root, each.path).stat().st_size
            except OSError:  # gone, and not there to be read
                continue
            if n_bytes > _MOST_RESUMABLE_BYTES:
                return
            yield _Expected(path=each.path, written=True)


def _script_of(argv: Sequence[str]) -> Sequence[str]:
    """Return the words of a command up to the first that is no option: `python -m train`."""
    options = takewhile(lambda word: word.startswith("-"), argv[1:])
    return argv[: 2 + sum(1 for _ in options)]


def _take_declared(
    objects: ObjectWriter, request: InputsRequest, rules: LeavingOut, path: RepoPath
) -> KnownInput:
    declared = rules.declare(path)
    signature = read_signature(declared.place, now_ns=time.time_ns())
    stored = (is_inside(path) or request.store_external) and not declared.is_secret
    return KnownInput(
        path=path,
        source="declared",
        fingerprint=declared.fingerprint(objects if stored else TreesOnly(objects)),
        signature=signature,
        stored=stored,
        secrets=declared.secrets,
    )


def _take_expected(
    workspace: Workspace,
    objects: ObjectWriter,
    request: InputsRequest,
    rules: LeavingOut,
    expected: _Expected,
) -> Iterable[KnownInput]:
    """Yield what a file or directory of the last run holds now, if it is still there."""
    path = expected.path
    place = real_path(workspace.root, path)
    stored = is_inside(path) or request.store_external
    stored = stored and not rules.find_held([path])
    sink = objects if stored else TreesOnly(objects)
    found: Fingerprint | None = None
    signature = Signature(value="", newest_ns=0, taken_ns=time.time_ns())
    if expected.listed is not None:
        files = list_files(workspace.objects, expected.listed, path)
        picks = pick_below(path, files.keys() - rules.find_held(files))
        found = fingerprint_picked(place, picks, sink)
    elif os_path(workspace.root, path).is_file():
        signature = read_signature(place, now_ns=time.time_ns())
        found = fingerprint(place, sink)
    if found is not None:
        yield KnownInput(
            path=path,
            source="observed",
            fingerprint=found,
            signature=signature,
            stored=stored,
            partial=found.kind == "dir",
            written=expected.written,
        )
