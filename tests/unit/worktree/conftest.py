from __future__ import annotations

from pathlib import Path

import pytest

from mlv.worktree.checkout import work
from tests.unit.worktree.checkout_place import Place


@pytest.fixture
def here(tmp_path: Path) -> Place:
    return Place(tmp_path)


@pytest.fixture
def two_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Share out the work as soon as anything was done."""
    monkeypatch.setattr(work, "count_workers", lambda: 2)
    monkeypatch.setattr(work, "_MANY_FILES", 0)
