from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from mlv.errors import FileChangedError, NotPossibleError
from mlv.store.workers import count_workers, run_in_workers

START = """
import os, signal, sys
from contextlib import contextmanager
from mlv.store.workers import run_in_workers

@contextmanager
def work():
    os.write(1, b"here\\n")
    yield {work}

def take(result):
    {take}
    return []

run_in_workers(range(8), work, take, n_workers=3)
"""


@contextmanager
def _double() -> Iterator[Callable[[int], int]]:
    yield lambda task: 2 * task


def _run(work_on: Callable[[int], object], tasks: list[int], *, n_workers: int = 2) -> list[object]:
    @contextmanager
    def work() -> Iterator[Callable[[int], object]]:
        yield work_on

    results: list[object] = []

    def take(result: object) -> list[int]:
        results.append(result)
        return []

    run_in_workers(tasks, work, take, n_workers=n_workers)
    return results


@pytest.mark.parametrize("n_workers", [1, 2, 5])
@pytest.mark.parametrize("n_tasks", [0, 1, 1000])
def test_every_task_has_one_result(n_workers: int, n_tasks: int) -> None:
    results = _run(lambda task: 2 * task, list(range(n_tasks)), n_workers=n_workers)
    assert sorted(map(str, results)) == sorted(str(2 * task) for task in range(n_tasks))


def test_results_lead_to_new_tasks() -> None:
    seen: list[int] = []

    def take(result: int) -> list[int]:
        seen.append(result)
        return [result, result + 1] if result < 40 else []

    run_in_workers([1], _double, take, n_workers=2)
    expected, pending = [], [1]
    while pending:
        result = 2 * pending.pop()
        expected.append(result)
        pending += [result, result + 1] if result < 40 else []
    assert sorted(seen) == sorted(expected)


def test_work_is_done_in_other_processes() -> None:
    assert str(os.getpid()) not in set(map(str, _run(lambda _: os.getpid(), [1] * 20)))


def test_tasks_and_results_may_be_larger_than_any_pipe() -> None:
    seen: list[int] = []

    @contextmanager
    def work() -> Iterator[Callable[[bytes], bytes]]:
        yield lambda task: task + task

    def take(result: bytes) -> list[bytes]:
        seen.append(len(result))
        return []

    run_in_workers([bytes(3 << 20)] * 8, work, take, n_workers=2)
    assert seen == [6 << 20] * 8


def test_expected_error_arrives_as_it_was_raised() -> None:
    def refuse(_: int) -> None:
        raise FileChangedError("it moved", hint="sit still")

    with pytest.raises(FileChangedError) as caught:
        _run(refuse, [1, 2, 3])
    assert (caught.value.message, caught.value.hint) == ("it moved", "sit still")


def test_error_of_the_system_keeps_its_path() -> None:
    def refuse(_: int) -> None:
        raise PermissionError(errno.EACCES, "Permission denied", "/some/file")

    with pytest.raises(PermissionError) as caught:
        _run(refuse, [1])
    assert (caught.value.errno, caught.value.filename) == (errno.EACCES, "/some/file")


def test_mistake_is_told_with_its_place() -> None:
    def mistake(task: int) -> float:
        return task / 0

    with pytest.raises(RuntimeError, match=r"in mistake\n(.|\n)*ZeroDivisionError"):
        _run(mistake, [1])


def test_error_at_the_end_of_the_work_arrives() -> None:
    @contextmanager
    def work() -> Iterator[Callable[[int], int]]:
        yield lambda task: task
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(OSError, match="No space left"):
        run_in_workers([1], work, lambda _: [], n_workers=2)


def test_work_is_left_once_in_each_child_after_all_tasks(tmp_path: Path) -> None:
    @contextmanager
    def work() -> Iterator[Callable[[int], int]]:
        done: list[int] = []

        def work_on(task: int) -> int:
            done.append(task)
            return task

        yield work_on
        (tmp_path / str(os.getpid())).write_text(" ".join(map(str, done)))

    run_in_workers(list(range(50)), work, lambda _: [], n_workers=3)
    files = list(tmp_path.iterdir())
    assert len(files) == 3
    done = [int(word) for file in files for word in file.read_text().split()]
    assert sorted(done) == list(range(50))


def test_error_of_the_one_who_takes_ends_the_children(tmp_path: Path) -> None:
    @contextmanager
    def work() -> Iterator[Callable[[int], int]]:
        yield lambda task: task
        (tmp_path / "finished").touch()

    def refuse(_: int) -> list[int]:
        raise ValueError("no more")

    with pytest.raises(ValueError, match="no more"):
        run_in_workers(list(range(50)), work, refuse, n_workers=2)
    assert not list(tmp_path.iterdir())
    with pytest.raises(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_child_that_is_killed_is_an_error(number: signal.Signals) -> None:
    with pytest.raises(NotPossibleError) as caught:
        _run(lambda _: os.kill(os.getpid(), number), [1, 2])
    assert caught.value.message == f"a process that was helping was killed by {number.name}"


def test_child_that_exits_is_an_error() -> None:
    with pytest.raises(NotPossibleError, match="a process that was helping ended with 5"):
        _run(lambda _: os._exit(5), [1])


@contextmanager
def _started(work: str, take: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run a parent of three children, in a session of its own, until all are there."""
    with subprocess.Popen(
        [sys.executable, "-c", START.format(work=work, take=take)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    ) as parent:
        assert parent.stdout is not None
        assert [parent.stdout.readline() for _ in range(3)] == [b"here\n"] * 3
        yield parent


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_no_child_outlives_its_parent(number: signal.Signals) -> None:
    with _started("lambda task: task", "signal.pause()") as parent:
        parent.send_signal(number)
        rest, messages = parent.communicate()  # returns when all have closed their ends
        assert (rest, messages, parent.returncode) == (b"", b"", -number)


def test_interrupt_from_the_terminal_ends_all_with_one_message() -> None:
    with _started("lambda task: signal.pause()", "pass") as parent:
        os.killpg(parent.pid, signal.SIGINT)
        _, messages = parent.communicate()
        assert messages.count(b"Traceback") == 1
        assert messages.rstrip().endswith(b"KeyboardInterrupt")
        assert parent.returncode == -signal.SIGINT


def test_other_threads_forbid_other_processes() -> None:
    ended = threading.Event()
    thread = threading.Thread(target=ended.wait)
    thread.start()
    try:
        assert count_workers() == 1
    finally:
        ended.set()
        thread.join()


def test_as_many_workers_as_there_are_cores_for_this_process() -> None:
    assert 1 <= count_workers() <= 8
