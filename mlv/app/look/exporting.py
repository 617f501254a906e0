"""Export what is known of a run, for other programs to read."""

from __future__ import annotations

import contextlib
import difflib
import fnmatch
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO, Literal

import msgspec

from mlv.app.look.unsealed import FoundRun, find_any_run
from mlv.app.record.resumption import SYSTEM_PREFIX
from mlv.app.record.series import load_series
from mlv.app.workspace import Workspace
from mlv.capture.execution.run_directory import ATTACHMENTS
from mlv.capture.journal.points import Points
from mlv.core.params import flatten_params
from mlv.core.scalars import Scalar
from mlv.errors import NotPossibleError, StorageError

SeriesFormat = Literal["csv", "jsonl", "parquet"]


class ExportedRun(msgspec.Struct, frozen=True, kw_only=True):
    """Identity, params and metrics of a run, without what belongs to mlv.

    Attributes:
        status: `running` or `lost` where there is no record yet.
        commit, snapshot: The commit that was checked out, and that of the exact code.
        params: Values by dotted name.
        metrics, system: Newest values by name.
    """

    id: str
    name: str
    kind: str
    parent: str | None
    status: str
    exit_code: int | None
    signal: int | None
    started_at: str
    duration_s: float
    user: str
    host: str
    command: tuple[str, ...]
    directory: str
    commit: str
    snapshot: str
    tags: tuple[str, ...]
    note: str
    params: dict[str, object]
    metrics: dict[str, Scalar]
    system: dict[str, Scalar]


def export_run(workspace: Workspace, reference: str) -> ExportedRun:
    """Return identity, params and metrics of a run, sealed or not.

    Raises:
        NoSuchRunError, AmbiguousRunError: Of the reference.
        CorruptDataError: The record is damaged.
    """
    found = find_any_run(workspace, reference)
    run = found.run
    return ExportedRun(
        id=run.id,
        name=run.name,
        kind=run.kind,
        parent=run.parent,
        status=found.status,
        exit_code=run.exit_code,
        signal=run.signal,
        started_at=run.started_at.isoformat().replace("+00:00", "Z"),
        duration_s=run.duration_s,
        user=run.user,
        host=run.host,
        command=run.command.argv,
        directory=run.command.directory,
        commit=run.code.commit,
        snapshot=run.code.snapshot,
        tags=run.tags,
        note=run.note,
        params={name: param.value for name, param in flatten_params(run.params).items()},
        metrics={name: metric.value for name, metric in run.metrics.items()},
        system={name: metric.value for name, metric in run.system.items()},
    )


def find_series(
    workspace: Workspace, reference: str, names: Sequence[str]
) -> tuple[tuple[str, Points], ...]:
    """Return series of a run, sealed or not.

    Args:
        workspace: Where.
        reference: The run.
        names: Names, or patterns such as `train/*`, in the order in which series are wanted;
            without any, all but those of the use of the machine.

    Raises:
        NoSuchRunError, AmbiguousRunError: Of the reference.
        NotPossibleError: It has no series of such a name.
        MissingObjectError, CorruptDataError: The object of long series is gone or damaged.
    """
    found = find_any_run(workspace, reference)
    content = load_series(workspace, found.run) if found.series is None else found.series
    known = sorted(content.series)
    if not names:
        chosen = [name for name in known if not name.startswith(SYSTEM_PREFIX)]
        return tuple((name, content.series[name]) for name in chosen)
    chosen = []
    for name in names:
        matches = [name] if name in content.series else fnmatch.filter(known, name)
        if not matches:
            raise _no_such_series(found, name, known)
        chosen += matches
    return tuple((name, content.series[name]) for name in dict.fromkeys(chosen))


def export_attachments(workspace: Workspace, reference: str, directory: Path) -> tuple[Path, ...]:
    """Write the figures, tables and texts of a run into a directory, and return their paths.

    Raises:
        NoSuchRunError, AmbiguousRunError: Of the reference.
        NotPossibleError: One of the files is there already; nothing is written.
        StorageError: They cannot be written.
        MissingObjectError, CorruptDataError: An attachment is gone or damaged.
    """
    found = find_any_run(workspace, reference)
    contents = {_place(directory, name): data for name, data in _read_attachments(workspace, found)}
    for path in contents:
        if os.path.lexists(path):
            raise _exists(path)
    for path, data in contents.items():
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise _cannot_write(path, error) from error
        with open_output(path) as file:
            file.write(data)
    return tuple(contents)


@contextlib.contextmanager
def open_output(path: Path) -> Iterator[BinaryIO]:
    """Open a file that is not there yet; it is removed again when the block fails.

    Raises:
        NotPossibleError: It is there.
        StorageError: It cannot be written.
    """
    try:
        file = path.open("xb")
    except FileExistsError as error:
        raise _exists(path) from error
    except OSError as error:
        raise _cannot_write(path, error) from error
    try:
        with file:
            yield file
    except OSError as error:
        path.unlink(missing_ok=True)
        raise _cannot_write(path, error) from error
    except BaseException:
        path.unlink(missing_ok=True)
        raise


def _read_attachments(workspace: Workspace, found: FoundRun) -> Iterator[tuple[str, bytes]]:
    if found.live is None:
        for name, content in sorted(found.run.attachments.items()):
            yield name, workspace.objects.read(content)
        return
    root = found.live.path / ATTACHMENTS
    for path in sorted(root.rglob("*")):
        if path.is_file() and not path.name.startswith("."):
            yield path.relative_to(root).as_posix(), path.read_bytes()


def _place(directory: Path, name: str) -> Path:
    parts = name.split("/")
    if {"", ".", ".."} & set(parts) or "\0" in name:
        raise NotPossibleError(f"the attachment {name!r} has a name that no file can have")
    return directory.joinpath(*parts)


def _no_such_series(found: FoundRun, name: str, known: Sequence[str]) -> NotPossibleError:
    message = f"run {found.run.name!r} has no series {name!r}"
    nearest = difflib.get_close_matches(name, known, n=1)
    if nearest:
        return NotPossibleError(message, hint=f"did you mean {nearest[0]!r}?")
    if not known:
        return NotPossibleError(f"{message}: it has none at all")
    return NotPossibleError(message, hint=f"there are {', '.join(known[:10])}")


def _exists(path: Path) -> NotPossibleError:
    message = f"{str(path)!r} exists already"
    return NotPossibleError(message, hint="name another one, or remove it first")


def _cannot_write(path: Path, error: OSError) -> StorageError:
    return StorageError(f"cannot write {str(path)!r}: {(error.strerror or str(error)).lower()}")
