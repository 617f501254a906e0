"""Commands that are disturbed, and what must be true of store and worktree afterwards."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from unittest.mock import patch

import mlv.store.workers
import mlv.worktree.checkout.work
import mlv.worktree.scan
from mlv.errors import StorageError
from mlv.worktree.temporary import TEMPORARY_PATTERN
from tests.faults.in_process import mlv as run_mlv
from tests.faults.noise import noise
from tests.faults.published import check_published

Files = Mapping[str, bytes]
"""What is below `data`: content by path, a link as `-> target`, a directory as `/`.

The path of a `data` that is a file itself is empty.
"""

LINK = b"-> "
DIRECTORY = b"/"

FIRST: Files = {
    "a": b"a 1",
    "b": b"text\n" * 300,
    "empty": b"",
    "inner": DIRECTORY,
    "inner/c": b"c 1",
    "inner/gone": b"not for long",
    "inner/link": LINK + b"c",
    "nothing": DIRECTORY,
}
SECOND: Files = {
    "a": b"a 2",
    "b": b"text\n" * 300,
    "empty": b"no more",
    "inner": DIRECTORY,
    "inner/c": b"c 1",
    "inner/link": LINK + b"../a",
    "new": DIRECTORY,
    "new/d": b"d 2",
}
MANY: Files = {
    name: DIRECTORY if name.isalpha() else name.encode()
    for name in ("p", "q", "r", "p/1", "p/2", "p/3", "q/1", "q/2", "r/1", "r/2")
}
LARGE: Files = {"": noise(2, 700_000)}


class Command:
    """A command in a repository.

    Args:
        arguments: Of the command.
        stage: Does what comes before the command.
        before: What `data` holds when the command begins; None when it is not there.
        after: What it holds when the command has ended.
    """

    def __init__(
        self,
        *arguments: str,
        stage: Callable[[Path], None],
        before: Files | None,
        after: Files,
    ) -> None:
        self.arguments = arguments
        self._stage = stage
        self._before = before
        self._after = after

    def prepare(self, place: Path) -> None:
        """Make a repository with a store, and whatever the command needs."""
        subprocess.run(["git", "init", "--quiet", place], check=True)
        call(place, "init")
        self._stage(place)
        assert read_data(place) == self._before

    def run(self, place: Path) -> None:
        """Run the command.

        Raises:
            StorageError: The command said that it cannot be done; holds what it printed.
        """
        call(place, *self.arguments)

    def run_again(self, place: Path) -> None:
        """Run the command after it was disturbed."""
        self.run(place)

    def check_after(self, place: Path, *, done: bool, clean: bool) -> None:
        """Assert that nothing is lost, nothing is torn, and all is well if it is done."""
        assert check_published(place) >= 0
        found = read_data(place)
        if done:
            assert found == self._after
        else:
            self.check_unfinished(found)
        if clean or not done:
            call(place, "fsck", "--full")
        if clean:
            assert list((place / ".mlv" / "tmp").iterdir()) == []
            assert list(place.rglob(TEMPORARY_PATTERN)) == []

    def check_unfinished(self, found: Files | None) -> None:
        """Assert that every file is as it was or as it shall be, and none is torn."""
        before, after = self._before or {}, self._after or {}
        for name, held in (found or {}).items():
            assert held in (before.get(name), after.get(name)), name
        for name in before.keys() & after.keys():
            if before[name] == after[name]:
                assert (found or {}).get(name) == before[name], name


class Untrack(Command):
    """A command that cannot be done twice."""

    def run_again(self, place: Path) -> None:
        """Run the command, unless it was done."""
        if (place / "data.mlv").exists():
            self.run(place)


class Undo(Command):
    """A command that does something else when it is run twice."""

    def run_again(self, place: Path) -> None:
        """Run the command, unless it was done."""
        if read_data(place) != self._after:
            self.run(place)


class TakenBack(Command):
    """A command that can be taken back, however far it came."""

    def run_again(self, place: Path) -> None:
        """Take the command back if it has begun, and run it again."""
        if "change-data" in call(place, "op", "log", "--json"):
            call(place, "undo")
            assert read_data(place) == self._before
            assert "cut short" not in call(place, "status")
        self.run(place)


class Parallel(Command):
    """A command that starts other processes although there is little to do."""

    def run(self, place: Path) -> None:
        """Run the command."""
        with (
            patch.object(mlv.worktree.scan, "_MANY_NAMES", 0),
            patch.object(mlv.worktree.checkout.work, "_MANY_FILES", 0),
            patch.object(mlv.store.workers, "count_workers", lambda: 2),
            patch.object(mlv.worktree.checkout.work, "count_workers", lambda: 2),
        ):
            super().run(place)


class Repair(Command):
    """A command that finds a damaged store."""

    def check_after(self, place: Path, *, done: bool, clean: bool) -> None:
        """Assert that the worktree is as it was, and all is well if it is done."""
        assert read_data(place) == self._after
        if done:
            super().check_after(place, done=done, clean=clean)


def call(place: Path, *arguments: str) -> str:
    """Run a command that is done, or cannot be done; return what it prints.

    Raises:
        StorageError: It cannot be done.
    """
    done = run_mlv(place, *arguments)
    if done.code == StorageError.exit_code:
        raise StorageError(done.text)
    assert done.code == 0, f"mlv {' '.join(arguments)} ended with {done.code}: {done.text}"
    return done.text


def write_data(place: Path, files: Files) -> None:
    """Make `data` hold exactly `files`."""
    root = place / "data"
    shutil.rmtree(root, ignore_errors=True)
    if "" in files:
        root.write_bytes(files[""])
        return
    root.mkdir()
    for name, held in sorted(files.items()):
        if held == DIRECTORY:
            (root / name).mkdir()
        elif held.startswith(LINK):
            (root / name).symlink_to(os.fsdecode(held[len(LINK) :]))
        else:
            (root / name).write_bytes(held)


def read_data(place: Path) -> Files | None:
    """Return what `data` holds, None when it is not there; what is unfinished does not count."""
    root = place / "data"
    if not root.exists():
        return None
    if root.is_file():
        return {"": root.read_bytes()}
    found = {path.relative_to(root).as_posix(): path for path in root.rglob("*")}
    return {name: _read(path) for name, path in found.items() if "/.mlv-" not in f"/{name}"}


def _read(path: Path) -> bytes:
    if path.is_symlink():
        return LINK + os.fsencode(path.readlink())
    return DIRECTORY if path.is_dir() else path.read_bytes()


def _write(*versions: Files) -> Callable[[Path], None]:
    """Return what writes the last version of the data, and tracks those before it."""

    def stage(place: Path) -> None:
        for files in versions[:-1]:
            write_data(place, files)
            call(place, "track", "data")
        write_data(place, versions[-1])

    return stage


def _track(*versions: Files) -> Callable[[Path], None]:
    """Return what writes and tracks each version of the data."""
    return _write(*versions, versions[-1])


def _remove(files: Files) -> Callable[[Path], None]:
    """Return what tracks data and removes it."""

    def stage(place: Path) -> None:
        _track(files)(place)
        shutil.rmtree(place / "data")

    return stage


def _point_to_first(place: Path) -> None:
    _track(FIRST)(place)
    pointer = (place / "data.mlv").read_bytes()
    _track(SECOND)(place)
    (place / "data.mlv").write_bytes(pointer)


def _check_out_first(place: Path) -> None:
    _point_to_first(place)
    call(place, "checkout", "data")


def _damage(place: Path) -> None:
    _track(FIRST)(place)
    (pack,) = [path for path in (place / ".mlv" / "packs").rglob("*") if path.is_file()]
    pack.chmod(0o644)
    with pack.open("r+b") as file:
        file.seek(150)  # in the first record
        file.write(b"no such bytes")


_GC = ("gc", "--keep-days", "0", "--grace-days", "0")

COMMANDS: Mapping[str, Command] = {
    "track": Command("track", "data", stage=_write(FIRST), before=FIRST, after=FIRST),
    "track-again": Command(
        "track", "data", stage=_write(FIRST, SECOND), before=SECOND, after=SECOND
    ),
    "track-large": Command("track", "data", stage=_write(LARGE), before=LARGE, after=LARGE),
    "track-parallel": Parallel("track", "data", stage=_write(MANY), before=MANY, after=MANY),
    "checkout-parallel": Parallel("checkout", "data", stage=_remove(MANY), before=None, after=MANY),
    "untrack": Untrack("untrack", "data", stage=_track(FIRST), before=FIRST, after=FIRST),
    "checkout": Command("checkout", "data", stage=_remove(FIRST), before=None, after=FIRST),
    "checkout-over": Command("checkout", "data", stage=_point_to_first, before=SECOND, after=FIRST),
    "checkout-undone": TakenBack(
        "checkout", "data", stage=_point_to_first, before=SECOND, after=FIRST
    ),
    "undo-checkout": Undo("undo", stage=_check_out_first, before=FIRST, after=SECOND),
    "gc": Command(*_GC, stage=_track(FIRST, SECOND), before=SECOND, after=SECOND),
    "repair": Repair("fsck", "--repair", stage=_damage, before=FIRST, after=FIRST),
}
