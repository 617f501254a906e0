"""What is done when it is interrupted, and what must be true afterwards."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

import mlv.store.object_db  # noqa: F401 - here, so that its import is not interrupted
from mlv.core.digest import digest_of
from mlv.core.operation import LoggedOperation, Operation, PublishRun
from mlv.core.run import Metric
from mlv.core.tree import encode_tree
from mlv.errors import StoreExistsError
from mlv.store.durable import replace_file
from mlv.store.failures import storage_errors
from mlv.store.layout import FORMAT, Layout, create_store, open_layout
from mlv.store.objects import ObjectStore
from mlv.store.operation_log import OperationLog
from tests.unit.core.builders import CLONE, content, entry, make_operation, publish, run_id

METRIC = Metric(value=0.5, source="api")
FILE = bytes(range(256)) * 5000
SHARED = b"there already"
TRUNCATED = b"there already, but only half of it"


class Scenario(Protocol):
    """A change of files."""

    def prepare(self, place: Path) -> None:
        """Set the stage."""

    def run(self, place: Path) -> None:
        """Make the change."""

    def run_again(self, place: Path) -> None:
        """Make the change after it was interrupted."""

    def check_after(self, place: Path, *, done: bool, killed: bool) -> None:
        """Assert what must be true.

        Args:
            place: Where.
            done: Whether the change was made to its end.
            killed: Whether it was cut short by the death of the process at some time.
        """


class Publish:
    """Objects are stored, and an operation makes them visible."""

    def prepare(self, place: Path) -> None:
        layout = create_store(place / ".mlv", clone_id=CLONE)
        with ObjectStore(layout).transaction() as writer:
            writer.add_bytes(SHARED)
            added = writer.add_bytes(TRUNCATED)
        path = layout.object_file(added.digest)
        path.unlink()
        path.write_bytes(TRUNCATED[:10])
        OperationLog(layout.log, CLONE).append(_first)
        (place / "file").write_bytes(FILE)

    def run(self, place: Path) -> None:
        layout = open_layout(place / ".mlv")
        with ObjectStore(layout).transaction() as writer:
            writer.add_bytes(SHARED)
            writer.add_bytes(TRUNCATED)
            file = writer.add_file(place / "file")
            writer.add_bytes(encode_tree([entry("file", FILE)]))
            record = writer.add_record(METRIC)
        assert file == content(FILE)

        def build(last: LoggedOperation | None) -> Operation:
            change = PublishRun(run=run_id(2), record=record)
            return make_operation(change, 2, previous=last.id if last else None)

        OperationLog(layout.log, CLONE).append(build)

    def run_again(self, place: Path) -> None:
        self.run(place)

    def check_after(self, place: Path, *, done: bool, killed: bool) -> None:
        layout = open_layout(place / ".mlv")
        operations = OperationLog(layout.log, CLONE).read()
        assert operations[0].operation.change == publish(1)
        if not killed:
            assert len(operations) == 1 + done
            assert list(layout.temporary.iterdir()) == []
        damaged = _damaged(layout)
        assert not damaged or (not done and list(damaged.values()) == [TRUNCATED[:10]])
        objects = ObjectStore(layout)
        for logged in operations[1:]:
            change = logged.operation.change
            assert isinstance(change, PublishRun)
            assert objects.read_record(change.record, Metric) == METRIC
            assert objects.read(content(FILE)) == FILE
            assert objects.read(content(TRUNCATED)) == TRUNCATED


class Init:
    """A store comes to be."""

    def prepare(self, place: Path) -> None:
        del place

    def run(self, place: Path) -> None:
        create_store(place / ".mlv", clone_id=CLONE)

    def run_again(self, place: Path) -> None:
        whole = (place / ".mlv").exists()
        try:
            self.run(place)
        except StoreExistsError:
            assert whole

    def check_after(self, place: Path, *, done: bool, killed: bool) -> None:
        root = place / ".mlv"
        assert root.exists() or not done
        if root.exists():
            layout = open_layout(root)
            assert (root / "format").read_bytes() == FORMAT
            assert layout.read_clone_id() == CLONE
            assert len([path for path in root.rglob("*") if path.is_dir()]) == 9
        if not killed:
            assert [path.name for path in place.iterdir()] in ([], [".mlv"])


class Replace:
    """A file gets other content."""

    def prepare(self, place: Path) -> None:
        (place / "file").write_bytes(b"old content")

    def run(self, place: Path) -> None:
        with storage_errors("replace it"):
            replace_file(place / "file", b"new")

    def run_again(self, place: Path) -> None:
        self.run(place)

    def check_after(self, place: Path, *, done: bool, killed: bool) -> None:
        allowed = [b"new"] if done else [b"new", b"old content"]
        assert (place / "file").read_bytes() in allowed
        if not killed:
            assert [path.name for path in place.iterdir()] == ["file"]


SCENARIOS: Mapping[str, Scenario] = {"publish": Publish(), "init": Init(), "replace": Replace()}


def _first(last: LoggedOperation | None) -> Operation:
    return make_operation(publish(1), 1, previous=last.id if last else None)


def _damaged(layout: Layout) -> dict[str, bytes]:
    files = (path for path in layout.objects.rglob("*") if path.is_file())
    contents = {path.parent.name + path.name: path.read_bytes() for path in files}
    return {name: data for name, data in contents.items() if digest_of(data) != name}
