"""The worktree as it is now, described as if it were a run."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TypeVar

import msgspec

from mlv.app.record.code import record_code
from mlv.app.record.params import read_selected
from mlv.app.reporter import SilentReporter
from mlv.app.workspace import Workspace
from mlv.capture.metrics_file import read_metrics_file
from mlv.core.paths import RepoPath
from mlv.core.run import API, Content, Input, Metric, Output, ParamSource, Run
from mlv.core.scalars import scalar_of
from mlv.worktree.fingerprint import HashCached, find_fingerprint
from mlv.worktree.paths import os_path, real_path

_FileT = TypeVar("_FileT", Input, Output)


@contextmanager
def describe_worktree(workspace: Workspace, like: Run, earlier: Iterable[Run]) -> Iterator[Run]:
    """Describe the worktree by the same files as a run.

    Params and metrics of files are read again; those of flags and of the Python
    API are taken to be the same, because the worktree does not hold them. The
    code snapshot exists for the length of the block. Nothing is stored but large
    files of code, and listings of directories.

    Args:
        workspace: Whose worktree.
        like: The run.
        earlier: All runs; their outputs are no code.

    Raises:
        UnreadableFileError: A params or metrics file is malformed.
        GitError: Git refuses.
    """
    ref = f"refs/mlv/look/{secrets.token_hex(8)}"
    try:
        code = record_code(
            workspace,
            ref=ref,
            now_ns=time.time_ns(),
            earlier=earlier,
            reporter=SilentReporter(),
        )
        with workspace.objects.transaction() as objects:
            sink = _StoreListings(objects)
            inputs = tuple(_look_again(workspace, like.inputs, sink))
            outputs = tuple(_look_again(workspace, like.outputs, sink))
        yield msgspec.structs.replace(
            like,
            name="worktree",
            code=code,
            inputs=inputs,
            outputs=outputs,
            params=tuple(_params(workspace, like)),
            metrics=_metrics(workspace, like),
        )
    finally:
        workspace.git.delete_ref(ref)


class _StoreListings(HashCached):
    """Stores the listings of directories, so that they can be compared; hashes files."""

    def add_bytes(self, data: bytes) -> Content:
        return self._objects.add_bytes(data)


def _look_again(
    workspace: Workspace, recorded: Iterable[_FileT], sink: _StoreListings
) -> Iterator[_FileT]:
    """Yield those files and directories that are still there, with what they hold now."""
    for each in recorded:
        now = find_fingerprint(real_path(workspace.root, each.path), sink)
        if now is not None:
            yield msgspec.structs.replace(each, fingerprint=now)


def _params(workspace: Workspace, like: Run) -> Iterator[ParamSource]:
    for source in like.params:
        if source.file is None:
            yield source
            continue
        path = os_path(workspace.root, RepoPath(source.name))
        if path.is_file():
            values = read_selected(path, source.name, source.keys)
            yield msgspec.structs.replace(source, values=values)


def _metrics(workspace: Workspace, like: Run) -> dict[str, Metric]:
    metrics = {name: metric for name, metric in like.metrics.items() if metric.source == API}
    for name in sorted({metric.source for metric in like.metrics.values()} - {API}):
        path = os_path(workspace.root, RepoPath(name))
        if path.is_file():
            found = read_metrics_file(path, name)
            metrics |= {
                key: Metric(value=scalar_of(value), source=name)
                for key, value in found.values.items()
            }
    return metrics
