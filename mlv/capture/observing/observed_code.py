"""Which code of the worktree a process executes.

This module runs inside the program that is being recorded; see `mlv.capture.observing.audit_hook`.

Code is known by the file that it was compiled from, so it does not matter whether that
was opened, or its bytecode alone, wherever that lies.
"""

# ruff: noqa: ANN401, PTH100, PTH116, PTH120
# An audit event carries whatever the program passed; `pathlib` costs more than all of this.

from __future__ import annotations

import os
import stat

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    from mlv.capture.observing.observed_log import ObservedLog
    from mlv.capture.observing.observed_places import Places

_MAX_REMEMBERED = 100_000
_MAX_DEPTH = 64
_TYPED = ("<stdin>", "<string>")
_NATIVE = frozenset(
    "SimpleITK av cv2 decord duckdb fiona geopandas h5py lance netCDF4 open3d osgeo polars pyarrow"
    " rasterio safetensors soundfile tables tensorflow torchaudio xarray".split()
)
"""Modules that open files on their own, which no audit event tells."""


class ExecutedCode:
    """Notes source files, each once.

    Args:
        log: Where lines go.
        places: What the directories of the machine are called.

    Attributes:
        ran: Whether any code of the worktree was executed.
    """

    def __init__(self, log: ObservedLog, places: Places) -> None:
        self.ran = False
        self.handlers: Mapping[str, Callable[..., None]] = {
            "exec": self._on_exec,
            "import": self._on_import,
        }
        self._natives: set[str] = set()
        self._log = log
        self._places = places
        self._known: set[str] = set()

    def _on_exec(self, code: Any) -> None:
        path = code.co_filename
        if path in self._known or code.co_name != "<module>":
            return
        if path[:1] == "<":
            if path in _TYPED:
                self._note_natives(code)
            return
        if len(self._known) >= _MAX_REMEMBERED:
            self._known.clear()
        self._known.add(path)
        file = _find_file(os.path.abspath(path))
        if file is None:  # a cell of a notebook, a template
            self._note_natives(code)
            return
        inside = self._places.name_inside
        name = inside(os.path.realpath(file)) or inside(file)
        if name:
            self.ran = True
            self._log.write(f'"k":"i","p":"{name}"')
            self._note_natives(code)

    def _on_import(self, module: Any, *_: object) -> None:
        if module in _NATIVE:
            self._log.write(f'"k":"n","p":"{module}","x":1')

    def _note_natives(self, code: Any) -> None:
        """Note the names of native modules in code, and in that of its functions.

        They may be names of something else; who imports them is not known otherwise, as an
        audit event tells of the first import alone.
        """
        for name in code.co_names:
            root = name.partition(".")[0]
            if root in _NATIVE and root not in self._natives:
                self._natives.add(root)
                self._log.write(f'"k":"n","p":"{root}"')
        for const in code.co_consts:
            if hasattr(const, "co_names"):
                self._note_natives(const)


def _find_file(path: str) -> str | None:
    """Return the file that holds code: the archive, for what is in one."""
    for _ in range(_MAX_DEPTH):
        try:
            return path if stat.S_ISREG(os.stat(path).st_mode) else None
        except OSError:
            path = os.path.dirname(path)
    return None
