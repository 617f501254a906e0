"""Outputs: what the command wrote, fingerprinted and stored when it has ended."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from mlv.app.live_run import RunStart
from mlv.app.record.company import OtherRun
from mlv.app.record.folding import fold
from mlv.app.record.left_out import LeavingOut
from mlv.app.record.partial import pick_below
from mlv.app.record.seen import Seen, has_changed
from mlv.app.workspace import Workspace
from mlv.core.enumeration import enumerate_some
from mlv.core.paths import RepoPath, is_below
from mlv.core.run import Output, Source
from mlv.errors import FileChangedError, MissingFileError, UnreadableFileError
from mlv.store.object_writer import ObjectWriter
from mlv.store.trees import list_files
from mlv.worktree.fingerprint import fingerprint, fingerprint_picked
from mlv.worktree.paths import os_path, real_path, repo_path

_MOST_DIGESTS = 5


def seal_outputs(
    workspace: Workspace, start: RunStart, seen: Seen, artifacts: Iterable[str]
) -> tuple[tuple[Output, ...], tuple[str, ...]]:
    """Return the outputs of a run, sorted by path, and what is wrong with them.

    Many files below one directory that nobody declared become one output, which lists
    just these files.

    Args:
        workspace: Where it ran.
        start: What was declared at the start.
        seen: What the command was seen to write.
        artifacts: Absolute paths that the program declared while it ran.

    Raises:
        FileChangedError: Something still writes to an output.
        StorageError: The disk is full, read-only or failing.
    """
    declared = {known.path for known in start.outputs}
    declared |= {repo_path(workspace.root, Path(path)) for path in artifacts}
    sources: dict[RepoPath, Source] = dict.fromkeys(sorted(declared), "declared")
    others: list[RepoPath] = []
    for path in seen.writes:
        owners = [each for each in declared if is_below(path, each)]
        sources |= dict.fromkeys(owners, "both")
        if not owners:
            others.append(path)
    if not sources and not others:
        return (), ()
    sealer = _Sealer(workspace, start)
    with workspace.objects.transaction() as objects:
        outputs = [
            *sealer.seal_declared(sources, objects),
            *sealer.seal_observed(others, objects),
        ]
    outputs.sort(key=lambda each: each.path)
    shared = _find_shared(seen, others, list(sources))
    told = (_describe_shared(workspace, outputs, other, both) for other, both in shared)
    return tuple(outputs), (*sealer.problems, *told)


class _Sealer:
    """Fingerprints outputs, and takes down what is wrong with them."""

    def __init__(self, workspace: Workspace, start: RunStart) -> None:
        self.problems: list[str] = []
        self._workspace = workspace
        self._start = start
        self._rules = LeavingOut(workspace, start.allowed_secrets)

    def seal_declared(
        self, sources: dict[RepoPath, Source], objects: ObjectWriter
    ) -> Iterator[Output]:
        stale = {
            known.path for known in self._start.outputs if not has_changed(self._workspace, known)
        }
        for path, source in sources.items():
            if path in stale:
                self._miss(path)
                continue
            declared = self._rules.declare(path)
            if declared.is_secret:
                self.problems.append(f"output {path} looks like a secret: it is not stored")
                continue
            self.problems += declared.problems()
            try:
                found = declared.fingerprint(objects)
            except MissingFileError:
                self._miss(path)
            except UnreadableFileError as error:
                self.problems.append(f"output {path} was not stored: {error.message}")
            else:
                yield Output(path=path, source=source, fingerprint=found)

    def seal_observed(self, paths: Sequence[RepoPath], objects: ObjectWriter) -> Iterator[Output]:
        folded = fold(paths, is_link=lambda path: os_path(self._workspace.root, path).is_symlink())
        alone = list(folded.files)
        for directory, files in folded.directories.items():
            place = real_path(self._workspace.root, directory)
            try:
                found = fingerprint_picked(place, pick_below(directory, files), objects)
            except (MissingFileError, UnreadableFileError, FileChangedError):
                alone += files  # one of them is to blame, and says so
            else:
                yield Output(path=directory, source="observed", fingerprint=found)
        for path in alone:
            try:
                found = fingerprint(real_path(self._workspace.root, path), objects)
            except MissingFileError:  # removed this moment
                continue
            except UnreadableFileError as error:
                self.problems.append(f"output {path} was not stored: {error.message}")
            else:
                yield Output(path=path, source="observed", fingerprint=found)

    def _miss(self, path: RepoPath) -> None:
        self.problems.append(f"output {path} was declared, but the command did not write it")


def _find_shared(
    seen: Seen, written: Sequence[RepoPath], declared: Sequence[RepoPath]
) -> Iterator[tuple[OtherRun, list[RepoPath]]]:
    """Yield other runs that wrote some of the files at the same time, and these files."""
    for other in seen.company.others:
        both = [path for path in written if path in other.writes]
        both += [
            path
            for path in declared
            if path in other.claims or any(is_below(each, path) for each in other.writes)
        ]
        if both:
            yield other, sorted(set(both))


def _describe_shared(
    workspace: Workspace, outputs: Iterable[Output], other: OtherRun, both: Sequence[RepoPath]
) -> str:
    here = {each.path: each.fingerprint.digest for each in outputs}
    for each in outputs:
        if not here.keys() >= set(both) and each.fingerprint.kind == "dir":
            files = list_files(workspace.objects, each.fingerprint, each.path)
            here |= {path: entry.digest for path, entry in files.items()}
    named = [path for path in both if path in here][:_MOST_DIGESTS]
    digests = "; ".join(
        (f"{path} " if len(both) > 1 else "")
        + f"recorded here as {here[path][:12]}"
        + (f", there as {other.digests[path][:12]}" if path in other.digests else "")
        for path in named
    )
    return (
        f"run {other.name} wrote {enumerate_some(both)} as well, while both went on: the content"
        f" may be of either{f' ({digests})' if digests else ''}"
    )
