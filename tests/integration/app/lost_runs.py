"""Runs whose recorder is killed, for tests of what is left of them."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
from collections.abc import Callable

from mlv.app.live_run import list_live
from mlv.app.look.listing import list_runs
from mlv.app.publish import read_invocation
from mlv.app.record.recover import Recovered, recover_runs
from mlv.capture.execution.liveness import find_command
from mlv.core.run import Run
from tests.support.repository import Repository


def recover(repo: Repository, *force: str) -> tuple[Run, ...]:
    recovered = recover_all(repo, *force)
    assert recovered.failed == ()
    return recovered.sealed


def recover_all(repo: Repository, *force: str) -> Recovered:
    workspace = repo.open()
    return recover_runs(workspace, read_invocation(workspace, ("mlv", "recover")), force=force)


def listed(repo: Repository) -> list[tuple[str, str]]:
    listing = list_runs(repo.open(), limit=None, reproductions=True)
    return [(run.name, run.status) for run in listing.runs]


def kill_mid_run(
    repo: Repository,
    *,
    command: tuple[str, ...] = (),
    while_it_runs: Callable[[], None] | None = None,
) -> None:
    """Kill `mlv run` while its command waits, and then let the command end."""
    gate = repo.root.parent / "gate"
    ready = repo.root.parent / "ready"
    for pipe in (gate, ready):
        os.mkfifo(pipe)
    script = f"echo weights > model.pkl; echo > {ready}; read x < {gate}"
    process = subprocess.Popen(
        [
            sys.executable, "-m", "mlv", *(command or ("run", "-n", "victim", "-o", "model.pkl")),
            *(() if command else ("sh", "-c", script)),
        ],
        cwd=repo.root,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )  # fmt: skip
    ready.read_text()
    orphan = _open_command(repo)
    process.send_signal(signal.SIGKILL)
    process.wait()
    if while_it_runs is not None:
        while_it_runs()
    gate.write_text("go\n")
    ended = select.poll()  # `select` takes no descriptor beyond 1023, and there may be many
    ended.register(orphan, select.POLLIN)
    ended.poll()
    os.close(orphan)
    for pipe in (gate, ready):
        pipe.unlink()


def _open_command(repo: Repository) -> int:
    """Return a descriptor that can be read when the command of the only live run has ended."""
    (live,) = list_live(repo.open().layout.live)
    command = find_command(live)
    assert command is not None
    return os.pidfd_open(command.pid)
