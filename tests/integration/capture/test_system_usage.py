from __future__ import annotations

import contextlib
import os
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from mlv.capture.execution import system_usage
from mlv.capture.execution.process import Totals
from mlv.capture.execution.process_tree import ProcessTree, list_processes
from mlv.capture.execution.system_usage import SystemSampler, read_network_bytes
from mlv.capture.journal.reader import read_journal

_MIB = 1 << 20
_WAIT = "print('ready', flush=True)\nsys.stdin.read()"
_TOTALS = Totals(cpu_s=1.5, peak_memory_bytes=0, disk_read_bytes=0, disk_write_bytes=4096)


class Script:
    """A Python process that says when it is ready, and waits to be killed."""

    def __init__(self, code: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", f"import os, sys, time\n{code}\n{_WAIT}"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
        )
        assert self.process.stdout is not None
        self.said = self.process.stdout.readline()
        self.tree = ProcessTree(self.process.pid)

    def end(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        if self.process.stdin is not None and not self.process.stdin.closed:
            self.process.communicate()


@pytest.fixture
def scripts() -> Iterator[list[Script]]:
    started: list[Script] = []
    yield started
    for script in started:
        script.end()


def _start(scripts: list[Script], code: str) -> Script:
    scripts.append(Script(code))
    return scripts[-1]


def test_memory_that_is_shared_counts_once_in_the_proportional_size(scripts: list[Script]) -> None:
    script = _start(scripts, f"data = os.urandom({64 * _MIB})\nfor _ in range(3):\n"
                             "    if not os.fork(): time.sleep(60)")  # fmt: skip
    use = script.tree.measure()
    assert use is not None
    assert use.n_processes == 4
    assert use.rss_bytes > 4 * 64 * _MIB
    assert use.pss_bytes is not None
    assert 64 * _MIB < use.pss_bytes < 2 * 64 * _MIB


def test_processor_time_of_children_that_ended_still_counts(scripts: list[Script]) -> None:
    code = (
        "if not os.fork():\n    while time.process_time() < 0.3: pass\n    os._exit(0)\nos.wait()"
    )
    use = _start(scripts, code).tree.measure()
    assert use is not None
    assert (use.n_processes, use.cpu_s > 0.2) == (1, True)  # counted in ticks


def test_bytes_to_disk_count(scripts: list[Script], tmp_path: Path) -> None:
    code = f"f = open({str(tmp_path / 'f')!r}, 'wb'); f.write(bytes({_MIB})); f.flush()"
    use = _start(scripts, code).tree.measure()
    if not Path("/proc/self/io").exists():
        pytest.skip("this system counts no bytes")
    assert use is not None
    assert use.disk_write_bytes >= _MIB


def test_process_whose_parent_ended_still_belongs_to_the_tree(scripts: list[Script]) -> None:
    code = (
        "r, w = os.pipe()\n"
        "if not os.fork():\n"
        "    if os.fork(): os.read(r, 1); os._exit(0)\n"
        "    time.sleep(60)\n"
        "print(1)"
    )
    script = _start(scripts, code)
    before = script.tree.measure()
    while before is None or before.n_processes < 3:
        before = script.tree.measure()
    parents = {each.pid: each.parent_pid for each in list_processes()}
    (middle,) = (pid for pid, parent in parents.items() if parent == script.process.pid)
    os.kill(middle, signal.SIGKILL)
    while any(each.parent_pid == middle for each in list_processes()):
        os.sched_yield()
    after = script.tree.measure()
    assert after is not None
    assert after.n_processes >= 2


def test_tree_that_has_ended_has_no_use(scripts: list[Script]) -> None:
    script = _start(scripts, "")
    script.end()
    assert script.tree.measure() is None


def test_process_number_that_is_used_again_is_another_process(scripts: list[Script]) -> None:
    tree = _start(scripts, "").tree
    assert tree.measure() is not None
    tree._members = dict.fromkeys(tree._members, 1.0)  # noqa: SLF001 - as if it had begun earlier
    assert tree.measure() is None


def test_network_counts_only_go_up() -> None:
    first, second = read_network_bytes(), read_network_bytes()
    assert all(before <= after for before, after in zip(first, second, strict=True))


def _sample_until(sampler_of: Script, live: Path, n_samples: int) -> dict[str, int]:
    """Sample a script until so many samples are written; return points by series."""
    done = threading.Semaphore(0)
    sample = SystemSampler._sample  # noqa: SLF001

    class Counted(SystemSampler):
        def _sample(self, *arguments: object) -> None:
            sample(self, *arguments)  # type: ignore[arg-type]
            done.release()

    sampler = Counted(live, sampler_of.process.pid, {"CUDA_VISIBLE_DEVICES": ""})
    assert all(done.acquire(timeout=60) for _ in range(n_samples))
    sampler.finish(_TOTALS)
    series = read_journal(live).series
    return {name: len(points.steps) for name, points in series.items()}


def test_samples_become_series_of_the_run(
    scripts: list[Script], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    began_s = time.monotonic()
    monkeypatch.setattr(
        system_usage, "_moments", lambda: (time.monotonic() - began_s for _ in range(3))
    )
    monkeypatch.setattr(system_usage, "_FIRST_S", 0.0)
    monkeypatch.setattr(system_usage, "_SHARE", 1e9)
    counts = _sample_until(_start(scripts, ""), tmp_path, 3)
    assert counts == {
        "system/cpu_percent": 3,
        "system/cpu_seconds": 1,
        "system/disk_read_bytes": 4,
        "system/disk_write_bytes": 4,
        "system/memory_peak_bytes": 1,
        "system/memory_pss_bytes": counts["system/memory_pss_bytes"],
        "system/memory_rss_bytes": 3,
        "system/network_received_bytes": 4,
        "system/network_sent_bytes": 4,
        "system/processes": 3,
    }


def test_short_command_has_totals_alone(scripts: list[Script], tmp_path: Path) -> None:
    sampler = SystemSampler(tmp_path, _start(scripts, "").process.pid, {})
    sampler.finish(_TOTALS)
    series = read_journal(tmp_path).series
    assert {name: points.values for name, points in series.items()} == {
        "system/cpu_seconds": [1.5],
        "system/disk_read_bytes": [0],
        "system/disk_write_bytes": [4096],
    }


def test_sampler_that_hangs_in_a_driver_does_not_hold_up_the_end(
    scripts: list[Script], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hanging, let_go = threading.Event(), threading.Event()

    def hang(*_: object) -> None:
        hanging.set()
        let_go.wait()

    monkeypatch.setattr(system_usage, "_FIRST_S", 0.0)
    monkeypatch.setattr(system_usage, "_PATIENCE_S", 0.01)
    monkeypatch.setattr(SystemSampler, "_sample", hang)
    monkeypatch.setattr(system_usage, "_moments", lambda: iter([0.0]))
    sampler = SystemSampler(tmp_path, _start(scripts, "").process.pid, {})
    assert hanging.wait(timeout=60)
    sampler.finish(_TOTALS)
    assert read_journal(tmp_path).series == {}
    let_go.set()


def test_command_ends_while_its_last_words_are_read(scripts: list[Script]) -> None:
    script = _start(scripts, "")
    end = os.pidfd_open(script.process.pid)
    os.kill(script.process.pid, signal.SIGKILL)
    select.select([end], [], [])
    os.close(end)
    use = script.tree.measure()  # a zombie: it has no memory any more
    assert use is None or use.rss_bytes == 0
