"""Runs in a notebook: keep the cells, tell how the last one ended, show the run."""

from __future__ import annotations

import os
import sys

from mlv.api.ending import Ending

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from mlv.api.active_run import ActiveRun

_CELLS = "cells.py"
_CELL = "# %%\n"
"""By such a line, editors know a cell in a script."""


class _Cells:
    """The cells of the session, up to the end of a run, kept as an attachment of it."""

    def __init__(self, run: ActiveRun, shell: Any) -> None:
        self._run = run
        self._shell = shell
        title = os.environ.get("JPY_SESSION_NAME")
        self._texts = [f"# {title}"] if title else []
        # The first text is empty, the last one is the cell that is being executed.
        self._texts += [_CELL + text for text in shell.history_manager.input_hist_raw[1:]]
        self.failed = False

    def before_cell(self, info: Any) -> None:
        """Keep the cell that is about to be executed, and those before it."""
        if self._run.finished:
            self.stop()
        else:
            self._texts.append(_CELL + info.raw_cell)
            self._keep()

    def after_cell(self, result: Any) -> None:
        """Take how a cell ended."""
        self.failed = not result.success
        if self._run.finished:
            self.stop()

    def stop(self) -> None:
        """Keep no more cells."""
        for event, callback in self._callbacks():
            if callback in self._shell.events.callbacks[event]:
                self._shell.events.unregister(event, callback)

    def start(self) -> None:
        """Keep what was executed so far, and all that follows."""
        for event, callback in self._callbacks():
            self._shell.events.register(event, callback)
        self._keep()

    def _keep(self) -> None:
        self._run.log_text(_CELLS, "\n\n".join(self._texts) + "\n")

    def _callbacks(self) -> list[tuple[str, Any]]:
        return [("pre_run_cell", self.before_cell), ("post_run_cell", self.after_cell)]


_kept: list[_Cells] = []


def keep_cells(run: ActiveRun) -> None:
    """Keep the cells of the notebook that this is called in, if it is one."""
    try:
        shell = sys.modules["IPython"].get_ipython()
        if shell is not None and run.place is not None:
            cells = _Cells(run, shell)
            cells.start()
            _kept[:] = [cells]
    except Exception as error:  # noqa: BLE001 - another version of IPython may differ
        run.note_problem("cells of the notebook", error)


def find_notebook_ending() -> Ending | None:
    """Return how the notebook ended: as its last cell did; None outside a notebook."""
    return Ending(int(_kept[-1].failed)) if _kept else None


def run_as_html(run: ActiveRun) -> str:
    """Return a run as a small table."""
    from html import escape

    state = "finished" if run.finished else "active"
    rows = [("run", run.name or "unnamed"), ("id", run.id or "not recorded"), ("state", state)]
    cells = "".join(f"<tr><th>{name}</th><td>{escape(text)}</td></tr>" for name, text in rows)
    return f"<table>{cells}</table>"
