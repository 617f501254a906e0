"""Tell files that the run made before it read them from inputs that changed after that.

Both have changed since the run began, and nobody saw who did it: native code, or another
program. The one is an output, the other an input as well.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping

from mlv.app.live_run import LiveRun
from mlv.app.record.touched import began_ns
from mlv.app.workspace import Workspace
from mlv.capture.observing.observe import UNKNOWN_SIGNATURE, FileSignature
from mlv.capture.observing.observed_lines import read_lines
from mlv.core.paths import RepoPath
from mlv.worktree.birth import read_birth_ns
from mlv.worktree.paths import real_path

_OBSERVED = "observed"


def find_made(
    workspace: Workspace, live: LiveRun, reads: Mapping[RepoPath, FileSignature]
) -> frozenset[RepoPath]:
    """Return the files that the run made before it read them, as far as can be told.

    A file is none of these when nobody had touched it since the run began, as it was
    opened; or when nobody looked then, but it is older than the run and changed after it
    was read for the first time.

    Args:
        workspace: Where it ran.
        live: The run.
        reads: Files that were read, and changed by something that was not watched.
    """
    unknown = [path for path, opened in reads.items() if opened == UNKNOWN_SIGNATURE]
    read_ns = _first_reads(live, unknown) if unknown else {}
    since_ns = began_ns(live.start)
    made = [
        path
        for path in unknown
        if path not in read_ns or not _changed_since(workspace, since_ns, path, read_ns[path])
    ]
    made += [
        path
        for path, opened in reads.items()
        if opened != UNKNOWN_SIGNATURE and opened.ctime_ns >= since_ns
    ]
    return frozenset(made)


def _first_reads(live: LiveRun, paths: Collection[RepoPath]) -> dict[RepoPath, int]:
    """Return when files were read first, nanoseconds since 1970."""
    lines, _ = read_lines(live.directory / _OBSERVED)
    offset_ns = next((line.now - line.t for line in lines if line.k == "p" and line.now), None)
    first: dict[RepoPath, int] = {}
    for line in lines:
        path = RepoPath(line.p or "")
        if line.k == "r" and path in paths and offset_ns is not None:
            first.setdefault(path, line.t + offset_ns)
    return first


def _changed_since(workspace: Workspace, since_ns: int, path: RepoPath, read_ns: int) -> bool:
    place = os.fsencode(real_path(workspace.root, path))
    born_ns = read_birth_ns(place)
    try:
        changed_ns = os.stat(place).st_ctime_ns  # noqa: PTH116  # beside `read_birth_ns`
    except OSError:
        return False
    return born_ns is not None and born_ns < since_ns and changed_ns > read_ns
