"""Let a program import the `mlv` that records it, when it has none of its own.

This module runs inside the program that is being recorded, on Python 3.8 or newer.
The finder stands at the end, so that an `mlv` that the program can find itself wins.
"""

# ruff: noqa: PTH118

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from importlib.machinery import ModuleSpec


class ClientFinder:
    """Finds one package, whose modules Python then finds on its own.

    Args:
        directory: The directory of the package `mlv`.
    """

    def __init__(self, directory: str) -> None:
        self._directory = directory

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: object = None
    ) -> ModuleSpec | None:
        """Return where `mlv` is; None for every other module."""
        del path, target
        if name != "mlv":
            return None
        from importlib.util import spec_from_file_location

        return spec_from_file_location(
            name,
            os.path.join(self._directory, "__init__.py"),
            submodule_search_locations=[self._directory],
        )


def install(directory: str) -> None:
    """Make the package in `directory` the last one to be found under the name `mlv`."""
    sys.meta_path.append(ClientFinder(directory))
