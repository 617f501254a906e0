from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from mlv.core.digest import Digest
from mlv.core.operation import LoggedOperation, Operation
from mlv.core.run import Content, Run
from mlv.core.tree import encode_tree
from mlv.errors import CorruptDataError
from mlv.store.layout import Layout, create_store, open_layout
from mlv.store.objects import ObjectStore
from mlv.store.operation_log import OperationLog
from tests.unit.core.builders import CLONE, entry, make_operation, make_run, publish


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    """A small store with one object of every kind and three operations."""
    layout = create_store(tmp_path / ".mlv", clone_id=CLONE)
    with ObjectStore(layout).transaction() as writer:
        writer.add_bytes(b"x,y\n1,2\n")
        writer.add_bytes(encode_tree([entry("a"), entry("b", b"x", "exec")]))
        writer.add_record(make_run(1))
    for number in (1, 2, 3):

        def build(last: LoggedOperation | None, number: int = number) -> Operation:
            return make_operation(publish(number), number, previous=last.id if last else None)

        OperationLog(layout.log, CLONE).append(build)
    return layout


def _flip_each_byte(path: Path) -> Iterator[None]:
    """Yield with one byte of a file changed after the other; put the file right at the end."""
    data = path.read_bytes()
    path.chmod(0o644)
    with path.open("r+b", buffering=0) as file:
        for position, byte in enumerate(data):
            for mask in (0x01, 0x20, 0x80):
                file.seek(position)
                file.write(bytes((byte ^ mask,)))
                yield
            file.seek(position)
            file.write(data[position : position + 1])
    assert path.read_bytes() == data


def test_object_with_a_flipped_byte_is_never_handed_out(layout: Layout) -> None:
    objects = ObjectStore(layout)
    files = [path for path in layout.objects.rglob("*") if path.is_file()]
    assert len(files) == 3
    for path in files:
        content = Content(
            digest=Digest(path.parent.name + path.name), size_bytes=path.stat().st_size
        )
        for _ in _flip_each_byte(path):
            with pytest.raises(CorruptDataError):
                objects.read(content)
            with pytest.raises(CorruptDataError):
                objects.read_tree(content)
            with pytest.raises(CorruptDataError):
                objects.read_record(content, Run)


def test_log_with_a_flipped_byte_is_never_believed(layout: Layout) -> None:
    operations = OperationLog(layout.log, CLONE)
    for _ in _flip_each_byte(layout.log / f"{CLONE}.log"):
        with pytest.raises(CorruptDataError):
            operations.read()
    assert len(operations.read()) == 3


def test_format_with_a_flipped_byte_is_refused(layout: Layout) -> None:
    for _ in _flip_each_byte(layout.root / "format"):
        with pytest.raises(CorruptDataError):
            open_layout(layout.root)
