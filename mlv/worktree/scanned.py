"""A directory in the course of a scan."""

from __future__ import annotations

from mlv.core.tree import Fingerprint
from mlv.store.directory_row import KnownTree


class Directory:
    """What is known of a directory while it is scanned, and afterwards.

    Attributes:
        path: Absolute.
        key: What the stat cache knows it by.
        parts: Its parts by their first names: checksum, and row where it is new.
        inner: Its subdirectories, where they are kept.
        found: Its fingerprint, when it is finished.
    """

    def __init__(
        self, number: int, path: bytes, parent: Directory | None, suffix: bytes = b""
    ) -> None:
        self.number = number
        self.path = path
        self.key = path + suffix
        self.parent = parent
        self.parts: dict[bytes, tuple[bytes, bytes | None]] = {}
        self.inner: dict[bytes, Directory] = {}
        self.fingerprints: dict[bytes, Fingerprint] = {}
        self.found: Fingerprint | None = None
        self.tree: KnownTree | None = None
        self.n_files = 0
        self.total_bytes = 0
        self.n_pending = 1

    @property
    def name(self) -> bytes:
        """The last name of its path."""
        return self.path.rpartition(b"/")[2]
