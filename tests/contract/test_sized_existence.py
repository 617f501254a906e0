"""What mlv's own databases know beyond `ObjectDB`: the size that an object must have."""

from __future__ import annotations

from pathlib import Path

import pytest

from mlv.core.digest import digest_of
from mlv.store.layout import create_store
from mlv.store.object_db import LocalObjectDB


@pytest.fixture
def db(tmp_path: Path) -> LocalObjectDB:
    db = LocalObjectDB(create_store(tmp_path / ".mlv", clone_id="c0ffee"))
    db.add_bytes(digest_of(b"data"), b"data")
    db.add_bytes(digest_of(b""), b"")
    return db


@pytest.mark.parametrize(
    ("data", "size_bytes", "expected"),
    [
        (b"data", 4, True),
        (b"data", None, True),
        (b"data", 3, False),
        (b"data", 5, False),
        (b"data", 0, False),
        (b"", 0, True),
        (b"", None, True),
        (b"", 1, False),
        (b"missing", 7, False),
        (b"missing", None, False),
    ],
)
def test_object_exists_only_with_its_size(
    db: LocalObjectDB, data: bytes, size_bytes: int | None, *, expected: bool
) -> None:
    assert db.exists(digest_of(data), size_bytes) is expected
