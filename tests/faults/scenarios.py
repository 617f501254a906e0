"""What is done when it is disturbed, and what must be true afterwards."""

from __future__ import annotations

import errno
import os
from collections.abc import Mapping
from contextlib import suppress
from io import BytesIO
from pathlib import Path
from typing import NoReturn, Protocol
from unittest.mock import patch

from mlv.core.link_type import SharedLinkType
from mlv.core.operation import LoggedOperation, Operation, PublishRun
from mlv.core.paths import RepoPath
from mlv.core.run import Output
from mlv.core.tree import Fingerprint
from mlv.errors import StorageError, StoreExistsError
from mlv.store.adoption import adopt
from mlv.store.durable import replace_file
from mlv.store.failures import storage_errors
from mlv.store.layout import FORMAT, create_store, open_layout
from mlv.store.merge_packs import merge_small_packs
from mlv.store.object_writer import ObjectWriter
from mlv.store.objects import ObjectStore
from mlv.store.operation_log import OperationLog
from mlv.store.packs import list_packs
from mlv.store.stable_read import file_state  # noqa: F401 - here, so that no import is disturbed
from mlv.store.whole import WholeObjects
from mlv.worktree.links import share
from tests.faults.noise import noise
from tests.faults.published import check_published
from tests.unit.core.builders import CLONE, content, entry, make_operation, make_run, run_id

SHARED = b"there already"
LARGE = noise(1, 700_000)
"""More than one chunk, and nothing that compresses."""


class Scenario(Protocol):
    """A change of files."""

    def prepare(self, place: Path) -> None:
        """Set the stage."""

    def run(self, place: Path) -> None:
        """Make the change."""

    def run_again(self, place: Path) -> None:
        """Make the change after it was disturbed."""

    def check_after(self, place: Path, *, done: bool, clean: bool) -> None:
        """Assert what must be true.

        Args:
            place: Where.
            done: Whether the change was made to its end.
            clean: Whether the process could end as it wanted to, so that nothing may lie about.
        """


class Publish:
    """Objects are stored, and an operation makes them visible."""

    def prepare(self, place: Path) -> None:
        layout = create_store(place / ".mlv", clone_id=CLONE)
        with ObjectStore(layout).transaction() as writer:
            writer.add_bytes(SHARED)
        self._publish(place, 1)

    def run(self, place: Path) -> None:
        self._publish(place, 2)

    def run_again(self, place: Path) -> None:
        self.run(place)
        assert list((place / ".mlv" / "tmp").iterdir()) == []

    def check_after(self, place: Path, *, done: bool, clean: bool) -> None:
        layout = open_layout(place / ".mlv")
        n_operations = len(OperationLog(layout.log, CLONE).read())
        n_objects = check_published(place)
        assert n_objects > n_operations
        assert n_operations >= 1 + done
        if clean:
            assert n_operations == 1 + done
            assert list(layout.temporary.iterdir()) == []

    def add(self, place: Path, writer: ObjectWriter, number: int) -> list[Fingerprint]:
        """Add what the run with that number makes."""
        del place
        small = [b"%d of %d" % (each, number) for each in range(8)]
        added = [writer.add_bytes(data) for data in [SHARED, *small, b"long\n" * 400]]
        files = [
            Fingerprint(kind="file", digest=each.digest, size_bytes=each.size_bytes)
            for each in added
        ]
        tree = writer.add_tree([entry(f"{each}", data) for each, data in enumerate(small)])
        return [*files, Fingerprint(kind="dir", digest=tree.digest, size_bytes=tree.size_bytes)]

    def _publish(self, place: Path, number: int) -> None:
        layout = open_layout(place / ".mlv")
        objects = ObjectStore(layout)
        with objects.hold():
            with objects.transaction() as writer:
                made = self.add(place, writer, number)
                outputs = tuple(
                    Output(path=RepoPath(f"{each}"), source="observed", fingerprint=fingerprint)
                    for each, fingerprint in enumerate(made)
                )
                record = writer.add_record(make_run(number, outputs=outputs))

            def build(last: LoggedOperation | None) -> Operation:
                change = PublishRun(run=run_id(number), record=record)
                return make_operation(change, number, previous=last.id if last else None)

            OperationLog(layout.log, CLONE).append(build)


class PublishLarge(Publish):
    """The same with a file that is cut into chunks."""

    def prepare(self, place: Path) -> None:
        (place / "file-1").write_bytes(b"small")
        (place / "file-2").write_bytes(LARGE)
        super().prepare(place)

    def add(self, place: Path, writer: ObjectWriter, number: int) -> list[Fingerprint]:
        added = writer.add_file(place / f"file-{number}")
        return [Fingerprint(kind="file", digest=added.digest, size_bytes=added.size_bytes)]


class PublishAfterFailedSync(Publish):
    """The same again, after the first time ended with a directory that could not be synced."""

    def run(self, place: Path) -> None:
        with patch.object(os, "fsync", _fail), suppress(StorageError):
            super().run(place)
        super().run(place)

    def run_again(self, place: Path) -> None:
        super().run(place)


class PublishWhole(Publish):
    """The same with objects that are files of their own."""

    def add(self, place: Path, writer: ObjectWriter, number: int) -> list[Fingerprint]:
        del writer
        whole = WholeObjects(open_layout(place / ".mlv"))
        added = [whole.write(BytesIO(data)) for data in (SHARED, b"whole %d" % number, b"")]
        whole.sync()
        return [
            Fingerprint(kind="file", digest=each.digest, size_bytes=each.size_bytes)
            for each in added
        ]


class Adopt(Publish):
    """Files of the user become objects, and stay where they are."""

    def __init__(self, link_type: SharedLinkType) -> None:
        self._link_type = link_type

    def prepare(self, place: Path) -> None:
        for number in (1, 2):
            for name in "ab":
                (place / f"{name}-{number}").write_bytes(_precious(name, number))
        super().prepare(place)

    def check_after(self, place: Path, *, done: bool, clean: bool) -> None:
        for number in (1, 2):
            for name in "ab":
                assert (place / f"{name}-{number}").read_bytes() == _precious(name, number)
        super().check_after(place, done=done, clean=clean)

    def add(self, place: Path, writer: ObjectWriter, number: int) -> list[Fingerprint]:
        del writer
        whole = WholeObjects(open_layout(place / ".mlv"))
        made = []
        for name in "ab":
            file = place / f"{name}-{number}"
            if file.is_symlink():  # the last attempt came that far
                added = content(_precious(name, number))
            else:
                added = adopt(whole, file, self._link_type)
                whole.sync()
                share(whole, file, added, self._link_type)
            made.append(Fingerprint(kind="file", digest=added.digest, size_bytes=added.size_bytes))
        return made


class Merge(Publish):
    """The packs of several transactions become one."""

    def prepare(self, place: Path) -> None:
        super().prepare(place)
        for number in (2, 3):
            self._publish(place, number)

    def run(self, place: Path) -> None:
        layout = open_layout(place / ".mlv")
        with storage_errors("merge packs"), ObjectStore(layout).hold():
            merge_small_packs(layout)

    def check_after(self, place: Path, *, done: bool, clean: bool) -> None:
        layout = open_layout(place / ".mlv")
        assert check_published(place) > len(OperationLog(layout.log, CLONE).read()) == 3
        assert len(list(list_packs(layout))) == 1 or not (done and clean)
        assert not clean or list(layout.temporary.iterdir()) == []


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

    def check_after(self, place: Path, *, done: bool, clean: bool) -> None:
        root = place / ".mlv"
        assert root.exists() or not done
        if root.exists():
            before = {path for path in root.iterdir() if path.is_dir()}
            layout = open_layout(root)  # it mends a copy of which empty directories were lost
            assert {path for path in root.iterdir() if path.is_dir()} - before <= {layout.cache}
            assert (root / "format").read_bytes() == FORMAT
            assert layout.read_clone_id() == CLONE
        if clean:
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

    def check_after(self, place: Path, *, done: bool, clean: bool) -> None:
        allowed = [b"new"] if done else [b"new", b"old content"]
        assert (place / "file").read_bytes() in allowed
        if clean:
            assert [path.name for path in place.iterdir()] == ["file"]


SCENARIOS: Mapping[str, Scenario] = {
    "publish": Publish(),
    "large": PublishLarge(),
    "whole": PublishWhole(),
    "hardlink": Adopt("hardlink"),
    "symlink": Adopt("symlink"),
    "merge": Merge(),
    "retry": PublishAfterFailedSync(),
    "init": Init(),
    "replace": Replace(),
}


def _precious(name: str, number: int) -> bytes:
    return f"{name} of {number}".encode()


def _fail(_descriptor: object) -> NoReturn:
    raise OSError(errno.EIO, "Input/output error")
