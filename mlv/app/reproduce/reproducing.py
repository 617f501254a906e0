"""Reproduce a run: what `mlv reproduce` does."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import NoReturn

import msgspec

from mlv.app.look.showing import read_environment
from mlv.app.publish import Invocation
from mlv.app.record.begin import RunRequest, abandon_run, begin_run
from mlv.app.record.other_root import lead_modules, move_text
from mlv.app.record.run_command import execute_live
from mlv.app.record.seal import publish_run, seal_run
from mlv.app.record.series import read_series
from mlv.app.reporter import Reporter
from mlv.app.reproduce.preflight import Blocker, Preflight, check_run
from mlv.app.reproduce.sandbox import build_sandbox, remove_sandbox, sandbox_directory
from mlv.app.runs import find_run
from mlv.app.workspace import Workspace
from mlv.capture.execution.streams import Passthrough
from mlv.core.environment_diff import EnvironmentDiff
from mlv.core.paths import RepoPath
from mlv.core.run import API, ParamSource, Reproduction, Run, Tolerance
from mlv.core.run_diff import diff_environment_records
from mlv.core.verdict import Comparison, TolerancePolicy, Verdict, compare_reproduction
from mlv.errors import NotPossibleError
from mlv.worktree.paths import is_inside, is_url, os_path


class ReproduceRequest(msgspec.Struct, frozen=True, kw_only=True):
    """What a person asks for.

    Attributes:
        reference: The run.
        tolerance: Holds for every metric; None for what was recorded, else exact.
        keep: Whether to keep the worktree of the reproduction.
        stdout: Descriptor that the command's standard output is passed on to.
    """

    reference: str
    tolerance: Tolerance | None = None
    keep: bool = False
    stdout: int = 1


class ReproduceResult(msgspec.Struct, frozen=True, kw_only=True):
    """What came out.

    Attributes:
        original: The run that was to be made again.
        verdict: The answer.
        comparison: What was compared; None when the command did not run.
        reproduction: The record of the new run; None likewise.
        environment: How the environment differs from the recorded one.
        blockers: What stopped it.
        kept: Where the worktree of the reproduction is, if it was kept.
    """

    original: Run
    verdict: Verdict
    comparison: Comparison | None = None
    reproduction: Run | None = None
    environment: EnvironmentDiff = EnvironmentDiff()
    blockers: tuple[Blocker, ...] = ()
    kept: Path | None = None


def plan_reproduction(workspace: Workspace, reference: str) -> Preflight:
    """Find everything that would stop a reproduction; nothing is done.

    Raises:
        NoSuchRunError, AmbiguousRunError: Of the reference.
        NotPossibleError: The run was started inside another one.
        CorruptDataError: The record is damaged.
    """
    run = find_run(workspace, reference)
    if run.parent is not None:
        _refuse_nested(workspace, run)
    return check_run(workspace, run)


def _refuse_nested(workspace: Workspace, run: Run) -> NoReturn:
    outermost = run
    while outermost.parent is not None:
        outermost = find_run(workspace, outermost.parent)
    message = f"run {run.name!r} was started inside {outermost.name!r}: only that can be made again"
    raise NotPossibleError(message, hint=f"mlv reproduce {outermost.name}")


def reproduce(
    workspace: Workspace, request: ReproduceRequest, invocation: Invocation, reporter: Reporter
) -> ReproduceResult:
    """Make a run again in a worktree of its own, and compare the two.

    The reproduction is recorded as a run that points at the original.

    Raises:
        NoSuchRunError, AmbiguousRunError: Of the reference.
        NotPossibleError: The run was started inside another one.
        CorruptDataError: A record or an input is damaged.
        StorageError: The disk is full, read-only or failing.
    """
    preflight = plan_reproduction(workspace, request.reference)
    original = preflight.run
    if preflight.blockers:
        return ReproduceResult(original=original, verdict="cannot-run", blockers=preflight.blockers)
    _warn_of_outside(original, reporter)
    directory = sandbox_directory(workspace, original.id, secrets.token_hex(4))
    kept: Path | None = None
    try:
        build_sandbox(workspace, original, directory)
        sandbox = workspace.at(directory)
        run, comparison = _run(workspace, sandbox, preflight, request, invocation, reporter)
        if request.keep or comparison.verdict == "diverged":
            kept = directory
    finally:
        if kept is None:
            remove_sandbox(workspace, directory)
    recorded = read_environment(workspace, original.environment)
    current = read_environment(workspace, run.environment)
    return ReproduceResult(
        original=original,
        verdict=comparison.verdict,
        comparison=comparison,
        reproduction=run,
        environment=diff_environment_records(recorded, current),
        kept=kept,
    )


def _run(
    workspace: Workspace,
    sandbox: Workspace,
    preflight: Preflight,
    request: ReproduceRequest,
    invocation: Invocation,
    reporter: Reporter,
) -> tuple[Run, Comparison]:
    original = preflight.run
    run_request = _request(workspace, sandbox, preflight)
    variables = _variables(workspace, sandbox, original)
    passthrough = Passthrough(stdout=request.stdout)
    live = begin_run(sandbox, run_request, reporter)
    try:
        end = execute_live(sandbox, run_request, live, variables, passthrough)
        with sandbox.objects.hold():
            run = seal_run(sandbox, live, end)
            comparison = compare_reproduction(
                _with_series(sandbox, original),
                _with_series(sandbox, run),
                TolerancePolicy(flag=request.tolerance),
            )
            run = msgspec.structs.replace(
                run, reproduction=Reproduction(original=original.id, verdict=comparison.verdict)
            )
            publish_run(sandbox, live, run, invocation)
    except BaseException:
        abandon_run(sandbox, live)  # its files go with the sandbox, so nothing could seal it
        raise
    return run, comparison


def _request(workspace: Workspace, sandbox: Workspace, preflight: Preflight) -> RunRequest:
    run = preflight.run
    root = sandbox.root
    metrics_files = dict.fromkeys(m.source for m in run.metrics.values() if m.source != API)
    declared = [each for each in run.inputs if each.source != "observed"]
    return RunRequest(
        argv=tuple(move_text(workspace.root, root, word) for word in run.command.argv),
        directory=os_path(root, run.command.directory),
        executable=preflight.executable,
        inputs=tuple(os_path(root, i.path) for i in declared if not is_url(i.path)),
        urls=tuple(i.path for i in declared if is_url(i.path)),
        outputs=tuple(os_path(root, o.path) for o in run.outputs if o.source != "observed"),
        params=tuple(_declare(root, source) for source in run.params if source.file),
        metrics=tuple(os_path(root, RepoPath(name)) for name in metrics_files),
        observe=run.observed,
        kind="reproduction",
        original=run.id,
        code=run.code,
    )


def _declare(root: Path, source: ParamSource) -> str:
    """Return a params file and its keys as a person would name them with `--params`."""
    path = str(os_path(root, RepoPath(source.name)))
    return f"{path}:{','.join(source.keys)}" if source.keys else path


def _variables(workspace: Workspace, sandbox: Workspace, run: Run) -> dict[str, str]:
    """Return what to set: the recorded variables, and a module path that leads to the snapshot."""
    environment = read_environment(sandbox, run.environment)
    variables = {} if environment is None else dict(environment.variables)
    return variables | lead_modules(workspace, environment, sandbox.root)


def _with_series(workspace: Workspace, run: Run) -> Run:
    return msgspec.structs.replace(run, series=read_series(workspace, run))


def _warn_of_outside(run: Run, reporter: Reporter) -> None:
    for each in run.outputs:
        if not is_inside(each.path):
            reporter.warn(
                f"the command writes {each.path}, outside the repository, and will do so again",
                hint="`mlv reproduce --plan` runs nothing",
            )
