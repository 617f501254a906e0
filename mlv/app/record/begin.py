"""Begin a run: take down everything that is true before the command starts."""

from __future__ import annotations

import os
import secrets
import shutil
import time
from collections.abc import Sequence
from datetime import datetime, timezone
from pathlib import Path

import msgspec

from mlv.app.live_run import KnownFile, LiveRun, RunStart, save_start
from mlv.app.publish import user_name
from mlv.app.record.check_request import check_words
from mlv.app.record.code import record_code, snapshot_ref
from mlv.app.record.environment import record_environment
from mlv.app.record.known_inputs import check_inputs, fingerprint_inputs
from mlv.app.record.params import read_params, store_params_files
from mlv.app.reporter import Reporter
from mlv.app.runs import read_runs
from mlv.app.workspace import Workspace
from mlv.capture.executable import resolve_executable
from mlv.capture.liveness import process_identity
from mlv.capture.redact import redact_argv
from mlv.core.ids import RunId, format_run_id, format_run_name
from mlv.core.run import Code, Command, ParamSource, Run, RunKind
from mlv.store.failures import storage_errors
from mlv.worktree.paths import real_path, repo_path
from mlv.worktree.signature import read_signature

_METRICS_FILES = ("metrics.json", "metrics.yaml", "metrics.yml", "metrics.toml")


class RunRequest(msgspec.Struct, frozen=True, kw_only=True):
    """What a person asks to be recorded.

    Attributes:
        argv: The command, word by word.
        directory: Where it runs; paths are relative to it.
        executable: The program that the first word stands for; None to look it up.
        name: None for a random one.
        inputs, outputs: Declared files and directories.
        params: Declared params files, as `FILE` or `FILE:KEY,KEY`.
        metrics: Declared metrics files.
        tensorboard: Directories of TensorBoard event files.
        stage: Name of the stage of `mlv.yaml` that this is.
        observe: Whether to watch which files a Python command opens.
        strace: Whether to watch native code as well, through `strace`.
        system: Whether to sample the use of the machine.
        store_external: Whether inputs outside the repository are stored.
        allow_secrets: Names that look like secrets and are none.
        kind, original, code: Set when a run is reproduced.
    """

    argv: tuple[str, ...]
    directory: Path
    executable: Path | None = None
    name: str | None = None
    tags: tuple[str, ...] = ()
    note: str = ""
    inputs: tuple[Path, ...] = ()
    outputs: tuple[Path, ...] = ()
    params: tuple[str, ...] = ()
    metrics: tuple[Path, ...] = ()
    tensorboard: tuple[Path, ...] = ()
    stage: str | None = None
    observe: bool = True
    strace: bool = False
    system: bool = True
    store_external: bool = False
    allow_secrets: tuple[str, ...] = ()
    kind: RunKind = "run"
    original: RunId | None = None
    code: Code | None = None


class _Checked(msgspec.Struct, frozen=True, kw_only=True):
    """What a request turned out to mean, before anything is written for it."""

    id: RunId
    now_ns: int
    executable: Path
    params: tuple[ParamSource, ...]


def begin_run(workspace: Workspace, request: RunRequest, reporter: Reporter) -> LiveRun:
    """Take the snapshot, fingerprint inputs, read params, and make the run visible.

    What can be wrong with the request is found before anything is written.

    Raises:
        UsageError: A word of the request cannot be recorded.
        CommandNotFoundError, CommandNotExecutableError: Of the command.
        MissingFileError: An input or a params file is not there.
        UnreadableFileError: A params file is malformed.
        GitError: The repository has no commit yet, or Git refuses.
        StorageError: The disk is full, read-only or failing.
    """
    check_words(request)
    now_ns = time.time_ns()
    checked = _Checked(
        id=format_run_id(now_ns // 1_000_000, secrets.token_bytes(10)),
        now_ns=now_ns,
        executable=request.executable or find_program(request.argv, request.directory),
        params=read_params(workspace, request),
    )
    check_inputs(workspace, request)
    live = workspace.layout.live / checked.id
    with workspace.objects.hold():
        earlier = read_runs(workspace).runs
        code = request.code or record_code(
            workspace,
            ref=snapshot_ref(checked.id),
            now_ns=now_ns,
            earlier=earlier,
            reporter=reporter,
        )
        try:
            with workspace.objects.transaction():
                start = _describe_start(workspace, request, checked, code, earlier)
            with storage_errors("begin the run"):
                live.mkdir()
                save_start(live, start)
        except BaseException:
            _abandon(workspace, live, checked.id, request.kind)
            raise
    return LiveRun(directory=live, start=start)


def abandon_run(workspace: Workspace, live: LiveRun) -> None:
    """Forget a run whose command never started."""
    _abandon(workspace, live.directory, live.start.id, live.start.kind)


def find_program(argv: Sequence[str], directory: Path) -> Path:
    """Return the program that the first word of a command stands for, here and now.

    Raises:
        CommandNotFoundError, CommandNotExecutableError: It is not to be had.
    """
    return resolve_executable(argv[0], directory, os.environ.get("PATH"))


def _describe_start(
    workspace: Workspace,
    request: RunRequest,
    checked: _Checked,
    code: Code,
    earlier: Sequence[Run],
) -> RunStart:
    """Take down and store what is true now besides the code."""
    now_ns = checked.now_ns
    store_params_files(workspace, checked.params)
    return RunStart(
        id=checked.id,
        name=request.name or format_run_name(secrets.randbits(64), (r.name for r in earlier)),
        kind=request.kind,
        original=request.original,
        root=str(workspace.root),
        process=process_identity(),
        started_at=datetime.fromtimestamp(now_ns / 1e9, tz=timezone.utc),
        user=user_name(),
        host=os.uname().nodename,
        command=_command(workspace, request, checked.executable),
        code=code,
        environment=record_environment(workspace, checked.executable, request.directory),
        observed=request.observe,
        inputs=fingerprint_inputs(workspace, request, earlier),
        outputs=_known_files(workspace, request.outputs, now_ns),
        params=checked.params,
        metrics_files=_known_files(workspace, _metrics_files(workspace, request), now_ns),
        metrics_declared=bool(request.metrics),
        metric_policies=workspace.settings.project.policies(request.stage),
        tensorboard=tuple(repo_path(workspace.root, path) for path in request.tensorboard),
        strace=request.strace,
        store_external=request.store_external,
        allowed_secrets=request.allow_secrets,
        tags=request.tags,
        note=request.note,
    )


def _abandon(workspace: Workspace, live: Path, run_id: RunId, kind: RunKind) -> None:
    shutil.rmtree(live, ignore_errors=True)
    if kind == "run":  # a reproduction has the snapshot of the run that it repeats
        workspace.git.delete_ref(snapshot_ref(run_id))


def _command(workspace: Workspace, request: RunRequest, executable: Path) -> Command:
    return Command(
        argv=redact_argv(request.argv),
        directory=repo_path(workspace.root, request.directory),
        executable=str(executable),
        stage=request.stage,
    )


def _metrics_files(workspace: Workspace, request: RunRequest) -> tuple[Path, ...]:
    if request.metrics:
        return request.metrics
    places = dict.fromkeys((request.directory, workspace.root))
    return tuple(place / name for place in places for name in _METRICS_FILES)


def _known_files(
    workspace: Workspace, paths: tuple[Path, ...], now_ns: int
) -> tuple[KnownFile, ...]:
    known = dict.fromkeys(repo_path(workspace.root, path) for path in paths)
    return tuple(
        KnownFile(
            path=path,
            signature=read_signature(real_path(workspace.root, path), now_ns=now_ns),
        )
        for path in known
    )
