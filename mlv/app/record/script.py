"""Record a script that was not started by `mlv run`: what `mlv.start_run()` does there."""

from __future__ import annotations

import sys
import time
from pathlib import Path

from mlv.app.live_run import End, LiveRun, save_end
from mlv.app.publish import read_invocation
from mlv.app.record.begin import RunRequest, abandon_run, begin_run
from mlv.app.record.own_watch import OwnWatch
from mlv.app.record.seal import publish_run, seal_run
from mlv.app.reporter import SilentReporter
from mlv.app.workspace import Workspace
from mlv.core.run import Status
from mlv.store.failures import storage_errors

_LATE = "watched from the moment mlv.start_run() was called: what was opened before is not known"

_KERNELS = ("ipykernel_launcher", "ipykernel")


class ScriptRecorder:
    """A script that is being recorded from within.

    Attributes:
        directory: Of the live run, for its journal.
        name: Of the run, unless the script names it.
    """

    def __init__(self, workspace: Workspace, live: LiveRun, watch: OwnWatch) -> None:
        self.directory = str(live.directory)
        self.name = live.start.name
        self._workspace = workspace
        self._live = live
        self._watch = watch
        self._started_s = time.monotonic()

    def finish(self, *, exit_code: int | None, signal: int | None) -> None:
        """Seal and publish the run.

        Args:
            exit_code: That of the script; None when a signal ended it.
            signal: Number of the signal that ended it.

        Raises:
            MlvError: The disk is full, for example; `mlv recover` seals the run later.
        """
        status: Status = "failed" if exit_code else "finished"
        end = End(
            status="killed" if signal else status,
            exit_code=exit_code,
            signal=signal,
            duration_s=time.monotonic() - self._started_s,
            problems=(_LATE,),
        )
        self._watch.stop()  # what is read from now on is read by us
        save_end(self._live.directory, end)
        with self._workspace.objects.hold():
            run = seal_run(self._workspace, self._live, end)
            asked = read_invocation(self._workspace, run.command.argv)
            publish_run(self._workspace, self._live, run, asked)


def record_script(workspace: Workspace) -> ScriptRecorder:
    """Begin to record the Python program that this is called in.

    Only the files that it opens from now on are seen.

    Raises:
        MlvError: As `begin_run`.
    """
    request = RunRequest(
        argv=_own_argv(),
        directory=Path.cwd(),
        executable=Path(sys.executable),
    )
    live = begin_run(workspace, request, SilentReporter())
    try:
        with storage_errors("watch the script"):
            watch = OwnWatch(live.directory, workspace.root)
    except BaseException:
        abandon_run(workspace, live)
        raise
    return ScriptRecorder(workspace, live, watch)


def _own_argv() -> tuple[str, ...]:
    argv = tuple(sys.orig_argv or (sys.executable, *sys.argv))
    for kernel in _KERNELS:
        if kernel in argv:
            # What follows names the connection of this kernel, which no other will have.
            return argv[: argv.index(kernel) + 1]
    return argv
