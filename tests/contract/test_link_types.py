"""What link types do on real file systems that can share blocks.

Each file system is made in a file and mounted, which needs root, the tools of the file
system and a kernel that knows it.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from mlv.core.paths import RepoPath
from mlv.core.run import Content
from mlv.core.tree import TreeChange, TreeEntry
from mlv.store.adoption import adopt
from mlv.store.layout import Layout, create_store
from mlv.store.objects import ObjectStore
from mlv.store.whole import WholeObjects
from mlv.worktree import links
from mlv.worktree.checkout.check_out import check_out
from mlv.worktree.checkout.request import CheckOutRequest
from mlv.worktree.links import choose_link_type, is_shared

SIZE = 40 << 20
DATA = os.urandom(1 << 20) * (SIZE >> 20)
IMAGE_BYTES = 400 << 20


@pytest.fixture(scope="module", params=["xfs", "btrfs"])
def mounted(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Path]:
    """A directory on a file system of its own."""
    name: str = request.param
    if os.geteuid() != 0:
        pytest.skip(f"mounting {name} needs root")
    if shutil.which(f"mkfs.{name}") is None:
        pytest.skip(f"mkfs.{name} is not installed")
    directory = tmp_path_factory.mktemp(name)
    image = directory / "image"
    with image.open("wb") as file:
        file.truncate(IMAGE_BYTES)
    subprocess.run([f"mkfs.{name}", "-q", image], check=True, capture_output=True)
    top = directory / "top"
    top.mkdir()
    done = subprocess.run(["mount", "-o", "loop", image, top], check=False, capture_output=True)
    if done.returncode:
        pytest.skip(f"{name} cannot be mounted here: {os.fsdecode(done.stderr).strip()}")
    yield top
    # A store that is not needed any more may keep a pack open for a while.
    subprocess.run(["umount", "--lazy", top], check=True)


@pytest.fixture
def root(mounted: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A worktree, empty but for its store."""
    monkeypatch.setattr(links, "_clones", {})
    root = mounted / "root"
    root.mkdir()
    yield root
    shutil.rmtree(root)


@pytest.fixture
def layout(root: Path) -> Layout:
    return create_store(root / ".mlv", clone_id="c0ffee")


def _used(root: Path) -> int:
    """Return how many bytes of the file system are in use."""
    os.sync()
    found = os.statvfs(root)
    return (found.f_blocks - found.f_bfree) * found.f_frsize


def _check_out(root: Path, layout: Layout, content: Content) -> None:
    """Check out a file called `again`, with whatever link type is best."""
    entry = TreeEntry(
        name="again", kind="file", digest=content.digest, size_bytes=content.size_bytes
    )
    change = TreeChange(path=RepoPath("again"), before=None, after=entry)
    request = CheckOutRequest(root=root, changes=(change,), link_type="auto")
    check_out(ObjectStore(layout), layout, request)


def test_auto_is_a_reflink_here(root: Path, layout: Layout) -> None:
    assert choose_link_type(layout, root, "auto") == "reflink"
    assert [each.name for each in root.iterdir()] == [".mlv"]
    assert list(layout.temporary.iterdir()) == []


def test_data_that_is_tracked_and_checked_out_takes_its_size_once(
    root: Path, layout: Layout
) -> None:
    path = root / "data"
    path.write_bytes(DATA)
    before = _used(root)
    content = adopt(WholeObjects(layout), path, "reflink")
    _check_out(root, layout, content)
    assert (root / "again").read_bytes() == DATA
    assert _used(root) - before < SIZE // 4


def test_file_that_is_in_packs_only_is_written(root: Path, layout: Layout) -> None:
    with ObjectStore(layout).transaction() as writer:
        content = writer.add_bytes(DATA)
    _check_out(root, layout, content)
    assert (root / "again").read_bytes() == DATA


def test_damaged_object_is_not_handed_out(root: Path, layout: Layout) -> None:
    with ObjectStore(layout).transaction() as writer:
        content = writer.add_bytes(b"some data")
    whole = WholeObjects(layout)
    path = whole.provide(content, lambda: [b"some data"])
    path.chmod(0o644)
    path.write_bytes(b"SOME DATA")
    _check_out(root, layout, content)
    assert (root / "again").read_bytes() == b"some data"


def test_edit_of_a_reflink_leaves_the_object_as_it_is(root: Path, layout: Layout) -> None:
    path = root / "data"
    path.write_bytes(b"some data")
    whole = WholeObjects(layout)
    content = adopt(whole, path, "reflink")
    assert not is_shared(layout, path)
    path.write_bytes(b"SOME DATA")
    assert whole.is_intact(content)
