"""Find params that differ from those in HEAD, and from those of the last run."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

from mlv.app.record.params import PARAMS_FILES
from mlv.app.workspace import Workspace
from mlv.capture.documents.params import read_params_file
from mlv.core.digest import digest_of
from mlv.core.params import Param, ParamValue, flatten_params
from mlv.core.paths import RepoPath
from mlv.core.run import ParamSource, Run
from mlv.core.state import reduce_operations
from mlv.errors import CorruptDataError, MissingFileError, MissingObjectError
from mlv.git.pointers import ChangedSinceHead, read_small_blobs
from mlv.worktree.paths import is_inside, os_path


class ParamStatus(msgspec.Struct, frozen=True, kw_only=True):
    """A param that differs.

    Attributes:
        name: Dotted name.
        file: The params file.
        old, new: Its values.
        in_old, in_new: Whether it is there at all.
    """

    name: str
    file: RepoPath
    old: ParamValue = None
    new: ParamValue = None
    in_old: bool = True
    in_new: bool = True


class ChangedParams(msgspec.Struct, frozen=True, kw_only=True):
    """Params that differ, and the name of the last run, if there is one."""

    since_head: tuple[ParamStatus, ...]
    since_run: tuple[ParamStatus, ...]
    last_run: str | None


def params_files_here() -> tuple[RepoPath, ...]:
    """Return the params files at the root that a run finds by itself, whether there or not."""
    return tuple(RepoPath(name) for name in PARAMS_FILES)


def find_changed_params(
    workspace: Workspace,
    files: Sequence[RepoPath],
    changed: Sequence[ChangedSinceHead],
) -> ChangedParams:
    """Compare params files with HEAD and with the last run.

    Args:
        workspace: Where.
        files: The params files to compare with HEAD.
        changed: What differs from HEAD.

    Raises:
        UnreadableFileError: A params file is malformed.
        CorruptDataError: The operation log is damaged.
    """
    in_head = {each.path: each.blob for each in changed if each.path in files}
    since_head = [
        status
        for path, blob in in_head.items()
        for status in _diff(path, _read_blob(workspace, path, blob), _read_file(workspace, path))
    ]
    run = _last_run(workspace)
    since_run = [
        status
        for source in (run.params if run else ())
        for status in _compare_source(workspace, source)
    ]
    return ChangedParams(
        since_head=tuple(since_head),
        since_run=tuple(since_run),
        last_run=run.name if run else None,
    )


def _last_run(workspace: Workspace) -> Run | None:
    """Return the newest run that is no reproduction and whose record can be read."""
    state = reduce_operations(workspace.operations.read())
    for run_id in sorted(state.runs, reverse=True):
        try:
            run = workspace.objects.read_record(state.runs[run_id], Run)
        except (CorruptDataError, MissingObjectError):
            continue
        if run.kind == "run":
            return run
    return None


def _compare_source(workspace: Workspace, source: ParamSource) -> list[ParamStatus]:
    path = RepoPath(source.name)
    if source.file is None or not is_inside(path):
        return []
    place = os_path(workspace.root, path)
    if place.is_file() and digest_of(place.read_bytes()) == source.file.digest:
        return []
    before = flatten_params([source])
    return _diff(path, before, _read_file(workspace, path, source.keys))


def _read_file(
    workspace: Workspace, path: RepoPath, keys: tuple[str, ...] = ()
) -> dict[str, Param]:
    try:
        values = read_params_file(os_path(workspace.root, path), path)
    except MissingFileError:
        return {}
    flat = flatten_params([ParamSource(name=path, values=values)])
    return {name: param for name, param in flat.items() if not keys or _is_among(name, keys)}


def _is_among(name: str, keys: tuple[str, ...]) -> bool:
    return any(name == key or name.startswith(f"{key}.") for key in keys)


def _read_blob(workspace: Workspace, path: RepoPath, blob: str | None) -> Mapping[str, Param]:
    if blob is None:
        return {}
    content = read_small_blobs(workspace.git.command, [blob])[blob]
    with tempfile.TemporaryDirectory() as directory:
        copy = Path(directory) / Path(path).name
        copy.write_bytes(content)
        values = read_params_file(copy, f"HEAD:{path}")
    return flatten_params([ParamSource(name=path, values=values)])


def _diff(
    file: RepoPath, before: Mapping[str, Param], after: Mapping[str, Param]
) -> list[ParamStatus]:
    found = []
    for name in sorted(before.keys() | after.keys()):
        old, new = before.get(name), after.get(name)
        if old is not None and new is not None and old.value == new.value:
            continue
        found.append(
            ParamStatus(
                name=name,
                file=file,
                old=old.value if old else None,
                new=new.value if new else None,
                in_old=old is not None,
                in_new=new is not None,
            )
        )
    return found
