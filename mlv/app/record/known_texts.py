"""Remember which files hold no secret, so that each is searched only once."""

from __future__ import annotations

import os
import time
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

import msgspec

from mlv.app.workspace import Workspace
from mlv.core import secret_shapes
from mlv.git.sensitive import find_secret_in
from mlv.store.owner import give_to_owner
from mlv.store.stable_read import RACY_NS

_FILE = "searched-for-secrets"
_MOST = 20_000

_Facts = tuple[int, int, int]
"""Size, and the times of the last change of content and of metadata."""


class _Remembered(msgspec.Struct, frozen=True, kw_only=True):
    """What was found out.

    Attributes:
        shapes_ns: When the shapes of secrets were changed last.
        harmless: Files without a secret: device and inode, and what they were like.
    """

    shapes_ns: int
    harmless: dict[str, _Facts] = {}


class KnownTexts:
    """Searches files for secrets, but not those that were searched before.

    What is remembered is a cache: it may be deleted, and other shapes of secrets make it void.
    """

    def __init__(self, workspace: Workspace) -> None:
        self._layout = workspace.layout
        self._file = workspace.layout.cache / _FILE
        self._before: dict[str, _Facts] | None = None
        self._found: dict[str, _Facts] = {}

    def find_secret(self, file: BinaryIO) -> str | None:
        """Return the kind of secret that an open file holds, None when it seems to hold none.

        Raises:
            OSError: It cannot be read.
        """
        status = os.fstat(file.fileno())
        name = f"{status.st_dev}-{status.st_ino}"
        facts = (status.st_size, status.st_mtime_ns, status.st_ctime_ns)
        if self._before is None:
            self._before = self._load()
        if self._before.get(name) == facts:
            return None
        secret = find_secret_in(file)
        if secret is None and max(facts[1:]) < time.time_ns() - RACY_NS:
            self._found[name] = facts
        return secret

    def save(self) -> None:
        """Write down what was found out."""
        if not self._found:
            return
        before = self._before or {}
        harmless = self._found if len(before) > _MOST else {**before, **self._found}
        remembered = _Remembered(shapes_ns=_shapes_ns(), harmless=harmless)
        temporary = self._layout.new_temporary()
        with suppress(OSError):
            temporary.write_bytes(msgspec.json.encode(remembered))
            give_to_owner(self._layout, temporary)
            temporary.replace(self._file)

    def _load(self) -> dict[str, _Facts]:
        try:
            remembered = msgspec.json.decode(self._file.read_bytes(), type=_Remembered)
        except (OSError, ValueError):
            return {}
        return remembered.harmless if remembered.shapes_ns == _shapes_ns() else {}


def _shapes_ns() -> int:
    try:
        return Path(secret_shapes.__file__).stat().st_mtime_ns
    except OSError:  # out of an archive
        return 0
