from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from mlv.errors import MissingObjectError
from mlv.store.collect import apply_sweep, plan_sweep
from mlv.store.layout import create_store
from mlv.store.lock import exclusive_store_lock
from mlv.store.merge_packs import merge_small_packs
from mlv.store.object_writer import ObjectWriter
from mlv.store.objects import ObjectStore
from mlv.store.reach import find_reached, root_of
from mlv.store.trash import Trash
from tests.faults.crash_points import KILLED
from tests.faults.noise import noise
from tests.faults.saboteur import FAULTS, Saboteur
from tests.property.profile import ON_DISK
from tests.unit.core.builders import content, entry

BLOBS = {
    "empty": b"",
    "a": b"a",
    "b": b"b",
    "tree": b"mlv-tree 1\n",
    "zeros": b"\0" * 3,
    "small": bytes(range(256)) * 9,
    "chunked": noise(1, 600_000),
}
NAMES = st.sampled_from(sorted(BLOBS))
STORES = st.integers(0, 1)


class StoreMachine(RuleBasedStateMachine):
    """A store, seen by two processes, beside a set of what it must hold."""

    @initialize()
    def create(self) -> None:
        self.directory = Path(tempfile.mkdtemp(prefix="mlv-property-"))
        self.layout = create_store(self.directory / ".mlv", clone_id="c0ffee")
        self.stores = [ObjectStore(self.layout), ObjectStore(self.layout)]
        self.certain: set[str] = set()

    def teardown(self) -> None:
        if hasattr(self, "directory"):
            shutil.rmtree(self.directory)

    @rule(store=STORES, names=st.lists(NAMES, max_size=3))
    def add_bytes(self, store: int, names: list[str]) -> None:
        with self.stores[store].transaction() as writer:
            self._add(writer, names)
        self.certain.update(names)

    @rule(store=STORES, name=NAMES)
    def add_file(self, store: int, name: str) -> None:
        path = self.directory / "source"
        path.write_bytes(BLOBS[name])
        with self.stores[store].transaction() as writer:
            assert writer.add_file(path) == content(BLOBS[name])
        self.certain.add(name)

    @rule(store=STORES, names=st.lists(NAMES, max_size=3, unique=True))
    def add_tree(self, store: int, names: list[str]) -> None:
        entries = [entry(name, BLOBS[name]) for name in names]
        with self.stores[store].transaction() as writer:
            added = writer.add_tree(entries)
        assert set(self.stores[1 - store].read_tree(added)) == set(entries)

    @rule(store=STORES, names=st.lists(NAMES, max_size=3))
    def break_off(self, store: int, names: list[str]) -> None:
        def add_and_break_off(writer: ObjectWriter) -> None:
            self._add(writer, names)
            raise KeyError

        with pytest.raises(KeyError), self.stores[store].transaction() as writer:
            add_and_break_off(writer)

    @rule(names=st.lists(NAMES, min_size=1, max_size=3), stop_at=st.integers(1, 25))
    def crash(self, names: list[str], stop_at: int) -> None:
        def add() -> None:
            with ObjectStore(self.layout).transaction() as writer:
                self._add(writer, names)

        if self._is_done_before(stop_at, add):
            self.certain.update(names)

    @rule(kept=st.sets(NAMES))
    def collect(self, kept: set[str]) -> None:
        self.certain &= kept
        self._collect()

    @rule(kept=st.sets(NAMES), stop_at=st.integers(1, 25))
    def crash_while_collecting(self, kept: set[str], stop_at: int) -> None:
        self.certain &= kept
        self._is_done_before(stop_at, self._collect)

    @rule()
    def merge(self) -> None:
        self._merge()

    @rule(stop_at=st.integers(1, 25))
    def crash_while_merging(self, stop_at: int) -> None:
        self._is_done_before(stop_at, self._merge)

    @rule(store=STORES)
    def open_again(self, store: int) -> None:
        self.stores[store] = ObjectStore(self.layout)

    @rule(store=STORES)
    def load_locations(self, store: int) -> None:
        self.stores[store].load_locations()

    @rule(store=STORES, name=NAMES)
    def read(self, store: int, name: str) -> None:
        objects, wanted = self.stores[store], content(BLOBS[name])
        is_there = objects.contains(wanted)
        assert is_there or name not in self.certain
        if is_there:
            assert objects.read(wanted) == BLOBS[name]
        else:
            with pytest.raises(MissingObjectError):
                objects.read(wanted)

    @invariant()
    def everything_is_there(self) -> None:
        objects = ObjectStore(self.layout)
        for name in self.certain:
            assert objects.read(content(BLOBS[name])) == BLOBS[name]

    def _is_done_before(self, stop_at: int, action: Callable[[], None]) -> bool:
        """Do something in a process that is killed at that call; tell whether it was done."""
        process = os.fork()
        if process == 0:
            code = 1
            try:
                Saboteur(FAULTS["kill"], stop_at, self.directory).strike()
                action()
                code = 0
            finally:
                os._exit(code)
        code = os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
        assert code in {0, KILLED}
        return code == 0

    def _collect(self) -> None:
        """Throw away what is not certain, and delete it."""
        roots = [root_of(content(BLOBS[name]), origin=name) for name in sorted(self.certain)]
        with exclusive_store_lock(self.layout):
            reached = find_reached(self.layout, ObjectStore(self.layout), roots)
            apply_sweep(self.layout, plan_sweep(self.layout, reached.origins), now_s=1)
            Trash(self.layout).empty(before_s=1)

    def _merge(self) -> None:
        with self.stores[0].hold():
            merge_small_packs(self.layout)

    def _add(self, writer: ObjectWriter, names: list[str]) -> None:
        for name in names:
            assert writer.add_bytes(BLOBS[name]) == content(BLOBS[name])


TestStore = StoreMachine.TestCase
TestStore.settings = ON_DISK
