from __future__ import annotations

import re
import shutil

import pytest

from mlv.core.digest import digest_of
from mlv.core.run import Content
from mlv.core.tree import TREE_HEADER
from mlv.core.tree_merge import merge_directories
from mlv.store.objects import ObjectStore
from tests.faults.in_process import Done, mlv
from tests.support.repository import Repository, read_tree
from tests.unit.core.builders import content

N_LEVELS = [1025, 100_000]
"""Deeper than Python's stack, and than a path may be."""

N_DOUBLINGS = 64
"""So often doubled, one directory becomes more than anybody can count."""

EVIL = b"#!/bin/sh\necho you lost\n"
REFUSED = {3, 7}

OUTSIDE = ["..", ".", "", "/etc/mlv-evil", "../evil", "a/../../evil", "a/b", "a\\000b"]
DISGUISED = [
    ".git",
    ".GIT",
    ".Git",
    "git~1",
    "GIT~1",
    ".git ",
    ".git.",
    ".git...",
    ".git::$INDEX_ALLOCATION",
    ".g\u200cit",
    "\ufeff.git",
    ".mlv",
    ".MLV",
    ".mlv.",
]


class Victim:
    """A repository with a tracked directory `data`, whose pointer can be made to name any tree."""

    def __init__(self, repository: Repository) -> None:
        self.root = repository.root
        repository.write("data/file", "harmless\n")
        assert mlv(self.root, "track", "data").code == 0
        self.objects: ObjectStore = repository.open().objects

    def add(self, data: bytes) -> Content:
        """Store an object."""
        with self.objects.transaction() as writer:
            return writer.add_bytes(data)

    def add_tree(self, *lines: tuple[str, bytes, str]) -> Content:
        """Store a tree as it must not be: kind, content and escaped name of each entry."""
        for _, data, _ in lines:
            self.add(data)
        return self.add(raw_tree(*lines))

    def point_to(self, tree: Content) -> None:
        """Let the pointer name a tree."""
        pointer = self.root / "data.mlv"
        text = re.sub("[0-9a-f]{64}", tree.digest, pointer.read_text())
        pointer.write_text(re.sub(r"tree_size: \d+", f"tree_size: {tree.size_bytes}", text))
        self._before = self._seen()

    def check_out(self) -> Done:
        """Check the directory out."""
        return mlv(self.root, "checkout", "data")

    def check_refusal(self, what: str = "") -> None:
        """Assert that a check-out is refused, and changes nothing but in `.mlv`."""
        done = self.check_out()
        assert done.code in REFUSED, f"{what}: {done}"
        assert done.text.startswith("error: ")
        assert self._seen() == self._before, what

    def remove(self) -> None:
        """Remove the directory, so that all of it is to be made."""
        shutil.rmtree(self.root / "data")
        self._before = self._seen()

    def check_others(self) -> None:
        """Assert that no other command gets lost in the tree."""
        for command in (["status"], ["gc"], ["fsck"]):
            done = mlv(self.root, *command)
            assert done.code in {0, *REFUSED}, f"{command}: {done}"

    def _seen(self) -> dict[str, tuple[int, bytes]]:
        found = read_tree(self.root.parent)
        return {name: each for name, each in found.items() if f"{self.root.name}/.mlv" not in name}


def raw_tree(*lines: tuple[str, bytes, str]) -> bytes:
    """Return the bytes of a tree, whatever its entries are."""
    rows = [f"{kind} {digest_of(data)} {len(data)} {name}\n" for kind, data, name in lines]
    return TREE_HEADER + "".join(rows).encode("utf-8", "surrogatepass")


@pytest.fixture
def victim(repo: Repository) -> Victim:
    return Victim(repo)


def test_name_that_leads_elsewhere_is_refused(victim: Victim) -> None:
    inner = raw_tree(("exec", EVIL, "config"))
    for kind, data in (("file", EVIL), ("link", b".."), ("dir", inner)):
        for name in [*OUTSIDE, *DISGUISED]:
            victim.point_to(victim.add_tree((kind, data, name)))
            victim.check_refusal(f"{kind} {name!r}")


def test_tree_that_is_not_in_its_one_right_form_is_refused(victim: Victim) -> None:
    inner = raw_tree(("file", EVIL, "evil"))
    for lines in (
        [("file", EVIL, "x"), ("file", b"other", "x")],
        [("link", b"..", "x"), ("dir", inner, "x")],
        [("dir", inner, "x"), ("link", b"/tmp", "x")],
        [("file", EVIL, "b"), ("file", EVIL, "a")],
        [("file", EVIL, "\\x61")],
        [("file", EVIL, "a"), ("socket", EVIL, "b")],
    ):
        victim.point_to(victim.add_tree(*lines))
        victim.check_refusal(f"{lines}")


def test_file_is_not_written_through_a_link_that_lies_in_the_worktree(victim: Victim) -> None:
    outside = victim.root.parent / "outside"
    outside.mkdir()
    victim.add(EVIL)
    inner = victim.add(raw_tree(("file", EVIL, "evil")))
    victim.point_to(victim.add_tree(("dir", raw_tree(("file", EVIL, "evil")), "sub")))
    assert inner == content(raw_tree(("file", EVIL, "evil")))
    (victim.root / "data" / "sub").symlink_to(outside)
    victim.check_out()
    assert list(outside.iterdir()) == []


def test_directory_that_became_a_link_is_not_followed(victim: Victim) -> None:
    outside = victim.root.parent / "outside"
    outside.mkdir()
    (outside / "file").write_bytes(b"precious")
    shutil.rmtree(victim.root / "data")
    (victim.root / "data").symlink_to(outside)
    victim.check_out()
    assert [path.name for path in outside.iterdir()] == ["file"]
    assert (outside / "file").read_bytes() == b"precious"


def test_names_that_are_one_to_another_file_system_lose_nothing(victim: Victim) -> None:
    names = ["A", "a", "e\u0301", "\u00e9"]
    victim.point_to(victim.add_tree(*[("file", name.encode(), name) for name in names]))
    done = victim.check_out()
    assert done.code == 0, done.text
    held = {path.name: path.read_bytes() for path in (victim.root / "data").iterdir()}
    assert held == {name: name.encode() for name in names}


@pytest.mark.parametrize("n_levels", N_LEVELS)
@pytest.mark.parametrize("is_there", [True, False])
def test_directories_too_deep_for_any_path_are_refused(
    victim: Victim, n_levels: int, *, is_there: bool
) -> None:
    victim.point_to(_nest(victim, n_levels))
    if not is_there:
        victim.remove()
    victim.check_refusal()
    victim.check_others()


@pytest.mark.parametrize("is_there", [True, False])
def test_directories_without_end_are_refused(victim: Victim, *, is_there: bool) -> None:
    victim.point_to(_double(victim, N_DOUBLINGS))
    if not is_there:
        victim.remove()
    victim.check_refusal()
    victim.check_others()


def test_merge_of_directories_without_end_is_refused(victim: Victim) -> None:
    base, ours, theirs = (_double(victim, N_DOUBLINGS, bottom) for bottom in (b"1", b"2", b"3"))
    with pytest.raises(ValueError, match="comes too often"):
        merge_directories(base, ours, theirs, victim.objects.read)


def _nest(victim: Victim, n_levels: int) -> Content:
    with victim.objects.transaction() as writer:
        data = raw_tree()
        tree = writer.add_bytes(data)
        for _ in range(n_levels):
            data = raw_tree(("dir", data, "d"))
            tree = writer.add_bytes(data)
    return tree


def _double(victim: Victim, n_levels: int, bottom: bytes = b"bottom") -> Content:
    with victim.objects.transaction() as writer:
        writer.add_bytes(bottom)
        data = raw_tree(("file", bottom, "bottom"))
        tree = writer.add_bytes(data)
        for _ in range(n_levels):
            data = raw_tree(("dir", data, "a"), ("dir", data, "b"))
            tree = writer.add_bytes(data)
    return tree
