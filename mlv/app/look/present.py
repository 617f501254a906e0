"""The worktree as it is now, described as if it were a run."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from mlv.app.record.code import record_code
from mlv.app.reporter import SilentReporter
from mlv.app.runs import read_runs
from mlv.app.workspace import Workspace
from mlv.capture.metrics_file import read_metrics_file
from mlv.capture.params import read_params_file
from mlv.core.paths import RepoPath
from mlv.core.run import Content, Input, Metric, Output, ParamSource, Run
from mlv.core.scalars import scalar_of
from mlv.core.tree import Fingerprint
from mlv.store.objects import ObjectWriter
from mlv.worktree.fingerprint import HashOnly, find_fingerprint
from mlv.worktree.paths import os_path, real_path


@contextmanager
def describe_worktree(workspace: Workspace, like: Run) -> Iterator[Run]:
    """Describe the worktree by the same files as a run.

    Nothing is stored but large files of code, and listings of directories.

    Params and metrics of files are read again; those of flags and of the Python
    API are taken to be the same, because the worktree does not hold them. The
    code snapshot exists for the length of the block.

    Raises:
        UnreadableFileError: A params or metrics file is malformed.
        GitError: Git refuses.
    """
    ref = f"refs/mlv/look/{secrets.token_hex(8)}"
    code = record_code(
        workspace,
        ref=ref,
        now_ns=time.time_ns(),
        earlier=read_runs(workspace).runs,
        reporter=SilentReporter(),
    )
    try:
        yield msgspec.structs.replace(
            like,
            name="worktree",
            code=code,
            inputs=_inputs(workspace, like),
            outputs=_outputs(workspace, like),
            params=tuple(_params(workspace, like)),
            metrics=_metrics(workspace, like),
        )
    finally:
        workspace.git.delete_ref(ref)


class _StoreListings(HashOnly):
    """Stores the listings of directories, so that they can be compared; hashes files."""

    def __init__(self, objects: ObjectWriter) -> None:
        self._objects = objects

    def add_bytes(self, data: bytes) -> Content:
        return self._objects.add_bytes(data)


def _look(workspace: Workspace, path: RepoPath) -> Fingerprint | None:
    with workspace.objects.transaction() as objects:
        return find_fingerprint(real_path(workspace.root, path), _StoreListings(objects))


def _inputs(workspace: Workspace, like: Run) -> tuple[Input, ...]:
    found = ((each, _look(workspace, each.path)) for each in like.inputs)
    return tuple(
        msgspec.structs.replace(each, fingerprint=now) for each, now in found if now is not None
    )


def _outputs(workspace: Workspace, like: Run) -> tuple[Output, ...]:
    found = ((each, _look(workspace, each.path)) for each in like.outputs)
    return tuple(
        msgspec.structs.replace(each, fingerprint=now) for each, now in found if now is not None
    )


def _params(workspace: Workspace, like: Run) -> Iterator[ParamSource]:
    for source in like.params:
        if source.file is None:
            yield source
            continue
        path = os_path(workspace.root, RepoPath(source.name))
        if path.is_file():
            values = read_params_file(path, source.name)
            yield msgspec.structs.replace(source, values=values)


def _metrics(workspace: Workspace, like: Run) -> dict[str, Metric]:
    metrics = {name: metric for name, metric in like.metrics.items() if metric.source == "api"}
    for name in sorted({metric.source for metric in like.metrics.values()} - {"api"}):
        path: Path = os_path(workspace.root, RepoPath(name))
        if path.is_file():
            found = read_metrics_file(path, name)
            metrics |= {
                key: Metric(value=scalar_of(value), source=name)
                for key, value in found.values.items()
            }
    return metrics
