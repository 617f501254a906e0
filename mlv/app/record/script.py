"""Record a script that was not started by `mlv run`: what `mlv.start_run()` does there."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

from mlv.app.live_run import End, LiveRun, save_end
from mlv.app.publish import read_invocation
from mlv.app.record.begin import RunRequest, begin_run
from mlv.app.record.seal import publish_run, seal_run
from mlv.app.reporter import SilentReporter
from mlv.app.workspace import Workspace
from mlv.capture.observe import RUN_DIR_VARIABLE
from mlv.capture.redact import redact_argv


class ScriptRecorder:
    """A script that is being recorded from within.

    Attributes:
        directory: Of the live run, for its journal.
    """

    def __init__(self, workspace: Workspace, live: LiveRun) -> None:
        self.directory = str(live.directory)
        self._workspace = workspace
        self._live = live
        self._started_s = time.monotonic()

    def finish(self, *, failed: bool) -> None:
        """Seal and publish the run.

        Raises:
            StorageError: The disk is full, read-only or failing; `mlv recover` seals it later.
        """
        end = End(
            status="failed" if failed else "finished",
            exit_code=1 if failed else 0,
            duration_s=time.monotonic() - self._started_s,
        )
        os.environ.pop(RUN_DIR_VARIABLE, None)
        save_end(self._live.directory, end)
        with self._workspace.objects.hold():
            run = seal_run(self._workspace, self._live, end)
            asked = read_invocation(self._workspace, run.command.argv)
            publish_run(self._workspace, self._live, run, asked)


def record_script(workspace: Workspace) -> ScriptRecorder:
    """Begin to record the Python program that this is called in.

    Files that it opens are not watched: its inputs are not known, and its outputs
    are those that it declares.

    Raises:
        MlvError: As `begin_run`.
    """
    request = RunRequest(
        argv=redact_argv(sys.orig_argv or (sys.executable, *sys.argv)),
        directory=Path.cwd(),
        executable=Path(sys.executable),
        observe=False,
    )
    live = begin_run(workspace, request, SilentReporter())
    os.environ[RUN_DIR_VARIABLE] = str(live.directory)  # for processes that the script starts
    return ScriptRecorder(workspace, live)
