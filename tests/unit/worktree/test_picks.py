"""Some files of a directory, scanned as if there were no others."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from pathlib import Path

import pytest

from mlv.core.digest import digest_of
from mlv.core.paths import RepoPath
from mlv.core.tree import Fingerprint
from mlv.errors import MissingFileError
from mlv.store.layout import Layout, create_store
from mlv.store.objects import ObjectStore
from mlv.store.trees import list_files
from mlv.worktree import scan as scan_module
from mlv.worktree import scan_file, scan_tasks
from mlv.worktree.fingerprint import HashCached, TreesOnly, fingerprint, fingerprint_picked
from mlv.worktree.listing import diff_worktree
from mlv.worktree.picks import Picks, pick_files
from tests.unit.core.builders import CLONE


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return create_store(tmp_path / ".mlv", clone_id=CLONE)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    top = tmp_path / "data"
    for name in ("a/1", "a/2", "a/deep/3", "b/4", "5"):
        path = top / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    return top


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every scan take place long after the files were made: ctime cannot be set back."""
    real = time.time_ns
    monkeypatch.setattr("time.time_ns", lambda: real() + 3_600_000_000_000)


def test_picked_files_are_all_that_is_listed(layout: Layout, data: Path) -> None:
    assert _list(layout, data, pick_files([b"a/1", b"a/deep/3", b"5"])) == {
        "a/1": digest_of(b"a/1"),
        "a/deep/3": digest_of(b"a/deep/3"),
        "5": digest_of(b"5"),
    }


def test_picking_everything_gives_the_tree_of_the_directory(layout: Layout, data: Path) -> None:
    objects = ObjectStore(layout)
    with objects.transaction() as writer:
        whole = fingerprint(data, writer)
        picked = fingerprint_picked(
            data, pick_files([b"a/1", b"a/2", b"a/deep/3", b"b/4", b"5"]), writer
        )

    assert picked == whole


def test_picked_files_that_are_gone_or_directories_now_are_passed_over(
    layout: Layout, data: Path
) -> None:
    assert _list(layout, data, pick_files([b"a/1", b"a/deep", b"gone/x", b"b/9", b"5/x"])) == {
        "a/1": digest_of(b"a/1")
    }


def test_picks_of_a_directory_that_is_gone_are_an_error(layout: Layout, tmp_path: Path) -> None:
    with pytest.raises(MissingFileError, match="is not there"):
        _list(layout, tmp_path / "none", pick_files([b"a"]))


def test_picked_empty_directory_is_listed(layout: Layout, data: Path) -> None:
    (data / "empty/inner").mkdir(parents=True)
    objects = ObjectStore(layout)
    with objects.transaction() as writer:
        with_empty = fingerprint_picked(data, pick_files([b"5"], empty=[b"empty/inner"]), writer)
        without = fingerprint_picked(data, pick_files([b"5"]), writer)

    assert with_empty != without


def test_followed_link_stands_for_what_lies_behind_it(
    layout: Layout, data: Path, tmp_path: Path, later: None
) -> None:
    outside = tmp_path / "outside"
    outside.write_text("first")
    (data / "link").symlink_to(outside)
    picks = pick_files([b"link"], follow_links=True)
    before = _list(layout, data, picks)
    outside.write_text("other")

    assert before == {"link": digest_of(b"first")}
    assert _list(layout, data, picks) == {"link": digest_of(b"other")}
    assert _list(layout, data, pick_files([b"link"])) == {
        "link": digest_of(os.fsencode(outside)),
    }


def test_second_scan_of_picked_files_reads_none(
    layout: Layout, data: Path, later: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    picks = pick_files([b"a/1", b"b/4"])
    before = _list(layout, data, picks)
    monkeypatch.setattr(scan_file, "read_small", _refuse)

    assert _list(layout, data, picks) == before


def test_scan_of_picked_files_uses_what_a_scan_of_all_files_knows(
    layout: Layout, data: Path, later: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ObjectStore(layout).transaction() as writer:
        fingerprint(data, writer)
    monkeypatch.setattr(scan_file, "read_small", _refuse)

    assert _list(layout, data, pick_files([b"a/1"])) == {"a/1": digest_of(b"a/1")}


def test_scan_of_all_files_is_not_confused_by_one_of_picked_files(
    layout: Layout, data: Path, later: None
) -> None:
    objects = ObjectStore(layout)
    with objects.transaction() as writer:
        before = fingerprint(data, writer)
    _list(layout, data, pick_files([b"a/1"]))
    with objects.transaction() as writer:
        assert fingerprint(data, writer) == before


def test_changed_file_is_noticed_in_a_second_scan(layout: Layout, data: Path, later: None) -> None:
    picks = pick_files([b"a/1", b"a/2"])
    _list(layout, data, picks)
    (data / "a/2").write_text("new")

    assert _list(layout, data, picks)["a/2"] == digest_of(b"new")


def test_large_directory_is_picked_in_parts_and_in_processes(
    layout: Layout, data: Path, later: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scan_module, "_MANY_NAMES", 0)
    monkeypatch.setattr(scan_tasks, "PART_NAMES", 7)
    monkeypatch.setattr("mlv.worktree.scan_plan.MOST_NAMES", 14)
    for number in range(60):
        (data / f"a/deep/{number:03}").write_text(str(number))
    chosen = [number for number in range(60) if number % 3]
    picks = pick_files(f"a/deep/{number:03}".encode() for number in chosen)
    expected = {f"a/deep/{number:03}": digest_of(str(number).encode()) for number in chosen}

    assert _list(layout, data, picks) == expected
    assert _list(layout, data, picks) == expected


def test_trees_alone_are_stored_when_only_they_are_wanted(
    layout: Layout, data: Path, later: None
) -> None:
    objects = ObjectStore(layout)
    with objects.transaction() as writer:
        found = fingerprint_picked(data, pick_files([b"a/1", b"5"]), TreesOnly(writer))
    listed = list_files(objects, found, RepoPath("."))

    assert set(listed) == {"a/1", "5"}
    assert not objects.contains_all({bytes.fromhex(each.digest) for each in listed.values()})


def test_trees_are_stored_although_the_cache_knows_them(
    layout: Layout, data: Path, later: None
) -> None:
    picks = pick_files([b"a/1", b"5"])
    objects = ObjectStore(layout)
    with objects.looking() as writer:
        fingerprint_picked(data, picks, HashCached(writer))
    with objects.transaction() as writer:
        found = fingerprint_picked(data, picks, TreesOnly(writer))

    assert set(list_files(objects, found, RepoPath("."))) == {"a/1", "5"}


def test_comparison_looks_at_picked_files_only(layout: Layout, data: Path) -> None:
    objects = ObjectStore(layout)
    picks = pick_files([b"a/1", b"5"])
    with objects.transaction() as writer:
        before = fingerprint_picked(data, picks, writer)
        (data / "a/1").write_text("changed")
        (data / "a/2").write_text("changed")
        found = diff_worktree(data, before, objects, writer, picks=picks)

    assert [change.path for change in found.changes] == ["a/1"]


def _list(layout: Layout, top: Path, picks: Picks) -> Mapping[str, str]:
    objects = ObjectStore(layout)
    with objects.transaction() as writer:
        found: Fingerprint = fingerprint_picked(top, picks, writer)
    listed = list_files(objects, found, RepoPath("."))
    assert found.n_files == len(listed)
    assert found.total_bytes == sum(each.size_bytes for each in listed.values())
    return {path: entry.digest for path, entry in listed.items()}


def _refuse(*_: object) -> None:
    message = "a file was read"
    raise AssertionError(message)
