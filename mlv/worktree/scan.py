"""Scan a directory and all below it, in as many processes as it is worth."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext

from mlv.worktree.assembly import Assembly, Progress
from mlv.worktree.picks import Picks
from mlv.worktree.scan_directory import read_files, scan_part
from mlv.worktree.scan_tasks import ReadTask, Result, Task
from mlv.worktree.sinks import Sink, Taker, forked_taker, may_fork, taker_of, writer_of

_MANY_NAMES = 2000
_MANY_BYTES = 64 << 20
"""More names or bytes than these are worth other processes."""

_TASK_BYTES = 16 << 20
_NO_LIMIT = 1 << 62


def scan(
    path: bytes,
    sink: Sink,
    *,
    progress: Progress | None = None,
    n_workers: int | None = None,
    keep: bool = False,
    picks: Picks | None = None,
) -> Assembly:
    """Look at all that a directory holds; give its content to a sink.

    Args:
        path: The directory, absolute.
        sink: Where content goes.
        progress: Is told how far it has come.
        n_workers: How many processes to use; None for as many as it is worth.
        keep: Whether the entries of directories are wanted afterwards.
        picks: Which files count; None for all.

    Returns:
        What was found; everything in it is finished.

    Raises:
        UnreadableFileError: Something has a name or is a link that cannot be stored.
        FileChangedError: A file changed each time while it was being read.
        OSError: Something cannot be read, or vanished; with its path.
    """
    taker = taker_of(sink)
    may_share = n_workers != 1 and may_fork(sink)
    assembly = Assembly(
        path,
        taker,
        read_bytes=_TASK_BYTES if may_share else _NO_LIMIT,
        keep=keep,
        progress=progress,
        picks=picks,
    )
    tasks = deque[Task](assembly.first_tasks())
    while tasks:
        if may_share and len(tasks) > 1 and _is_much(assembly):
            may_share = False
            if _work_in_processes(tasks, sink, assembly, n_workers):
                break
        tasks.extend(assembly.take(_work_on(tasks.popleft(), taker)))
    for task in assembly.large:
        assembly.take(_work_on(task, taker))
    assembly.end()
    return assembly


def _work_in_processes(
    tasks: deque[Task], sink: Sink, assembly: Assembly, n_workers: int | None
) -> bool:
    """Do all tasks, and those that come of them, in other processes, if there can be several."""
    from mlv.store.workers import count_workers, run_in_workers

    n_processes = count_workers() if n_workers is None else n_workers
    if n_processes > 1:
        objects = writer_of(sink)
        with nullcontext() if objects is None else objects.with_workers():
            run_in_workers(tasks, lambda: _work(sink), assembly.take, n_workers=n_processes)
    return n_processes > 1


def _is_much(assembly: Assembly) -> bool:
    return assembly.n_names > _MANY_NAMES or assembly.n_bytes > _MANY_BYTES


@contextmanager
def _work(sink: Sink) -> Iterator[Callable[[Task], Result]]:
    with forked_taker(sink) as taker:
        yield lambda task: _work_on(task, taker)


def _work_on(task: Task, taker: Taker) -> Result:
    return read_files(task, taker) if isinstance(task, ReadTask) else scan_part(task, taker)
