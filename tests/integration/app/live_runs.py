"""Runs in progress, made by hand so that nothing has to be waited for."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from mlv.app.live_run import End, LiveRun, save_start
from mlv.app.publish import read_invocation
from mlv.app.record.begin import RunRequest, begin_run
from mlv.app.record.seal import publish_run, seal_run
from mlv.app.reporter import SilentReporter
from mlv.capture.execution.liveness import process_identity
from mlv.core.run import Run
from tests.support.repository import Repository


def begin(repo: Repository, name: str, **request: object) -> LiveRun:
    """Begin a run that goes on as long as this process."""
    asked = RunRequest(argv=("sleep", "1000"), directory=repo.root, name=name, **request)  # type: ignore[arg-type]
    return begin_run(repo.open(), asked, SilentReporter())


@contextmanager
def recorded_elsewhere(live: LiveRun) -> Iterator[subprocess.Popen[bytes]]:
    """Let a run be recorded by another process, which can be killed."""
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        identity = process_identity(process.pid)
        save_start(live.directory, msgspec.structs.replace(live.start, process=identity))
        yield process
        process.kill()


def lose(live: LiveRun) -> None:
    """Make a run look as if its process had died."""
    with recorded_elsewhere(live):
        pass


def seal(repo: Repository, live: LiveRun) -> Run:
    """End a run, and publish its record."""
    workspace = repo.open()
    with workspace.objects.hold():
        run = seal_run(workspace, live, End(status="finished", exit_code=0, duration_s=1.5))
        publish_run(workspace, live, run, read_invocation(workspace, ("mlv", "run")))
    return run


def print_line(live: LiveRun, text: str, stream: str = "stdout") -> None:
    """Add a line to what the command of a run printed."""
    with Path(live.directory, f"{stream}.log").open("ab") as file:
        file.write(text.encode() + os.linesep.encode())
