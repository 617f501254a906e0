from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from mlv.errors import CorruptDataError, MissingObjectError
from mlv.store.check import check_files
from mlv.store.layout import Layout, open_layout
from mlv.store.markers import check_markers
from mlv.store.objects import ObjectStore
from mlv.store.operation_log import OperationLog
from tests.faults.command_scenarios import FIRST, call, read_data, write_data
from tests.faults.in_process import mlv
from tests.faults.published import check_published
from tests.faults.small_store import OBJECTS, create_small_store, flip_each_byte
from tests.support.repository import Repository
from tests.unit.core.builders import CLONE

N_REPAIRS = int(os.environ.get("MLV_TEST_REPAIRS", "20"))
"""At how many bytes the whole command is run."""

CORRUPT = 7


@pytest.fixture
def layout(quick_directory: Path) -> Layout:
    return create_small_store(quick_directory / ".mlv")


def _objects(layout: Layout) -> list[Path]:
    roots = (layout.packs, layout.objects)
    return sorted(path for root in roots for path in root.rglob("*") if path.is_file())


def _markers(layout: Layout) -> list[Path]:
    names = ("format", "clone", ".git/HEAD", ".git/config", f"log/{CLONE}.log")
    return [layout.root / name for name in names]


def _read_all(layout: Layout) -> int:
    """Return how many objects cannot be read; those that can must be right."""
    objects = ObjectStore(layout)
    n_lost = 0
    for content, data in OBJECTS.items():
        try:
            assert objects.read(content) == data
        except (CorruptDataError, MissingObjectError):
            n_lost += 1
    return n_lost


def _is_found(layout: Layout) -> bool:
    """Tell whether what `fsck --full` looks with sees that something is wrong."""
    damaged = check_files(layout, "bytes", lambda _: None)
    markers = check_markers(layout.root)
    _, faults = OperationLog(layout.log, CLONE).read_undamaged()
    return bool(damaged or markers or faults)


def test_object_with_a_flipped_byte_is_never_handed_out_and_always_found(layout: Layout) -> None:
    files = _objects(layout)
    assert len(files) == 3
    n_lost = 0
    unseen = []
    for path in files:
        for position in flip_each_byte(path):
            n_lost += _read_all(layout)
            if not _is_found(layout):
                unseen.append((path.name, position))
    assert unseen == []
    assert n_lost > 500
    assert _read_all(layout) == 0


def test_flipped_byte_does_no_harm_where_there_is_another_copy(
    layout: Layout, quick_directory: Path
) -> None:
    first, *_ = _objects(layout)
    other = create_small_store(quick_directory / "other")
    shutil.copytree(other.packs, layout.packs, dirs_exist_ok=True)
    for path in _objects(layout):
        if path.is_relative_to(layout.packs):
            for _ in flip_each_byte(path, step=7):
                assert _read_all(layout) == 0
    assert first.exists()


def test_flipped_byte_of_any_other_file_is_found(layout: Layout) -> None:
    for path in _markers(layout):
        for position in flip_each_byte(path):
            assert _is_found(layout), (path, position)
    assert not _is_found(layout)


def test_log_with_a_flipped_byte_is_never_believed(layout: Layout) -> None:
    operations = OperationLog(layout.log, CLONE)
    for _ in flip_each_byte(layout.log / f"{CLONE}.log"):
        with pytest.raises(CorruptDataError):
            operations.read()
    assert len(operations.read()) == 1


def test_format_with_a_flipped_byte_is_refused(layout: Layout) -> None:
    for _ in flip_each_byte(layout.root / "format"):
        with pytest.raises(CorruptDataError):
            open_layout(layout.root)


def test_flipped_byte_is_repaired_from_the_worktree(repo: Repository) -> None:
    write_data(repo.root, FIRST)
    call(repo.root, "track", "data")
    (pack,) = _objects(open_layout(repo.root / ".mlv"))
    whole = pack.read_bytes()
    step = len(whole) // N_REPAIRS
    for position in range(0, len(whole), step):
        for path in _objects(open_layout(repo.root / ".mlv")):
            path.unlink()
        pack.write_bytes(whole[:position] + bytes((whole[position] ^ 1,)) + whole[position + 1 :])
        found = mlv(repo.root, "fsck", "--full")
        assert found.code == CORRUPT, f"byte {position}: {found}"
        call(repo.root, "fsck", "--repair", "--full")
        call(repo.root, "fsck", "--full")
        assert check_published(repo.root) > 0
        assert read_data(repo.root) == FIRST
