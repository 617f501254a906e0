"""Run a command and record it: what `mlv run` does."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from mlv.app.bug_report import save_bug_report
from mlv.app.live_run import End, LiveRun, save_end
from mlv.app.publish import Invocation
from mlv.app.record.begin import RunRequest, abandon_run, begin_run
from mlv.app.record.seal import publish_run, seal_run
from mlv.app.reporter import Reporter
from mlv.app.workspace import Workspace
from mlv.capture.execution.heartbeat import beating
from mlv.capture.execution.process import Companion, Execution, Outcome, execute
from mlv.capture.execution.scheduler import find_stop, save_stop
from mlv.capture.execution.signals import Signals
from mlv.capture.execution.streams import Passthrough
from mlv.capture.execution.system_usage import SystemSampler
from mlv.capture.observing.observe import observer_environment
from mlv.capture.observing.strace import strace_argv
from mlv.core.run import Run, Status
from mlv.errors import MlvError, RecordingFailedError
from mlv.store.failures import storage_errors

_INTERRUPTED = 130
_HINT = "its outputs are untouched; when that is mended, seal the record with `mlv recover`"


def run_command(
    workspace: Workspace, request: RunRequest, invocation: Invocation, reporter: Reporter
) -> Run:
    """Run a command and publish its record, however the command ends.

    Signals that come while the record is sealed do not disturb that; a second Ctrl-C
    ends the process at once, and leaves the record to `mlv recover`.

    Raises:
        MlvError: Before the command ran: see `begin_run`.
        RecordingFailedError: After it ran; what it wrote is safe, and the run can be
            sealed with `mlv recover`. Its exit code is that of the command, if that failed.
    """
    with reporter.working("recording code and inputs"):
        live = begin_run(workspace, request, reporter)
    with beating(live.directory), Signals() as signals:
        try:
            end = execute_live(workspace, request, live, request.variables, signals=signals)
        except MlvError:  # it never started
            abandon_run(workspace, live)
            raise
        signals.hold_back(
            lambda: reporter.note("sealing the record; another Ctrl-C leaves that for later"),
            lambda: _leave(end, reporter),
        )
        try:
            return _seal(workspace, live, end, invocation, reporter)
        except MlvError as error:
            raise _failure(end, error.message) from error
        except Exception as error:
            report = save_bug_report(error, command=("run",))
            what = f"a bug in mlv: {type(error).__name__}: {error} (see {report})"
            raise _failure(end, what) from error


def execute_live(
    workspace: Workspace,
    request: RunRequest,
    live: LiveRun,
    variables: Mapping[str, str] | None = None,
    passthrough: Passthrough | None = None,
    *,
    signals: Signals | None = None,
) -> End:
    """Execute the command of a run that has begun; its output is passed through and kept.

    Args:
        workspace: Where it runs.
        request: What to execute.
        live: The run.
        variables: Environment variables to set beyond those of this process.
        passthrough: Where its output goes; our own output by default.
        signals: What takes signals, when the caller has to go on with that afterwards.

    Raises:
        CommandNotExecutableError, StorageError: The command was not started.
        NotPossibleError: It was to be run under `strace`, which cannot be used.
    """
    environment = {**os.environ, **(variables or {})}
    surroundings = live.start.surroundings
    with storage_errors("prepare the run"):
        environment |= observer_environment(
            live.directory,
            workspace.root,
            environment,
            observe=request.observe,
            by_shell=surroundings is None or surroundings.interpreter is None,
        )
    argv, executable = request.argv, Path(live.start.command.executable)
    if live.start.strace:
        argv, executable = strace_argv(argv, executable, live.directory)
    witness = _Witness(live, environment, samples=request.system)
    outcome = execute(
        Execution(
            argv=argv,
            executable=executable,
            cwd=request.directory,
            env=environment,
        ),
        live=live.directory,
        passthrough=passthrough,
        signals=signals,
        companion=witness,
    )
    return witness.describe_end(outcome)


def exit_code_of(ended: End | Run) -> int:
    """Return the exit code with which a shell tells how a command ended."""
    return 128 + ended.signal if ended.signal else ended.exit_code or 0


class _Witness(Companion):
    """Watches what the command uses, and whether a scheduler asks it to stop."""

    def __init__(self, live: LiveRun, environment: Mapping[str, str], *, samples: bool) -> None:
        self._live = live.directory
        self._environment = environment
        self._samples = samples
        self._sampler: SystemSampler | None = None

    def started(self, pid: int) -> None:
        """Begin to sample."""
        if self._samples:
            self._sampler = SystemSampler(self._live, pid, self._environment)

    def signalled(self, number: int) -> None:
        """Write down that a scheduler asks for the end, before it kills us all."""
        stop = find_stop(self._environment, number)
        if stop is not None:
            save_stop(self._live, stop)

    def describe_end(self, outcome: Outcome) -> End:
        """Write down what the command used, and return how it ended."""
        if self._sampler is not None:
            self._sampler.finish(outcome.totals)
        problems: tuple[str, ...] = ()
        if outcome.n_lost_bytes:
            problems = (f"the disk did not take {outcome.n_lost_bytes} bytes of the output",)
        return End(
            status=self._status(outcome),
            exit_code=outcome.exit_code,
            signal=outcome.signal,
            duration_s=outcome.duration_s,
            problems=problems,
        )

    def _status(self, outcome: Outcome) -> Status:
        came = (*outcome.received, outcome.signal)
        if any(find_stop(self._environment, number) for number in came):
            return "preempted"
        if outcome.signal:
            return "killed"
        return "finished" if outcome.exit_code == 0 else "failed"


def _seal(
    workspace: Workspace, live: LiveRun, end: End, invocation: Invocation, reporter: Reporter
) -> Run:
    save_end(live.directory, end)
    with workspace.objects.hold():
        with reporter.working("recording outputs"):
            run = seal_run(workspace, live, end)
        publish_run(workspace, live, run, invocation)
    return run


def _failure(end: End, reason: str) -> RecordingFailedError:
    message = f"the command ended, but its record was not sealed: {reason}"
    failure = RecordingFailedError(message, hint=_HINT)
    failure.exit_code = exit_code_of(end) or failure.exit_code
    return failure


def _leave(end: End, reporter: Reporter) -> None:
    reporter.warn("the record was left unsealed", hint="seal it with `mlv recover`")
    # What is half done is as after a crash, and everything is made to survive one.
    os._exit(exit_code_of(end) or _INTERRUPTED)
