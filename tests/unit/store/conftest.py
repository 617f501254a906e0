from __future__ import annotations

from pathlib import Path

import pytest

from mlv.store.layout import Layout, create_store
from mlv.store.objects import ObjectStore
from mlv.store.operation_log import OperationLog
from tests.unit.core.builders import CLONE


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return create_store(tmp_path / ".mlv", clone_id=CLONE)


@pytest.fixture
def objects(layout: Layout) -> ObjectStore:
    return ObjectStore(layout)


@pytest.fixture
def operations(layout: Layout) -> OperationLog:
    return OperationLog(layout.log, CLONE)
