"""Begin a run: take down everything that is true before the command starts."""

from __future__ import annotations

import difflib
import os
import secrets
import shlex
import shutil
import time
from collections.abc import Sequence
from datetime import datetime, timezone
from pathlib import Path

import msgspec

from mlv.app.live_run import KnownFile, LiveRun, RunStart, save_start
from mlv.app.publish import user_name
from mlv.app.record.check_request import check_words
from mlv.app.record.clean import check_clean
from mlv.app.record.code import record_code, snapshot_ref
from mlv.app.record.environment import describe_environment
from mlv.app.record.known_inputs import check_inputs, fingerprint_inputs
from mlv.app.record.params import read_params, store_params_files
from mlv.app.reporter import Reporter
from mlv.app.runs import read_runs
from mlv.app.workspace import Workspace
from mlv.capture.execution.executable import resolve_executable
from mlv.capture.execution.liveness import process_identity
from mlv.capture.redact import Redactor
from mlv.core.enumeration import enumerate_some
from mlv.core.ids import RunId, format_run_id, format_run_name
from mlv.core.run import Code, Command, ParamSource, Run, RunKind
from mlv.errors import CommandNotFoundError
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
        recorded_argv: What the record says instead of `argv`; None for `argv`.
        variables: Environment variables to set beyond those of this process.
        name: None for a random one.
        inputs, outputs: Declared files and directories.
        urls: Declared inputs that are no files, credentials included.
        params: Declared params files, as `FILE` or `FILE:KEY,KEY`.
        metrics: Declared metrics files.
        tensorboard: Directories of TensorBoard event files.
        stage: Name of the stage of `mlv.yaml` that this is.
        observe: Whether to watch which files a Python command opens.
        strace: Whether to watch native code as well, through `strace`.
        system: Whether to sample the use of the machine.
        store_external: Whether inputs outside the repository are stored.
        allow_secrets: Names that look like secrets and are none, beside those of `mlv.yaml`.
        require_clean: Whether to refuse code that no commit holds.
        id: None for a new one.
        kind, original, code: Set when a run is reproduced.
    """

    argv: tuple[str, ...]
    directory: Path
    executable: Path | None = None
    recorded_argv: tuple[str, ...] | None = None
    variables: dict[str, str] = {}
    name: str | None = None
    tags: tuple[str, ...] = ()
    note: str = ""
    inputs: tuple[Path, ...] = ()
    urls: tuple[str, ...] = ()
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
    require_clean: bool = False
    id: RunId | None = None
    kind: RunKind = "run"
    original: RunId | None = None
    code: Code | None = None


class _Checked(msgspec.Struct, frozen=True, kw_only=True):
    """What a request turned out to mean, before anything is written for it.

    Attributes:
        id: Of the run.
        now_ns: When it began, nanoseconds since 1970.
        executable: What the first word of the command stands for.
        params: What is known of its params.
        argv, name, tags, note: As in the request, without secrets.
    """

    id: RunId
    now_ns: int
    executable: Path
    params: tuple[ParamSource, ...]
    argv: tuple[str, ...]
    name: str
    tags: tuple[str, ...]
    note: str


def begin_run(workspace: Workspace, request: RunRequest, reporter: Reporter) -> LiveRun:
    """Take the snapshot, fingerprint inputs, read params, and make the run visible.

    What can be wrong with the request is found before anything is written.

    Raises:
        UsageError: A word of the request cannot be recorded.
        CommandNotFoundError, CommandNotExecutableError: Of the command.
        MissingFileError: An input or a params file is not there.
        UnreadableFileError: A params file is malformed.
        GitError: Git refuses.
        StorageError: The disk is full, read-only or failing.
    """
    if request.recorded_argv is not None:
        request = msgspec.structs.replace(request, argv=request.recorded_argv)
    check_words(request)
    if request.require_clean:
        check_clean(workspace)
    now_ns = time.time_ns()
    redactor = Redactor(allowed_secrets(workspace, request.allow_secrets))
    checked = _Checked(
        id=request.id or new_run_id(now_ns),
        now_ns=now_ns,
        executable=request.executable or find_command(workspace, request.argv, request.directory),
        params=read_params(workspace, request, redactor),
        argv=redactor.redact_argv(request.argv),
        name=redactor.redact_text(request.name or "", name="name"),
        tags=tuple(redactor.redact_text(tag, name="tag") for tag in request.tags),
        note=redactor.redact_text(request.note, name="note"),
    )
    _report_secrets(redactor, reporter)
    check_inputs(workspace, request)
    live = workspace.layout.live / checked.id
    with workspace.objects.hold():
        earlier = read_runs(workspace).runs
        code = request.code or record_code(
            workspace,
            ref=snapshot_ref(checked.id),
            earlier=earlier,
            reporter=reporter,
            allow_secrets=request.allow_secrets,
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
    return LiveRun(directory=live, start=start, urls=request.urls)


def abandon_run(workspace: Workspace, live: LiveRun) -> None:
    """Forget a run whose command never started."""
    _abandon(workspace, live.directory, live.start.id, live.start.kind)


def new_run_id(now_ns: int) -> RunId:
    """Return the id of a run that begins now, nanoseconds since 1970."""
    return format_run_id(now_ns // 1_000_000, secrets.token_bytes(10))


def allowed_secrets(workspace: Workspace, more: Sequence[str] = ()) -> tuple[str, ...]:
    """Return the names that look like secrets and are none: those of `mlv.yaml`, and more."""
    return tuple(dict.fromkeys((*workspace.settings.project.allow_secrets, *more)))


def find_program(argv: Sequence[str], directory: Path) -> Path:
    """Return the program that the first word of a command stands for, here and now.

    Raises:
        CommandNotFoundError, CommandNotExecutableError: It is not to be had.
    """
    return resolve_executable(argv[0], directory, os.environ.get("PATH"))


def find_command(workspace: Workspace, argv: Sequence[str], directory: Path) -> Path:
    """Return the program of a command; a misspelt stage is told.

    Raises:
        CommandNotFoundError, CommandNotExecutableError: It is not to be had.
    """
    try:
        return find_program(argv, directory)
    except CommandNotFoundError as error:
        stages = workspace.settings.project.stages
        nearest = difflib.get_close_matches(argv[0], stages, n=1)
        if not nearest:
            raise
        hint = f"did you mean the stage {nearest[0]!r}?"
        raise CommandNotFoundError(error.message, hint=hint) from error


def _report_secrets(redactor: Redactor, reporter: Reporter) -> None:
    """Say what was taken out, by name, and how to have it recorded all the same."""
    if redactor.taken:
        names = list(redactor.taken)
        flags = " ".join(f"--allow-secret {shlex.quote(name)}" for name in names[:3])
        what = "value was" if len(names) == 1 else "values were"
        reporter.note(
            f"{len(names)} {what} taken for a secret and not recorded: {enumerate_some(names)}"
            f" (if that is wrong: `mlv run {flags} ...`)"
        )


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
        name=checked.name or format_run_name(secrets.randbits(64), (r.name for r in earlier)),
        kind=request.kind,
        original=request.original,
        root=str(workspace.root),
        process=process_identity(),
        started_at=datetime.fromtimestamp(now_ns / 1e9, tz=timezone.utc),
        user=user_name(),
        host=os.uname().nodename,
        command=_command(workspace, request, checked),
        code=code,
        surroundings=describe_environment(workspace, checked.executable, request.directory),
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
        allowed_secrets=allowed_secrets(workspace, request.allow_secrets),
        tags=checked.tags,
        note=checked.note,
    )


def _abandon(workspace: Workspace, live: Path, run_id: RunId, kind: RunKind) -> None:
    shutil.rmtree(live, ignore_errors=True)
    if kind == "run":  # a reproduction has the snapshot of the run that it repeats
        workspace.git.delete_ref(snapshot_ref(run_id))


def _command(workspace: Workspace, request: RunRequest, checked: _Checked) -> Command:
    return Command(
        argv=checked.argv,
        directory=repo_path(workspace.root, request.directory),
        executable=str(checked.executable),
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
