from __future__ import annotations

from pathlib import Path

import pytest

from mlv.errors import StorageError
from mlv.store.layout import Layout
from mlv.store.lock import exclusive_store_lock, shared_store_lock
from mlv.store.objects import ObjectStore
from mlv.store.sweep import sweep_temporary


@pytest.fixture
def left(layout: Layout) -> Path:
    """A file that a killed process left."""
    path = layout.new_temporary()
    path.write_bytes(b"unfinished")
    return path


def test_what_a_killed_process_left_is_removed(layout: Layout, left: Path) -> None:
    sweep_temporary(layout)
    assert not left.exists()


def test_next_transaction_removes_it_too(layout: Layout, objects: ObjectStore, left: Path) -> None:
    with objects.transaction() as writer:
        writer.add_bytes(b"data")
    assert not left.exists()
    assert list(layout.temporary.iterdir()) == []


def test_nothing_is_removed_while_somebody_writes(layout: Layout, left: Path) -> None:
    for lock in (shared_store_lock, exclusive_store_lock):
        with lock(layout):
            sweep_temporary(layout)
        assert left.exists()


def test_writer_keeps_the_files_of_another(layout: Layout, objects: ObjectStore) -> None:
    with objects.transaction() as first:
        first.add_bytes(b"first")
        with ObjectStore(layout).transaction() as second:
            second.add_bytes(b"second")
        added = first.add_bytes(b"more")
    assert objects.read(added) == b"more"


def test_directories_and_links_are_left_alone(layout: Layout, left: Path) -> None:
    (layout.temporary / "directory").mkdir()
    (layout.temporary / "link").symlink_to(left)
    sweep_temporary(layout)
    assert {path.name for path in layout.temporary.iterdir()} == {"directory", "link"}


def test_store_that_lost_the_directory_is_a_storage_error(layout: Layout) -> None:
    layout.temporary.rmdir()
    with pytest.raises(StorageError, match="cannot look for unfinished files: no such file"):
        sweep_temporary(layout)
