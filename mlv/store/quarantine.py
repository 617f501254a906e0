"""The quarantine: damaged bytes, moved out of the way and never deleted."""

from __future__ import annotations

import secrets
from pathlib import Path

from mlv.core.digest import Digest
from mlv.store.durable import sync_directory
from mlv.store.layout import Layout
from mlv.store.pack_file import DamagedPackError, PackFile

_PACK = "pack-"


def quarantine_pack(layout: Layout, path: Path) -> Path:
    """Move a damaged pack out of the way, durably, and return where it is now.

    Raises:
        OSError: The disk is failing.
    """
    name = path.parent.name + path.name
    away = layout.quarantine / f"{_PACK}{name}.{secrets.token_hex(4)}"
    path.rename(away)
    sync_directory(away.parent)
    sync_directory(path.parent)
    return away


def list_quarantined_packs(layout: Layout) -> list[Path]:
    """Return the packs in the quarantine.

    Raises:
        OSError: It cannot be read.
    """
    return sorted(layout.quarantine.glob(f"{_PACK}*"))


def find_quarantined(layout: Layout, digest: Digest) -> Path | None:
    """Return a file of the quarantine that holds an object in some state, None if none does.

    Raises:
        OSError: It cannot be read.
    """
    for path in layout.quarantine.glob(f"{digest}.*"):
        return path
    for path in list_quarantined_packs(layout):
        try:
            found = any(entry.digest == bytes.fromhex(digest) for entry in PackFile(path).scan())
        except DamagedPackError:
            continue
        if found:
            return path
    return None
