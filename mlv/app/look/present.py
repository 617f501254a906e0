"""The worktree as it is now, described as if it were a run."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import TypeVar

import msgspec

from mlv.app.record.code import describe_code
from mlv.app.record.left_out import LeavingOut
from mlv.app.record.params import read_selected
from mlv.app.record.partial import lists_some, pick_listed
from mlv.app.workspace import Workspace
from mlv.capture.metrics.metrics_file import read_metrics_file
from mlv.core.paths import RepoPath
from mlv.core.run import API, Input, Metric, Output, ParamSource, Run
from mlv.core.scalars import scalar_of
from mlv.errors import MissingFileError
from mlv.worktree.fingerprint import TreesOnly, fingerprint_picked
from mlv.worktree.paths import is_url, os_path, real_path

_FileT = TypeVar("_FileT", Input, Output)


@contextmanager
def describe_worktree(workspace: Workspace, like: Run, earlier: Sequence[Run]) -> Iterator[Run]:
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
        code = describe_code(workspace, ref=ref, earlier=earlier).code
        with workspace.objects.transaction() as objects:
            sink = TreesOnly(objects)
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


def _look_again(
    workspace: Workspace, recorded: Iterable[_FileT], sink: TreesOnly
) -> Iterator[_FileT]:
    """Yield those files and directories that are still there, with what they hold now.

    What lies behind a URL is taken to be the same.
    """
    rules = LeavingOut(workspace)
    for each in recorded:
        if is_url(each.path):
            yield each
            continue
        with suppress(MissingFileError):
            if lists_some(each) and each.fingerprint is not None:
                place = real_path(workspace.root, each.path)
                picks = pick_listed(workspace.objects, each.fingerprint)
                now = fingerprint_picked(place, picks, sink)
            else:
                now = rules.declare(each.path).fingerprint(sink)
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
