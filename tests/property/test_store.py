from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from mlv.core.run import Content
from mlv.errors import CorruptDataError, MissingObjectError
from mlv.store.layout import create_store
from mlv.store.objects import ObjectStore, ObjectWriter
from tests.property.profile import ON_DISK
from tests.unit.core.builders import content

BLOBS = [b"", b"a", b"b", b"ab", b"mlv-tree 1\n", b"\0" * 3, bytes(range(256)) * 9]
KNOWN_BLOBS = st.sampled_from(BLOBS)


class StoreMachine(RuleBasedStateMachine):
    """A store beside a dict of what its object files must hold."""

    @initialize()
    def create(self) -> None:
        self.directory = Path(tempfile.mkdtemp(prefix="mlv-property-"))
        self.layout = create_store(self.directory / ".mlv", clone_id="c0ffee")
        self.objects = ObjectStore(self.layout)
        self.model: dict[Content, bytes] = {}
        self.quarantined: list[bytes] = []

    def teardown(self) -> None:
        if hasattr(self, "directory"):
            shutil.rmtree(self.directory)

    @rule(data=KNOWN_BLOBS)
    def add_bytes(self, data: bytes) -> None:
        with self.objects.transaction() as writer:
            self._note(writer.add_bytes(data), data)

    @rule(data=KNOWN_BLOBS)
    def add_file(self, data: bytes) -> None:
        path = self.directory / "source"
        path.write_bytes(data)
        with self.objects.transaction() as writer:
            self._note(writer.add_file(path), data)

    @rule(data=KNOWN_BLOBS, others=st.lists(KNOWN_BLOBS, max_size=3))
    def add_several_and_break_off(self, data: bytes, others: list[bytes]) -> None:
        def add_and_break_off(writer: ObjectWriter) -> None:
            for each in [data, *others]:
                self._note(writer.add_bytes(each), each)
            raise KeyError

        with pytest.raises(KeyError), self.objects.transaction() as writer:
            add_and_break_off(writer)

    @rule(data=KNOWN_BLOBS)
    def read(self, data: bytes) -> None:
        wanted = content(data)
        if wanted not in self.model:
            with pytest.raises(MissingObjectError):
                self.objects.read(wanted)
        elif self.model[wanted] == data:
            assert self.objects.read(wanted) == data
        else:
            with pytest.raises(CorruptDataError):
                self.objects.read(wanted)

    @rule(data=KNOWN_BLOBS, damaged=KNOWN_BLOBS)
    def damage(self, data: bytes, damaged: bytes) -> None:
        wanted = content(data)
        if wanted in self.model:
            path = self.layout.object_file(wanted.digest)
            path.unlink()
            path.write_bytes(damaged)
            self.model[wanted] = damaged

    @invariant()
    def contains_what_has_the_right_size(self) -> None:
        for data in BLOBS:
            wanted = content(data)
            held = self.model.get(wanted)
            expected = held is not None and len(held) == len(data)
            assert self.objects.contains(wanted) is expected

    @invariant()
    def nothing_is_lost_and_nothing_stays(self) -> None:
        away = sorted(path.read_bytes() for path in self.layout.quarantine.iterdir())
        assert away == sorted(self.quarantined)
        assert list(self.layout.temporary.iterdir()) == []

    def _note(self, added: Content, data: bytes) -> None:
        assert added == content(data)
        held = self.model.get(added, data)
        if len(held) != len(data):
            self.quarantined.append(held)
            held = data
        # A file of the right size is believed when something is added, and checked when read.
        self.model[added] = held


TestStore = StoreMachine.TestCase
TestStore.settings = ON_DISK
