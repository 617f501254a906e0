"""Work on tasks one after the other, and in several processes when there are many."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

from mlv.store.workers import count_workers, run_in_workers
from mlv.worktree.checkout.edit import edit_directory
from mlv.worktree.checkout.fill import fill_directory, make_links
from mlv.worktree.checkout.folding import Folding
from mlv.worktree.checkout.refusals import explained
from mlv.worktree.checkout.supply import Supply
from mlv.worktree.checkout.task import Done, EditDirectory, FillDirectory, Task

_MANY_FILES = 256
_MANY_BYTES = 8 << 20


def work_on_all(
    supply: Supply, tasks: Iterable[Task], folding: Folding, take: Callable[[Done], None]
) -> None:
    """Work on all tasks and on those that come of them.

    Other processes are started when much was done and more is to do.

    Args:
        supply: Makes the files.
        tasks: What to begin with.
        folding: Which names are the same in new directories.
        take: Is given what came of each task.

    Raises:
        MlvError: As the tasks; others were not done or not to their end.
    """
    waiting = deque(tasks)
    n_files = n_bytes = 0
    while waiting:
        is_much = n_files > _MANY_FILES or n_bytes > _MANY_BYTES
        if is_much and len(waiting) > 1 and (n_workers := count_workers()) > 1:
            _share_out(supply, waiting, folding, take, n_workers)
            return
        done = _work_on(supply, waiting.popleft(), folding)
        n_files += done.n_written + done.n_removed
        n_bytes += done.written_bytes
        take(done)
        waiting.extend(done.tasks)
    supply.sync()


def _share_out(
    supply: Supply,
    tasks: Iterable[Task],
    folding: Folding,
    take: Callable[[Done], None],
    n_workers: int,
) -> None:
    @contextmanager
    def start() -> Iterator[Callable[[Task], Done]]:
        supply.on_block = None  # the parent is told about whole tasks
        yield lambda task: _work_on(supply, task, folding)
        supply.sync()

    def take_and_go_on(done: Done) -> Iterable[Task]:
        take(done)
        return done.tasks

    supply.objects.load_locations()
    run_in_workers(tasks, start, take_and_go_on, n_workers=n_workers)


def _work_on(supply: Supply, task: Task, folding: Folding) -> Done:
    if isinstance(task, EditDirectory):
        with explained(task.place):
            return edit_directory(supply, task)
    if isinstance(task, FillDirectory):
        with explained(task.shown):
            return fill_directory(supply, task, folding)
    with explained(task.place):
        return make_links(supply, task)
