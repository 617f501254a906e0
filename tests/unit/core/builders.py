"""Records with everything filled in that a test does not care about."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timezone
from typing import Any

import msgspec

from mlv.core.canonical import encode_record
from mlv.core.digest import Digest, digest_of
from mlv.core.ids import RunId, format_run_id
from mlv.core.operation import (
    Actor,
    Change,
    EffectiveChange,
    HideRun,
    HybridTime,
    LoggedOperation,
    Operation,
    PublishRun,
    Undo,
)
from mlv.core.paths import RepoPath
from mlv.core.run import Code, Command, Content, Input, Metric, Output, ParamSource, Run, Series
from mlv.core.scalars import scalar_of
from mlv.core.tree import EntryKind, Fingerprint, TreeEntry

STARTED_AT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone.utc)
CLONE = "c0ffee"


def run_id(number: int) -> RunId:
    """Return an id; a higher number is a later run."""
    return format_run_id(number, bytes(10))


def make_run(number: int = 1, **fields: object) -> Run:
    """Return a run that has nothing but what every run has."""
    run = Run(
        id=run_id(number),
        name=f"run-{number}",
        status="finished",
        exit_code=0,
        started_at=STARTED_AT,
        duration_s=1.5,
        user="ada",
        host="lab",
        command=Command(argv=("python", "train.py"), executable="/usr/bin/python"),
        code=Code(snapshot="a" * 40, tree="b" * 40, commit="c" * 40, branch="main"),
    )
    return msgspec.structs.replace(run, **fields)


def metrics(values: Mapping[str, float], source: str = "metrics.json") -> dict[str, Metric]:
    """Return metrics from one source."""
    return {name: Metric(value=scalar_of(value), source=source) for name, value in values.items()}


def series(values: Mapping[int, float]) -> Series:
    """Return a series, given its value at each step."""
    return Series(
        steps=tuple(values), values=tuple(scalar_of(value) for value in values.values()), times_s=()
    )


def params(values: Mapping[str, Any], name: str = "params.yaml") -> tuple[ParamSource, ...]:
    """Return params from one source."""
    return (ParamSource(name=name, values=dict(values)),)


def content(data: bytes) -> Content:
    """Return the content that `data` is."""
    return Content(digest=digest_of(data), size_bytes=len(data))


def fingerprint(data: bytes = b"", kind: EntryKind = "file") -> Fingerprint:
    """Return the fingerprint of a file that holds `data`."""
    return Fingerprint(kind=kind, digest=digest_of(data), size_bytes=len(data))


def entry(name: str, data: bytes = b"", kind: EntryKind = "file") -> TreeEntry:
    """Return an entry of a tree."""
    return TreeEntry(name=name, kind=kind, digest=digest_of(data), size_bytes=len(data))


def read_input(path: str, data: bytes | None) -> Input:
    """Return an input that held `data`, None when that is not known."""
    found = None if data is None else fingerprint(data)
    return Input(path=RepoPath(path), source="observed", fingerprint=found)


def output(path: str, data: bytes) -> Output:
    """Return an output that held `data`."""
    return Output(path=RepoPath(path), source="observed", fingerprint=fingerprint(data))


def publish(number: int) -> PublishRun:
    """Return the change that makes a run visible."""
    return PublishRun(run=run_id(number), record=content(b"run %d" % number))


def hide(number: int) -> HideRun:
    """Return the change that takes a run out of sight."""
    return HideRun(run=run_id(number), record=content(b"run %d" % number))


def undo(logged: LoggedOperation, inverse: EffectiveChange) -> Undo:
    """Return the change that takes an operation back."""
    return Undo(operation=logged.id, inverse=inverse)


def make_operation(
    change: Change, wall_ms: int, *, clone: str = CLONE, previous: Digest | None = None
) -> Operation:
    """Return an operation."""
    return Operation(
        clone=clone,
        previous=previous,
        time=HybridTime(wall_ms=wall_ms),
        actor=Actor(git="Ada <ada@example.com>", user="ada", host="lab"),
        argv=("mlv", "run", "true"),
        change=change,
    )


def log(change: Change, wall_ms: int, *, clone: str = CLONE) -> LoggedOperation:
    """Return an operation as if it stood in a log."""
    operation = make_operation(change, wall_ms, clone=clone)
    return LoggedOperation(id=digest_of(encode_record(operation)), operation=operation)
