from __future__ import annotations

import os
from pathlib import Path

from tests.faults.conftest import run_module
from tests.faults.disk import Disk

N_LEAST = {
    "publish": 15,
    "large": 15,
    "whole": 40,
    "hardlink": 20,
    "symlink": 200,
    "merge": 15,
    "init": 500,
    "replace": 5,
    "track": 50,
    "track-again": 10,
    "untrack": 10,
    "checkout-over": 12,
    "undo-checkout": 4,
    "gc": 50,
    "repair": 8,
}
"""So that it is noticed when states are not seen any more."""


def test_loss_of_power_leaves_what_was_published_whole(quick_directory: Path) -> None:
    counts = run_module("power_loss", quick_directory, *N_LEAST)
    found = dict(zip(N_LEAST, counts, strict=True))
    assert {name: min(count, N_LEAST[name]) for name, count in found.items()} == N_LEAST


def test_loss_of_power_after_a_sync_that_failed_leaves_what_was_published_whole(
    quick_directory: Path,
) -> None:
    assert run_module("power_loss", quick_directory, "retry") > [15]


def test_unsynced_file_may_be_lost_torn_or_nameless(quick_directory: Path) -> None:
    disk = Disk(quick_directory, frozenset())
    (quick_directory / "new").write_bytes(b"data")
    disk.observe()
    left = [state.get("new") for state in disk.states()]
    assert set(left) == {None, b"", b"da", b"\0\0\0\0", b"data"}


def test_synced_file_without_synced_name_may_be_lost_but_not_torn(quick_directory: Path) -> None:
    disk = Disk(quick_directory, frozenset())
    with (quick_directory / "new").open("wb") as file:
        file.write(b"data")
        file.flush()
        disk.observe()
        disk.sync(file.fileno())
    assert {state.get("new") for state in disk.states()} == {None, b"data"}


def test_renamed_file_is_there_under_one_name_or_the_other(quick_directory: Path) -> None:
    (quick_directory / "old").write_bytes(b"data")
    disk = Disk(quick_directory, frozenset())
    (quick_directory / "old").rename(quick_directory / "new")
    disk.observe()
    assert list(disk.states()) == [{"new": b"data"}, {"old": b"data"}]


def test_synced_directory_keeps_its_names(quick_directory: Path) -> None:
    disk = Disk(quick_directory, frozenset())
    (quick_directory / "inner").mkdir()
    disk.observe()
    descriptor = os.open(quick_directory, os.O_RDONLY)
    disk.sync(descriptor)
    os.close(descriptor)
    assert list(disk.states()) == [{"inner": None}]
