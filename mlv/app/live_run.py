"""A run in progress, as its directory `live/<run-id>/` describes it.

Everything that is needed to seal the run lies there, so that another process
can do it when this one is gone.
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Literal

import msgspec

from mlv.capture.execution.liveness import ProcessIdentity
from mlv.core.canonical import decode_record, encode_record
from mlv.core.digest import digest_of
from mlv.core.environment import Environment
from mlv.core.ids import RunIdField
from mlv.core.paths import RepoPath
from mlv.core.run import (
    Code,
    Command,
    Content,
    MetricPolicy,
    ParamSource,
    Record,
    RunKind,
    Source,
    Status,
    first_schema,
)
from mlv.core.tree import Fingerprint
from mlv.errors import CorruptDataError
from mlv.store.durable import replace_file
from mlv.store.failures import storage_errors
from mlv.worktree.signature import Signature

_START_FILE = "start.json"
END_FILE = "end.json"
_RESERVE_FILE = "reserve"
_SEALED_FILE = "sealed"
_RESERVE_BYTES = 16 << 10


class KnownInput(Record, frozen=True, kw_only=True):
    """An input that was fingerprinted before the command started.

    Attributes:
        path: Where it is.
        source: `declared`, or `observed` when an earlier run read it.
        fingerprint: What it held.
        signature: Its metadata at that moment.
        stored: Whether the store holds its bytes.
        partial: Whether it is a directory of which only the files that were read last
            time are listed.
        secrets: Files in it that look like secrets, and that it does not list.
        written: Whether an earlier run wrote it, so that this one may do so as well.
    """

    path: RepoPath
    source: Source
    fingerprint: Fingerprint
    signature: Signature
    stored: bool = True
    partial: bool = False
    secrets: tuple[RepoPath, ...] = ()
    written: bool = False


class KnownFile(Record, frozen=True, kw_only=True):
    """A file that the command may write, and its metadata before the command started."""

    path: RepoPath
    signature: Signature


class RunStart(Record, frozen=True, kw_only=True, tag_field="type", tag="run-start"):
    """All that is known of a run when its command starts.

    Attributes:
        root: Root of the worktree in which it runs.
        process: The process that records the run.
        surroundings: The environment, which is stored when the run is sealed.
        environment: The stored environment, of a run that mlv 0.1 began.
        outputs: Declared outputs.
        metrics_files: Where metrics may appear, as they were before.
        metrics_declared: Whether the person named these files.
        tensorboard: Directories in which TensorBoard event files may appear.
        strace: Whether file accesses were traced below Python as well.
        store_external: Whether inputs outside the repository are stored.
        allowed_secrets: Names that look like secrets and are none.
    """

    id: RunIdField
    name: str
    kind: RunKind = "run"
    original: RunIdField | None = None
    root: str
    process: ProcessIdentity
    started_at: datetime
    user: str
    host: str
    command: Command
    code: Code
    surroundings: Environment | None = None
    environment: Content | None = None
    observed: bool = False
    inputs: tuple[KnownInput, ...] = ()
    outputs: tuple[KnownFile, ...] = ()
    params: tuple[ParamSource, ...] = ()
    metrics_files: tuple[KnownFile, ...] = ()
    metrics_declared: bool = False
    tensorboard: tuple[RepoPath, ...] = ()
    strace: bool = False
    store_external: bool = False
    allowed_secrets: tuple[str, ...] = ()
    metric_policies: dict[str, MetricPolicy] = msgspec.field(default_factory=dict)
    tags: tuple[str, ...] = ()
    note: str = ""
    schema: Literal[1] = msgspec.field(default_factory=first_schema)


class End(Record, frozen=True, kw_only=True, tag_field="type", tag="run-end"):
    """How a command ended.

    Attributes:
        status: One word for it.
        exit_code: None when a signal ended it, or when nobody saw.
        signal: Number of the signal that ended it.
        duration_s: Wall-clock time.
        problems: What went wrong while it ran.
    """

    status: Status
    exit_code: int | None = None
    signal: int | None = None
    duration_s: float
    problems: tuple[str, ...] = ()
    schema: Literal[1] = msgspec.field(default_factory=first_schema)


class LiveRun(msgspec.Struct, frozen=True, kw_only=True):
    """A run that has begun, and the directory that describes it.

    Attributes:
        urls: Declared inputs with their credentials, which are written down nowhere.
    """

    directory: Path
    start: RunStart
    urls: tuple[str, ...] = ()


def save_start(live: Path, start: RunStart) -> None:
    """Write down what is known of a run, durably, and set space aside for its end.

    Raises:
        OSError: The disk is full, read-only or failing.
    """
    (live / _RESERVE_FILE).write_bytes(bytes(_RESERVE_BYTES))
    replace_file(live / _START_FILE, _with_digest(start))


def load_start(live: Path) -> RunStart:
    """Return what is known of the run in `live`.

    Raises:
        CorruptDataError: It cannot be read.
    """
    try:
        return decode_record(_without_digest((live / _START_FILE).read_bytes()), RunStart)
    except (OSError, ValueError) as error:
        message = f"the run in progress {live.name!r} cannot be read: {error}"
        raise CorruptDataError(message, hint=f"look into {live}") from error


def find_start(live: Path) -> RunStart | None:
    """Return what is known of the run in `live`.

    Returns:
        None when it was sealed this moment, or cannot be read: `load_start` says why.
    """
    try:
        return load_start(live)
    except CorruptDataError:
        return None


def save_end(live: Path, end: End) -> None:
    """Write down how the command ended, so that the run can be sealed later.

    The space that was set aside is given up first: the command may have filled the disk.

    Raises:
        StorageError: The disk is full, read-only or failing.
    """
    with storage_errors("write down how the command ended"):
        (live / _RESERVE_FILE).unlink(missing_ok=True)
        replace_file(live / END_FILE, _with_digest(end))


def load_end(live: Path) -> End | None:
    """Return how the command ended, None when nobody saw.

    Raises:
        CorruptDataError: It cannot be read.
    """
    try:
        return decode_record(_without_digest((live / END_FILE).read_bytes()), End)
    except FileNotFoundError:
        return None
    except ValueError as error:
        message = f"the end of the run in progress {live.name!r} cannot be read: {error}"
        raise CorruptDataError(message, hint=f"look into {live}") from error


def list_live(live_root: Path) -> list[Path]:
    """Return the directories of all runs in progress, oldest first."""
    return sorted(path for path in live_root.iterdir() if is_unsealed(path))


def is_unsealed(live: Path) -> bool:
    """Tell whether a directory describes a run in progress, readable or not."""
    return (live / _START_FILE).exists()


def note_sealed(live: Path) -> None:
    """Note that the run was sealed from a copy, as its own process may only be asleep.

    Raises:
        OSError: The disk is full, read-only or failing.
    """
    (live / _SEALED_FILE).touch()


def was_sealed(live: Path) -> bool:
    """Tell whether `note_sealed` was told of the run."""
    return (live / _SEALED_FILE).exists()


def _with_digest(record: msgspec.Struct) -> bytes:
    """Return a record and its digest, a line each."""
    encoded = encode_record(record)
    return encoded + f"\n{digest_of(encoded)}\n".encode()


def _without_digest(data: bytes) -> bytes:
    """Return the record of `_with_digest`; mlv 0.1 wrote no digest.

    Raises:
        ValueError: It has another digest.
    """
    encoded, newline, rest = data.partition(b"\n")
    if newline and rest != f"{digest_of(encoded)}\n".encode():
        message = "its digest is wrong"
        raise ValueError(message)
    return encoded
