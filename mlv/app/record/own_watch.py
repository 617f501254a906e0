"""Watch which files this very process opens, while it is recorded from within."""

from __future__ import annotations

import os
from pathlib import Path

from mlv.capture.observing.audit_hook import install
from mlv.capture.observing.frameworks import describe
from mlv.capture.observing.observe import observer_environment
from mlv.capture.observing.observed_code import ExecutedCode
from mlv.capture.observing.observed_log import ObservedLog
from mlv.capture.observing.observed_places import Places, own_prefixes
from mlv.capture.observing.observed_processes import Processes


class OwnWatch:
    """Watches this process, and the Python processes that it starts, until it is stopped.

    Args:
        live: Directory of the run.
        root: Root of the worktree.
    """

    def __init__(self, live: Path, root: Path) -> None:
        variables = observer_environment(live, root, os.environ)
        self._before = {name: os.environ.get(name) for name in variables}
        directory = str(live / "observed")
        observer = variables["PYTHONPATH"].partition(os.pathsep)[0]
        self._log = _StoppableLog(directory)
        self._places = Places(str(root), directory, own_prefixes())
        self._processes = Processes(self._log, self._places.escape, observer)
        self._code = ExecutedCode(self._log, self._places)
        self._processes.note_beginning()
        # A hook stays for as long as the process lives; with nowhere to write it is idle.
        install(self._log, self._places, {**self._processes.handlers, **self._code.handlers})
        os.environ.update(variables)

    def stop(self) -> None:
        """Note what the frameworks in this process say of themselves, and watch no more."""
        self._processes.note_end(lambda: describe(self._places.escape), ran=self._code.ran)
        self._log.stop()
        for name, value in self._before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


class _StoppableLog(ObservedLog):
    """A log that can be told to take no more lines."""

    _is_stopped = False

    def stop(self) -> None:
        """Take no more lines."""
        self._is_stopped = True

    def append(self, line: bytes) -> None:
        if not self._is_stopped:
            super().append(line)
