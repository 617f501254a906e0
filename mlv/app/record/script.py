"""Record a script that was not started by `mlv run`: what `mlv.start_run()` does there."""

from __future__ import annotations

import os
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


_going_on: list[ScriptRecorder] = []
"""Tasks may have a run each; these may end in another order than they began in."""


class ScriptRecorder:
    """A script that is being recorded from within.

    Attributes:
        directory: Of the live run, for its journal.
        name: Of the run, unless the script names it.
    """

    def __init__(
        self, workspace: Workspace, live: LiveRun, watch: OwnWatch, before: dict[str, str]
    ) -> None:
        self.directory = str(live.directory)
        self.name = live.start.name
        self._workspace = workspace
        self._live = live
        self._watch = watch
        self._told = {name: each for name, each in os.environ.items() if before.get(name) != each}
        self._before = {name: before.get(name) for name in self._told}
        _going_on.append(self)
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
        self._stop_watching()  # what is read from now on is read by us
        save_end(self._live.directory, end)
        with self._workspace.objects.hold():
            run = seal_run(self._workspace, self._live, end)
            asked = read_invocation(self._workspace, run.command.argv)
            publish_run(self._workspace, self._live, run, asked)

    def _stop_watching(self) -> None:
        """Watch no more, and leave the environment to the runs that still go on."""
        self._watch.stop()
        later = _going_on[_going_on.index(self) + 1 :]
        _going_on.remove(self)
        if later:
            later[0]._before = self._before  # noqa: SLF001 - it is of the same class
            os.environ.update(_going_on[-1]._told)  # noqa: SLF001
            return
        for name, value in self._before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


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
    before = dict(os.environ)
    live = begin_run(workspace, request, SilentReporter())
    try:
        with storage_errors("watch the script"):
            watch = OwnWatch(live.directory, workspace.root)
    except BaseException:
        abandon_run(workspace, live)
        raise
    return ScriptRecorder(workspace, live, watch, before)


def _own_argv() -> tuple[str, ...]:
    argv = tuple(sys.orig_argv or (sys.executable, *sys.argv))
    for kernel in _KERNELS:
        if kernel in argv:
            # What follows names the connection of this kernel, which no other will have.
            return argv[: argv.index(kernel) + 1]
    return argv
