"""Seal the runs that a script started inside its run, such as the trials of a sweep.

Each has a journal and attachments of its own, and becomes a run of its own, with the params
and metrics that it logged. Command, code, environment and inputs are those of the run around it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timezone
from pathlib import Path

import msgspec

from mlv.app.live_run import LiveRun, RunStart
from mlv.app.record.attachments import seal_attachments
from mlv.app.record.left_out import LeavingOut
from mlv.app.record.logged_secrets import redact_journal
from mlv.app.record.metrics import seal_found
from mlv.app.record.series import microseconds_of
from mlv.app.workspace import Workspace
from mlv.capture.execution.run_directory import NESTED
from mlv.capture.journal.reader import Journal, Nested, read_journal
from mlv.core.ids import RunId, parse_run_id
from mlv.core.paths import RepoPath
from mlv.core.run import API, Output, ParamSource, Run, Status
from mlv.errors import FileChangedError, MissingFileError, UnreadableFileError
from mlv.worktree.paths import real_path, repo_path

_NS = 1_000_000_000
_COARSE_NS = 10_000_000
"""The clock that stamps files may be this late."""


class _Child(msgspec.Struct, frozen=True, kw_only=True):
    """A nested run, before it is sealed."""

    id: RunId
    directory: Path
    journal: Journal
    nested: Nested
    end_ns: int
    artifacts: frozenset[RepoPath]


def seal_nested(workspace: Workspace, live: LiveRun, outer: Run) -> tuple[Run, ...]:
    """Return the records of all runs nested in one, at any depth, oldest first.

    Args:
        workspace: Where it is recorded.
        live: The run around them.
        outer: Its record.

    Raises:
        StorageError: The disk is full, read-only or failing; the runs can be sealed later.
    """
    start = live.start
    if start.kind == "reproduction" or not (live.directory / NESTED).is_dir():
        return ()
    workspace = msgspec.structs.replace(workspace, root=Path(start.root))
    found = _find_children(workspace, live, outer)
    children = sorted(found, key=lambda child: (child.nested.begun_ns, child.id))
    names = {outer.id: outer.name}
    n_inside = dict.fromkeys((outer.id, *(child.id for child in children)), 0)
    sealed = []
    with workspace.objects.transaction():
        for child in children:
            parent = RunId(child.nested.parent or outer.id)
            parent = parent if parent in names else outer.id
            n_inside[parent] += 1
            given = child.journal.name or child.nested.name
            names[child.id] = given or f"{names[parent]}.{n_inside[parent]}"
            run = _seal_child(workspace, child, outer, start.allowed_secrets)
            outputs, problems = _seal_outputs(workspace, child, children, start)
            sealed.append(
                msgspec.structs.replace(
                    run,
                    name=names[child.id],
                    parent=parent,
                    outputs=outputs,
                    problems=(*run.problems, *problems),
                )
            )
    return tuple(sealed)


def logged_params(journal: Journal) -> tuple[ParamSource, ...]:
    """Return the params that came through the Python API, if there are any."""
    return (ParamSource(name=API, values=journal.params),) if journal.params else ()


def _find_children(workspace: Workspace, live: LiveRun, outer: Run) -> Iterator[_Child]:
    began_ns = round(outer.started_at.timestamp() * _NS)
    outer_end_ns = began_ns + round(outer.duration_s * _NS)
    for directory in (live.directory / NESTED).iterdir():
        try:
            run_id = parse_run_id(directory.name)
        except ValueError:  # not ours
            continue
        journal = redact_journal(read_journal(directory), live.start.allowed_secrets)
        nested = journal.nested or Nested(name=None, begun_ns=began_ns)
        yield _Child(
            id=run_id,
            directory=directory,
            journal=journal,
            nested=nested,
            end_ns=nested.ended_ns or max(outer_end_ns, nested.begun_ns),
            artifacts=frozenset(repo_path(workspace.root, Path(p)) for p in journal.artifacts),
        )


def _seal_child(workspace: Workspace, child: _Child, outer: Run, allowed: Sequence[str]) -> Run:
    """Return the record of a nested run without its name, parent and outputs."""
    journal, nested = child.journal, child.nested
    started_at = datetime.fromtimestamp(nested.begun_ns / _NS, tz=timezone.utc)
    metrics = seal_found(workspace, (), journal, began_us=microseconds_of(started_at))
    attached = seal_attachments(workspace, child.directory, allowed)
    status = _status(nested, outer)
    return Run(
        id=child.id,
        name="",
        resumed=metrics.resumed,
        status=status,
        signal=outer.signal if status == "killed" else None,
        started_at=started_at,
        duration_s=round((child.end_ns - nested.begun_ns) / _NS, 6),
        user=outer.user,
        host=outer.host,
        command=outer.command,
        code=outer.code,
        environment=outer.environment,
        determinism=outer.determinism,
        observed=outer.observed,
        inputs=outer.inputs,
        params=logged_params(journal),
        metrics=metrics.metrics,
        metric_policies=outer.metric_policies,
        series=metrics.series,
        series_file=metrics.series_file,
        system=metrics.system,
        attachments=attached.attachments,
        tags=journal.tags,
        note=journal.note or "",
        problems=(*metrics.problems, *attached.problems, *journal.problems),
    )


def _status(nested: Nested, outer: Run) -> Status:
    if nested.ended_ns is not None:
        return "failed" if nested.failed else "finished"
    # What ended the command ended this run as well; or its own process died, and nobody saw.
    return outer.status if outer.status in ("killed", "preempted") else "lost"


def _seal_outputs(
    workspace: Workspace, child: _Child, all_children: Sequence[_Child], start: RunStart
) -> tuple[tuple[Output, ...], tuple[str, ...]]:
    """Store the artifacts that still hold what they held when the nested run ended."""
    outputs: list[Output] = []
    problems: list[str] = []
    rules = LeavingOut(workspace, start.allowed_secrets)
    with workspace.objects.transaction() as objects:
        for path in sorted(child.artifacts):
            declared = rules.declare(path)
            if declared.is_secret:
                problems.append(f"output {path} looks like a secret: it is not stored")
                continue
            problems += declared.problems()
            if _was_overwritten(workspace, path, child, all_children):
                problems.append(
                    f"output {path} was written again after this run: its content is not"
                    " recorded; let each nested run write a file of its own"
                )
                continue
            try:
                found = declared.fingerprint(objects)
            except MissingFileError:
                problems.append(f"output {path} was declared, but it is not there")
            except (UnreadableFileError, FileChangedError) as error:
                problems.append(f"output {path} was not stored: {error.message}")
            else:
                outputs.append(Output(path=path, source="declared", fingerprint=found))
    return tuple(outputs), tuple(problems)


def _was_overwritten(
    workspace: Workspace, path: RepoPath, child: _Child, all_children: Sequence[_Child]
) -> bool:
    later = (each for each in all_children if each.nested.begun_ns >= child.end_ns)
    if any(path in each.artifacts for each in later):
        return True
    place = real_path(workspace.root, path)
    return any(
        each.stat().st_mtime_ns > child.end_ns + _COARSE_NS
        for each in (place, *place.rglob("*"))
        if each.is_file()
    )
