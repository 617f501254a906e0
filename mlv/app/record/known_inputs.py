"""Inputs that are known before the command starts, fingerprinted before it starts."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from itertools import takewhile
from pathlib import Path
from typing import Protocol

from mlv.app.live_run import KnownInput
from mlv.app.record.left_out import LeavingOut
from mlv.app.record.partial import lists_some, pick_listed
from mlv.app.record.url_inputs import record_url
from mlv.app.workspace import Workspace
from mlv.core.paths import RepoPath
from mlv.core.run import Input, Run
from mlv.core.tree import Fingerprint
from mlv.errors import MissingFileError, MlvError
from mlv.store.object_writer import ObjectWriter
from mlv.worktree.fingerprint import TreesOnly, fingerprint, fingerprint_picked
from mlv.worktree.paths import is_inside, is_url, os_path, real_path, repo_path
from mlv.worktree.signature import Signature, read_signature


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
    expected = _read_last_time(request, earlier) if request.observe else ()
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
                known += _take_expected(workspace, objects, request, each)
    return tuple(known)


def _read_last_time(request: InputsRequest, earlier: Iterable[Run]) -> Sequence[Input]:
    """Return the inputs that the newest run of the same program and script was seen to read."""
    observed = [run for run in earlier if run.observed]
    script = _script_of(request.argv)
    same = [run for run in observed if _script_of(run.command.argv) == script]
    same = same or [run for run in observed if run.command.argv[:2] == request.argv[:2]]
    if not same:
        return ()
    return [each for each in same[-1].inputs if each.source != "declared" and not is_url(each.path)]


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
    workspace: Workspace, objects: ObjectWriter, request: InputsRequest, expected: Input
) -> Iterable[KnownInput]:
    """Yield what an input of the last run holds now, if it is still there."""
    path = expected.path
    place = real_path(workspace.root, path)
    stored = is_inside(path) or request.store_external
    sink = objects if stored else TreesOnly(objects)
    found: Fingerprint | None = None
    signature = Signature(value="", newest_ns=0, taken_ns=time.time_ns())
    if expected.fingerprint is not None and lists_some(expected):
        picks = pick_listed(workspace.objects, expected.fingerprint)
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
        )
