"""A worktree to check out into."""

from __future__ import annotations

import os
from pathlib import Path

from mlv.core.paths import RepoPath
from mlv.core.tree import TreeChange
from mlv.store.layout import Layout, create_store
from mlv.store.objects import ObjectStore
from mlv.worktree.checkout.check_out import check_out
from mlv.worktree.checkout.request import CheckedOut, CheckOutRequest
from tests.unit.worktree.disk_trees import File, Link, Tree, changes_between, keep, read


class Place:
    """A worktree with a store, and something precious beside it."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.root = directory / "root"
        self.root.mkdir()
        (directory / "outside").mkdir()
        (directory / "outside" / "precious").write_bytes(b"precious")
        self.layout: Layout = create_store(directory / ".mlv", clone_id="c0ffee")
        self.objects = ObjectStore(self.layout)

    def apply(self, *changes: TreeChange, **request: object) -> CheckedOut:
        """Check out into the worktree."""
        asked = CheckOutRequest(root=self.root, changes=changes, **request)  # type: ignore[arg-type]
        return check_out(self.objects, self.layout, asked)

    def put(self, what: File | Link | Tree, path: str = "top", **request: object) -> CheckedOut:
        """Check out something new."""
        return self.apply(self.change(None, what, path), **request)

    def change(
        self, before: File | Link | Tree | None, after: File | Link | Tree | None, path: str
    ) -> TreeChange:
        """Return the change of one path."""
        name = path.rpartition("/")[2].encode()
        return TreeChange(
            path=RepoPath(path),
            before=None if before is None else keep(self.objects, before, name),
            after=None if after is None else keep(self.objects, after, name),
        )

    def switch(self, before: Tree, after: Tree, **request: object) -> CheckedOut:
        """Check out another version of the directory `top`."""
        changes = self.changes(before, after)
        return self.apply(*changes, stays=(RepoPath("top"),), **request)

    def changes(self, before: Tree, after: Tree) -> tuple[TreeChange, ...]:
        """Return how two versions of the directory `top` differ."""
        entries = (keep(self.objects, before), keep(self.objects, after))
        return changes_between(self.objects, *entries, "top")

    @property
    def everything(self) -> Tree:
        """What is in the worktree and beside it; not what is in the store."""
        found = {name: read(self.directory / os.fsdecode(name)) for name in (b"root", b"outside")}
        return {name: each for name, each in found.items() if each is not None}

    @property
    def leftovers(self) -> list[str]:
        """Temporary names in the worktree."""
        return sorted(each.name for each in self.root.rglob(".mlv-*.tmp"))
