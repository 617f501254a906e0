"""Seal runs that lost the process that recorded them."""

from __future__ import annotations

import shutil
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path

import msgspec

from mlv.app.live_run import (
    End,
    LiveRun,
    find_start,
    is_unsealed,
    list_live,
    load_end,
    load_start,
    note_sealed,
    was_sealed,
)
from mlv.app.publish import Invocation
from mlv.app.record.begin import abandon_run
from mlv.app.record.code import snapshot_ref
from mlv.app.record.seal import publish_run, seal_run
from mlv.app.runs import find_alive
from mlv.app.workspace import Workspace
from mlv.capture.execution.heartbeat import SEALED_AFTER_S, age_s, silence_s
from mlv.capture.execution.scheduler import load_stop
from mlv.core.ids import RunId
from mlv.core.run import Run
from mlv.core.state import reduce_operations
from mlv.errors import MlvError, NoSuchRunError, NotPossibleError
from mlv.store.failures import storage_errors
from mlv.store.lock import exclusive_lock

_PATIENCE_S = 10.0
_UNBEGUN_S = 3_600.0
_KEPT_S = 7 * 86_400.0
"""How long a process that was only asleep can come back and complete its record."""


class SilentRun(msgspec.Struct, frozen=True, kw_only=True):
    """A run of another host or container that may still go on.

    Attributes:
        name: What it is called.
        host: Where it runs, or ran.
        silence_s: For how long it has given no sign of life.
    """

    name: str
    host: str
    silence_s: float


class Recovered(msgspec.Struct, frozen=True, kw_only=True):
    """What was done with runs that were left.

    Attributes:
        sealed: Runs that have a record now.
        cleared: Names of reproductions that were removed: without a verdict they say nothing.
        silent: Runs that were left alone, as nobody can tell whether they still go on.
        failed: Why others could not be sealed; what is left of them is kept.
    """

    sealed: tuple[Run, ...] = ()
    cleared: tuple[str, ...] = ()
    silent: tuple[SilentRun, ...] = ()
    failed: tuple[MlvError, ...] = ()


def recover_runs(
    workspace: Workspace, invocation: Invocation, *, force: Collection[str] = ()
) -> Recovered:
    """Seal every run in progress whose recording process is known to be dead.

    The record says that its inputs and outputs are those that were found now. A run of
    another host is sealed when it has been silent for ten minutes, and from a copy: when
    its process was only asleep, it goes on and replaces the record with its own.

    Args:
        workspace: Where.
        invocation: Who asks.
        force: Names or ids of runs of other hosts that a person knows to be dead.

    Raises:
        NoSuchRunError: No run in progress has a name in `force`.
        NotPossibleError: Such a run goes on before our eyes.
        LockedError: Another process does the same.
    """
    lock = workspace.layout.root / "recover-lock"
    with exclusive_lock(lock, purpose="sealing lost runs", patience_s=_PATIENCE_S):
        directories = list_live(workspace.layout.live)
        forced = {_find_forced(directories, reference) for reference in force}
        published = reduce_operations(workspace.operations.read()).runs
        work = _Work(workspace, invocation, frozenset(published), forced)
        for directory in directories:
            work.recover(directory)
        work.clear_remains()
    return Recovered(
        sealed=tuple(work.sealed),
        cleared=tuple(work.cleared),
        silent=tuple(work.silent),
        failed=tuple(work.failed),
    )


class _Work:
    """What one call of `recover_runs` does, run by run."""

    def __init__(
        self,
        workspace: Workspace,
        invocation: Invocation,
        published: frozenset[RunId],
        forced: Collection[Path],
    ) -> None:
        self.sealed: list[Run] = []
        self.cleared: list[str] = []
        self.silent: list[SilentRun] = []
        self.failed: list[MlvError] = []
        self._workspace = workspace
        self._invocation = invocation
        self._published = published
        self._forced = forced

    def recover(self, directory: Path) -> None:
        """Do what has to be done about one run; what fails is noted."""
        try:
            with storage_errors(f"seal what is left in {directory}"):
                self._recover(directory)
        except MlvError as error:
            if is_unsealed(directory):  # and not sealed by its own process since
                self.failed.append(error)

    def clear_remains(self) -> None:
        """Remove directories without a run in them.

        A recorder that is killed in its first moments leaves one, and so does a process
        that goes on to log after its run was sealed.
        """
        with suppress(OSError):  # they are in nobody's way
            for directory in self._workspace.layout.live.iterdir():
                if not is_unsealed(directory) and age_s(directory) > _UNBEGUN_S:
                    shutil.rmtree(directory, ignore_errors=True)
                    if directory.name not in self._published:
                        self._workspace.git.delete_ref(snapshot_ref(RunId(directory.name)))

    def _recover(self, directory: Path) -> None:
        live = LiveRun(directory=directory, start=load_start(directory))
        alive = find_alive(directory, live.start)
        silent_s = silence_s(directory) if alive is None else 0.0
        if alive:
            return
        if was_sealed(directory):
            if alive is False or silent_s > _KEPT_S:
                shutil.rmtree(directory)
        elif live.start.id in self._published:  # its recorder died just afterwards
            shutil.rmtree(directory)
        elif alive is None and silent_s < SEALED_AFTER_S and directory not in self._forced:
            run = SilentRun(name=live.start.name, host=live.start.host, silence_s=silent_s)
            self.silent.append(run)
        elif live.start.kind == "reproduction":
            self._drop_reproduction(live)
        elif alive is None:
            self._seal_copy(live)
        else:
            self.sealed.append(_seal(self._workspace, live, self._invocation))

    def _seal_copy(self, live: LiveRun) -> None:
        copy = self._workspace.layout.temporary / live.directory.name
        shutil.rmtree(copy, ignore_errors=True)
        try:
            shutil.copytree(live.directory, copy)
            copied = msgspec.structs.replace(live, directory=copy)
            self.sealed.append(_seal(self._workspace, copied, self._invocation))
            note_sealed(live.directory)
        finally:
            shutil.rmtree(copy, ignore_errors=True)

    def _drop_reproduction(self, live: LiveRun) -> None:
        sandbox = Path(live.start.root)
        if sandbox.is_relative_to(self._workspace.layout.cache):
            self._workspace.git.remove_worktree(sandbox)
        abandon_run(self._workspace, live)
        self.cleared.append(live.start.name)


def _find_forced(directories: Collection[Path], reference: str) -> Path:
    for directory in directories:
        start = find_start(directory)
        if start is None or was_sealed(directory):
            continue
        if start.name == reference or start.id.startswith(reference.lower()):
            if find_alive(directory, start):
                message = f"run {start.name!r} is still going on"
                raise NotPossibleError(message, hint="wait until it has ended, or stop it")
            return directory
    message = f"there is no run in progress {reference!r}"
    raise NoSuchRunError(message, hint="list runs with `mlv log`")


def _seal(workspace: Workspace, live: LiveRun, invocation: Invocation) -> Run:
    owner = msgspec.structs.replace(workspace, root=Path(live.start.root))
    problems = ["sealed later: files are as found then"]
    if owner.root.is_dir():
        owner = workspace.at(owner.root)
    else:
        problems.append(f"its worktree {live.start.root} is gone")
    end = load_end(live.directory) or _guess_end(live)
    with owner.objects.hold():
        run = seal_run(owner, live, end, problems=tuple(problems))
        publish_run(workspace, live, run, invocation)
    if owner.root.is_relative_to(workspace.layout.cache):  # an isolated run has its own worktree
        workspace.git.remove_worktree(owner.root)
    return run


def _guess_end(live: LiveRun) -> End:
    """Return what is known of the end of a command that nobody saw end."""
    newest = max(path.stat().st_mtime for path in live.directory.rglob("*"))
    asked = load_stop(live.directory)
    return End(
        status="lost" if asked is None else "preempted",
        duration_s=max(0.0, newest - live.start.started_at.timestamp()),
    )
