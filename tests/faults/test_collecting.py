from __future__ import annotations

from pathlib import Path

import pytest

from mlv.core.run import Content
from mlv.core.tree import Fingerprint, encode_tree
from mlv.store.collect import apply_sweep, plan_sweep
from mlv.store.layout import Layout, create_store
from mlv.store.lock import exclusive_store_lock
from mlv.store.objects import ObjectStore
from mlv.store.reach import find_reached, root_of
from mlv.store.trash import Trash
from tests.unit.core.builders import content, entry

INNER = encode_tree([entry("precious")])


@pytest.mark.parametrize("copy", ["a copy", "z copy"])
def test_directory_is_kept_though_a_file_holds_the_bytes_of_its_tree(
    tmp_path: Path, copy: str
) -> None:
    layout = create_store(tmp_path / ".mlv", clone_id="c0ffee")
    with ObjectStore(layout).transaction() as writer:
        writer.add_bytes(b"")
        assert writer.add_bytes(INNER) == content(INNER)
        top = writer.add_tree([entry(copy, INNER), entry("dir", INNER, "dir")])
    _collect(layout, top)
    assert ObjectStore(layout).read(content(b"")) == b""


def _collect(layout: Layout, top: Content) -> None:
    named = Fingerprint(kind="dir", digest=top.digest, size_bytes=top.size_bytes)
    with exclusive_store_lock(layout):
        reached = find_reached(layout, ObjectStore(layout), [root_of(named, origin="a run")])
        apply_sweep(layout, plan_sweep(layout, reached.origins), now_s=1)
        Trash(layout).empty(before_s=1)
