"""A few forked processes that work on many small tasks, for what Python's threads cannot speed up.

The parent hands out a few tasks at a time and takes results as they come; a result may lead
to new tasks. A child ends with its task pipe, so nothing stays behind when the parent is killed.
"""

from __future__ import annotations

import gc
import os
import pickle
import select
import signal
import sys
import threading
import warnings
from collections import deque
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Generic

from mlv.errors import MlvError, NotPossibleError
from mlv.store.failures import storage_errors
from mlv.store.worker_process import (
    END,
    ERROR,
    HEADER,
    TASKS,
    Result,
    Task,
    Work,
    serve,
)

_MOST_WORKERS = 8
_MOST_AT_ONCE = 32
_ROUNDS = 8
"""Tasks go out in lists, for a message costs more than a small task: at first an eighth of
a child's share, and single ones at the end, so that all children end together."""

_BLOCK = 1 << 20
_PIPE_BYTES = 1 << 20
_SET_PIPE_SIZE = 1031  # F_SETPIPE_SZ, which `fcntl` has since Python 3.10 on Linux only


def count_workers() -> int:
    """Return how many processes are worth starting here; 1 when none may be started."""
    if threading.active_count() > 1:
        return 1  # a child has one thread, and would wait forever for locks of the others
    cores = getattr(os, "sched_getaffinity", None)  # not on macOS
    return min(_MOST_WORKERS, (os.cpu_count() or 1) if cores is None else len(cores(0)))


def run_in_workers(
    tasks: Iterable[Task],
    work: Work[Task, Result],
    take: Callable[[Result], Iterable[Task]],
    *,
    n_workers: int,
) -> None:
    """Work on all tasks, and on those that come of them, in forked processes.

    Args:
        tasks: What to begin with.
        work: Entered once in each child; what it gives works on a task. Left when there
            are no more tasks.
        take: Called in the parent with each result, in no particular order; returns new tasks.
        n_workers: How many processes.

    Raises:
        MlvError, OSError: Of a child, or of `take`; the other children have been killed.
        NotPossibleError: A child was killed.
    """
    pool = _Pool(work)
    try:
        pool.start(n_workers)
        pool.run(deque(tasks), take)
        pool.finish()
    finally:
        pool.kill()


class _Child(Generic[Task]):
    """One forked process, as its parent sees it."""

    def __init__(self, pid: int, tasks: int, results: int) -> None:
        self.pid = pid
        self.tasks = tasks
        self.results = results
        self.n_lists = 0
        self._unsent = bytearray()
        self._received = bytearray()

    @property
    def has_unsent(self) -> bool:
        return bool(self._unsent)

    def give(self, tasks: list[Task]) -> None:
        data = pickle.dumps(tasks, pickle.HIGHEST_PROTOCOL)
        self._unsent += HEADER.pack(TASKS, len(data)) + data
        self.n_lists += 1
        self.send()

    def dismiss(self) -> None:
        """Say that there are no more tasks; only then the child finishes its work."""
        self._unsent += HEADER.pack(END, 0)
        self.send()

    def send(self) -> None:
        """Send as much as the child takes now; waiting for it could be waiting for ever."""
        with suppress(BlockingIOError, BrokenPipeError):  # a dead child is seen at its results
            while self._unsent:
                del self._unsent[: os.write(self.tasks, self._unsent)]

    def receive(self) -> list[tuple[bytes, bytes]]:
        """Return the messages that have come whole; the last is `DONE` when nothing follows."""
        block = os.read(self.results, _BLOCK)
        if not block:
            raise self._death()
        self._received += block
        messages = []
        while len(self._received) >= HEADER.size:
            kind, length = HEADER.unpack_from(self._received)
            end = HEADER.size + length
            if len(self._received) < end:
                break
            messages.append((kind, bytes(self._received[HEADER.size : end])))
            del self._received[:end]
        return messages

    def close(self) -> None:
        for descriptor in (self.tasks, self.results):
            if descriptor >= 0:
                os.close(descriptor)
        self.tasks = self.results = -1

    def wait(self) -> int:
        pid, self.pid = self.pid, 0
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) if pid else 0

    def _death(self) -> MlvError:
        code = self.wait()
        how = f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with {code}"
        hint = "run the same command again; if memory was short, `dmesg` tells"
        return NotPossibleError(f"a process that was helping {how}", hint=hint)


class _Pool(Generic[Task, Result]):
    """All children, and who has how much to do."""

    def __init__(self, work: Work[Task, Result]) -> None:
        self._work = work
        self._children: list[_Child[Task]] = []

    def start(self, n_workers: int) -> None:
        gc.freeze()  # what is there stays where it is, so that no page is copied for nothing
        # A signal between the fork and the first line of the child would run our code twice.
        old = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
        try:
            with storage_errors("start processes that help"):
                for _ in range(n_workers):
                    self._fork()
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, old)
            gc.unfreeze()

    def run(self, tasks: deque[Task], take: Callable[[Result], Iterable[Task]]) -> None:
        while True:
            self._hand_out(tasks)
            if not any(child.n_lists for child in self._children):
                return
            for child in self._wait():
                for kind, data in child.receive():
                    if kind == ERROR:
                        raise pickle.loads(data)  # noqa: S301 - of our own child
                    child.n_lists -= 1
                    for result in pickle.loads(data):  # noqa: S301 - of our own child
                        tasks.extend(take(result))

    def finish(self) -> None:
        """Let the children end their work, and wait for that."""
        for child in self._children:
            child.dismiss()
        for child in self._children:
            done = False
            while not done:
                for kind, data in child.receive():
                    if kind == ERROR:
                        raise pickle.loads(data)  # noqa: S301 - of our own child
                    done = True
            child.wait()

    def kill(self) -> None:
        """End what is still there, after an error."""
        for child in self._children:
            child.close()
            if child.pid:
                os.kill(child.pid, signal.SIGKILL)
                child.wait()

    def _hand_out(self, tasks: deque[Task]) -> None:
        """Give each child a list to work on, and one to go on with."""
        for n_ahead in range(2):
            for child in self._children:
                if tasks and child.n_lists <= n_ahead:
                    share = len(tasks) // (_ROUNDS * len(self._children))
                    n_tasks = max(1, min(share, _MOST_AT_ONCE))
                    child.give([tasks.popleft() for _ in range(n_tasks)])

    def _wait(self) -> list[_Child[Task]]:
        """Wait until children have said something; send them what they take meanwhile."""
        poll = select.poll()
        by_descriptor = {}
        for child in self._children:
            poll.register(child.results, select.POLLIN)
            by_descriptor[child.results] = child
            if child.has_unsent:
                poll.register(child.tasks, select.POLLOUT)
                by_descriptor[child.tasks] = child
        ready = []
        for descriptor, _ in poll.poll():
            child = by_descriptor[descriptor]
            if descriptor == child.results:
                ready.append(child)
            else:
                child.send()
        return ready

    def _fork(self) -> None:
        task_reader, task_writer = _pipe()
        result_reader, result_writer = _pipe()
        with warnings.catch_warnings():
            # Libraries may have threads of their own; no child calls anything that waits for them.
            warnings.simplefilter("ignore", DeprecationWarning)
            pid = os.fork()
        if pid == 0:
            try:
                for child in self._children:
                    child.close()
                os.close(task_writer)
                os.close(result_reader)
                serve(self._work, task_reader, result_writer)
            finally:
                os._exit(1)
        os.close(task_reader)
        os.close(result_writer)
        os.set_blocking(task_writer, False)
        self._children.append(_Child(pid, task_writer, result_reader))


def _pipe() -> tuple[int, int]:
    reader, writer = os.pipe()
    if sys.platform == "linux":
        import fcntl

        with suppress(OSError):  # more than the user may have
            fcntl.fcntl(writer, _SET_PIPE_SIZE, _PIPE_BYTES)
    return reader, writer
