"""Fill a small disk until the store refuses; make room; go on.

    python -m tests.faults.full_disk DIRECTORY

DIRECTORY is the root of a file system of a few MiB, and holds nothing.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from mlv.core.paths import RepoPath
from mlv.errors import StorageError
from mlv.store.layout import create_store
from mlv.store.objects import ObjectStore
from mlv.worktree.place import place
from tests.faults.scenarios import Publish, PublishLarge

SPARE = 64 * 1024
HALF_OF_LARGE = 450_000


def fill(directory: Path, spare: int) -> Path:
    """Leave `spare` bytes free; return the file to remove again."""
    filler = directory / "filler"
    free = os.statvfs(directory)
    filler.write_bytes(bytes(free.f_bavail * free.f_frsize - spare))
    return filler


def check_publishing(directory: Path) -> None:
    """Publish small objects where not one more fits, and a large one where half of it does."""
    for number, (scenario, spare) in enumerate(((Publish(), 0), (PublishLarge(), HALF_OF_LARGE))):
        root = directory / f"{number}"
        root.mkdir()
        scenario.prepare(root)
        filler = fill(directory, spare)
        with pytest.raises(StorageError) as caught:
            scenario.run(root)
        assert caught.value.message == "cannot write to the store: the disk is full"
        assert caught.value.hint == "free some space and run the same command again"
        scenario.check_after(root, done=False, clean=True)
        filler.unlink()
        scenario.run(root)
        scenario.check_after(root, done=True, clean=True)


def check_placing(directory: Path) -> None:
    """Place a file that does not fit over one that is there."""
    (directory / "model").write_bytes(b"old")
    filler = fill(directory, SPARE)
    with pytest.raises(OSError, match="No space left on device"):
        place(directory, RepoPath("model"), "file", [bytes(SPARE), bytes(SPARE)])
    assert (directory / "model").read_bytes() == b"old"
    filler.unlink()


def check_init(directory: Path) -> None:
    """Create a store where not one more file fits."""
    filler = fill(directory, 0)
    with pytest.raises(StorageError, match="the disk is full"):
        create_store(directory / "inner", clone_id="c0ffee")
    assert not (directory / "inner").exists()
    filler.unlink()
    ObjectStore(create_store(directory / "inner", clone_id="c0ffee"))


if __name__ == "__main__":
    for check in (check_publishing, check_placing, check_init):
        check(Path(sys.argv[1]))
