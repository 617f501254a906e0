"""Sample the use of the machine while a command runs.

What is sampled goes into the journal of the run as series named `system/...`, whose step is
the number of whole seconds since the command started.
"""

from __future__ import annotations

import contextlib
import itertools
import signal
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from mlv.capture.execution.process import Totals

if TYPE_CHECKING:
    from mlv.capture.execution.gpu import GpuMonitor
    from mlv.capture.execution.process_tree import ProcessTree
    from mlv.capture.journal.writer import JournalWriter

INTERVAL_S = 10.0
_FIRST_S = 1.0
_SECOND_S = 4.0
"""When samples are taken: a run of half a minute has some, a trivial one none."""

_SHARE = 0.01
"""Which part of a core sampling may take; where it takes more, it happens less often."""

_PATIENCE_S = 0.5
"""How long the end of a run waits for a driver that does not answer."""

_PERCENT = 100


class SystemSampler:
    """Samples the use of the machine by one command, in a thread of its own.

    Args:
        live: Directory of the run.
        pid: The command.
        environment: Of the command.
    """

    def __init__(self, live: Path, pid: int, environment: Mapping[str, str]) -> None:
        self._live = live
        self._pid = pid
        self._environment = environment
        self._began_s = time.monotonic()
        self._stop = threading.Event()
        self._writer: JournalWriter | None = None
        self._peak_bytes = 0
        self._disk_bytes = (0, 0)
        self._last_cpu = (0.0, 0.0)
        self._network = read_network_bytes()
        self._thread = threading.Thread(target=self._run, name="mlv-system", daemon=True)
        with contextlib.suppress(RuntimeError):  # no more threads
            self._thread.start()

    def finish(self, totals: Totals) -> None:
        """Stop, and write down what the command used altogether.

        Args:
            totals: As the system said when the command ended.
        """
        self._stop.set()
        if self._thread.ident is not None:
            self._thread.join(_PATIENCE_S)
        if self._thread.is_alive():
            return  # in a driver that does not answer; what was sampled is kept
        read, written = self._disk_bytes
        values = {} if self._writer is None else self._measure_network()
        values["system/cpu_seconds"] = round(totals.cpu_s, 6)
        peak = max(totals.peak_memory_bytes, self._peak_bytes)
        if peak:
            values["system/memory_peak_bytes"] = peak
        values["system/disk_read_bytes"] = max(totals.disk_read_bytes, read)
        values["system/disk_write_bytes"] = max(totals.disk_write_bytes, written)
        self._log(values).close()

    def _run(self) -> None:
        # A signal is for the main thread to take.
        signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
        if self._stop.wait(_FIRST_S):
            return
        from mlv.capture.execution.gpu import find_gpus
        from mlv.capture.execution.process_tree import ProcessTree

        tree = ProcessTree(self._pid)
        gpus = find_gpus(self._environment)
        earliest_s = 0.0
        try:
            for due_s in _moments():
                if due_s < earliest_s:
                    continue
                if self._stop.wait(max(0.0, due_s - self._elapsed_s())):
                    return
                used_s = time.thread_time()
                self._sample(tree, gpus)
                earliest_s = self._elapsed_s() + (time.thread_time() - used_s) / _SHARE
        finally:
            if gpus is not None:
                gpus.close()

    def _sample(self, tree: ProcessTree, gpus: GpuMonitor | None) -> None:
        values: dict[str, float] = {} if gpus is None else gpus.sample()
        values |= self._measure_network()
        use = tree.measure()
        now_s = self._elapsed_s()
        if use is not None:
            before_s, cpu_s = self._last_cpu
            self._last_cpu = now_s, use.cpu_s
            busy = _PERCENT * (use.cpu_s - cpu_s) / max(now_s - before_s, 1e-3)
            self._peak_bytes = max(self._peak_bytes, use.pss_bytes or 0)
            self._disk_bytes = use.disk_read_bytes, use.disk_write_bytes
            # What a process used is gone with it when nobody waited for it.
            values["system/cpu_percent"] = round(max(0.0, busy), 3)
            values["system/processes"] = use.n_processes
            values["system/memory_rss_bytes"] = use.rss_bytes
            values["system/disk_read_bytes"] = use.disk_read_bytes
            values["system/disk_write_bytes"] = use.disk_write_bytes
            if use.pss_bytes is not None:
                values["system/memory_pss_bytes"] = use.pss_bytes
        self._log(values)

    def _measure_network(self) -> dict[str, float]:
        received, sent = read_network_bytes()
        return {
            "system/network_received_bytes": received - self._network[0],
            "system/network_sent_bytes": sent - self._network[1],
        }

    def _log(self, values: Mapping[str, float]) -> JournalWriter:
        if self._writer is None:
            from mlv.capture.journal.writer import JournalWriter

            self._writer = JournalWriter(str(self._live))
        self._writer.log(values, step=int(self._elapsed_s()))
        return self._writer

    def _elapsed_s(self) -> float:
        return time.monotonic() - self._began_s


def _moments() -> Iterator[float]:
    """Yield when samples are due, in seconds since the command started."""
    yield _FIRST_S
    yield _SECOND_S
    yield from itertools.count(INTERVAL_S, INTERVAL_S)


def read_network_bytes() -> tuple[int, int]:
    """Return how much the host received and sent, less what stayed on it.

    Source: https://man7.org/linux/man-pages/man5/proc_pid_net.5.html
    """
    try:
        lines = Path("/proc/self/net/dev").read_text().splitlines()[2:]
    except OSError:
        return _ask_psutil()
    received = sent = 0
    for line in lines:
        name, _, numbers = line.partition(":")
        fields = numbers.split()
        if name.strip() != "lo":
            received += int(fields[0])
            sent += int(fields[8])
    return received, sent


def _ask_psutil() -> tuple[int, int]:
    import psutil

    found = [each for name, each in psutil.net_io_counters(pernic=True).items() if name[:2] != "lo"]
    return sum(each.bytes_recv for each in found), sum(each.bytes_sent for each in found)
