"""Remove what killed processes left in `tmp/`."""

from __future__ import annotations

import os
from pathlib import Path

from mlv.store.failures import storage_errors
from mlv.store.layout import Layout
from mlv.store.lock import is_store_idle


def sweep_temporary(layout: Layout) -> None:
    """Empty `tmp/` if nobody writes to the store: what lies there then has no owner.

    Raises:
        StorageError: The store cannot be read.
    """
    with storage_errors("look for unfinished files"), os.scandir(layout.temporary) as found:
        names = [Path(each) for each in found if each.is_file(follow_symlinks=False)]
    if not names or not is_store_idle(layout):
        return
    with storage_errors("remove unfinished files"):
        for name in names:
            name.unlink(missing_ok=True)
