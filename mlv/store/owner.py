"""Whom new files of a store belong to."""

from __future__ import annotations

import os
from pathlib import Path

from mlv.store.layout import Layout


def give_to_owner(layout: Layout, file: Path | int) -> None:
    """Give what root made in the store of another user to that user.

    A container that runs as root must not leave files that their owner cannot replace.

    Args:
        layout: The store.
        file: A path, or an open file.

    Raises:
        OSError: The system refused.
    """
    owner = layout.foreign_owner
    if owner is not None:
        os.chown(file, *owner)
