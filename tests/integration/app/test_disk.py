"""A disk that is full or read-only: a clear message, and nothing half done.

A small file system of its own is mounted for that, which needs to be root.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.repository import Repository

_SIZE_KIB = 24 * 1024


def _mount(*arguments: str) -> bool:
    done = subprocess.run(["mount", *arguments], capture_output=True, check=False)
    return done.returncode == 0


@pytest.fixture
def small(own_environment: None, tmp_path: Path) -> Iterator[Repository]:
    """A repository with a store, alone on a disk of 24 MiB."""
    root = tmp_path / "disk"
    root.mkdir()
    options = ["-t", "tmpfs", "-o", f"size={_SIZE_KIB}k", "tmpfs", str(root)]
    if os.geteuid() != 0 or not _mount(*options):
        pytest.skip("only root can mount a file system")
    try:
        repository = Repository(root)
        repository.git("init", "--quiet", "--initial-branch=main")
        repository.write("params.yaml", "lr: 0.1\n")
        repository.write(".gitignore", "ballast\n*.bin\n")
        repository.commit("first")
        yield repository
    finally:
        _mount("-o", "remount,rw", str(root))
        subprocess.run(["umount", "--lazy", str(root)], check=True)


def _fill(repo: Repository, *, leave: int = 0) -> None:
    with (repo.root / "ballast").open("wb", buffering=0) as file:
        free = shutil.disk_usage(repo.root).free - leave
        block = bytes(4096)
        try:
            for _ in range(free // len(block) + (0 if leave else 2)):
                file.write(block)
        except OSError:
            return


def _make_room(repo: Repository) -> None:
    (repo.root / "ballast").unlink()


def _make_read_only(repo: Repository) -> None:
    assert _mount("-o", "remount,ro", str(repo.root))


def _first_line(message: str) -> str:
    return message.splitlines()[0]


@pytest.mark.parametrize("command", ["init", "run true", "rollback first", "undo"])
def test_read_only_file_system(small: Repository, command: str) -> None:
    if command != "init":
        small.initialize()
        small.shell("true", name="first")
        small.write("params.yaml", "lr: 0.2\n")
        small.commit()
    before = small.state()
    _make_read_only(small)
    done = small.mlv(*command.split())
    assert done.code == (125 if command.startswith("run") else 3)
    assert done.stdout == ""
    assert done.stderr.startswith("error: ")
    assert "read-only" in _first_line(done.stderr).lower()
    assert small.state() == before


def test_looking_works_on_a_read_only_file_system(small: Repository) -> None:
    small.initialize()
    small.shell("echo hello", name="first")
    small.shell("true", name="second")
    _make_read_only(small)
    for command in ("log", "show first", "show first --log", "diff first second", "op log"):
        done = small.mlv(*command.split())
        assert (done.code, done.stderr) == (0, ""), command


def test_init_on_a_full_disk_leaves_nothing(small: Repository) -> None:
    _fill(small)
    before = small.state()
    done = small.mlv("init")
    assert (done.code, "the disk is full" in done.stderr) == (3, True), done.stderr
    assert small.state() == before


def test_run_on_a_full_disk_does_not_start_the_command(small: Repository) -> None:
    small.initialize()
    _fill(small)
    before = small.state()
    never = small.root.parent / "never"
    done = small.mlv("run", "touch", str(never))
    assert (done.code, "full" in done.stderr or "No space left" in done.stderr) == (125, True), (
        done.stderr
    )
    after = small.state()
    assert {path for path in after if path not in before} <= {".git/refs/mlv", ".git/refs/mlv/runs"}
    assert not never.exists()
    assert small.runs() == ()


def test_run_whose_outputs_do_not_fit_is_sealed_when_there_is_room(small: Repository) -> None:
    small.initialize()
    _fill(small, leave=10 << 20)
    done = small.mlv("run", "-n", "big", "-o", "model.bin", "sh", "-c",
                     "head -c 6000000 /dev/urandom > model.bin; exit 4")  # fmt: skip
    assert done.code == 4
    first, second = done.stderr.splitlines()
    assert first.startswith("error: the command ended, but its record was not sealed: ")
    assert "the disk is full" in first
    assert second == (
        "hint: its outputs are untouched; when that is mended, seal the record with `mlv recover`"
    )
    assert (small.root / "model.bin").stat().st_size == 6000000
    _make_room(small)
    recovered = small.mlv("recover")
    assert (recovered.code, recovered.stdout) == (0, "sealed run big as failed (exit code 4)\n")
    run = small.find("big")
    assert (run.exit_code, [each.path for each in run.outputs]) == (4, ["model.bin"])


def test_run_that_fills_the_disk_itself_keeps_its_exit_code(small: Repository) -> None:
    small.initialize()
    done = small.mlv("run", "-n", "big", "-o", "a.bin", "sh", "-c",
                     "cat /dev/zero > ballast; echo x > a.bin; exit 4")  # fmt: skip
    assert done.code in {3, 4}  # sealed later, or at once in the space that was set aside
    _make_room(small)
    small.mlv("recover")
    run = small.find("big")
    assert (run.status, run.exit_code) == ("failed", 4)


def test_rollback_that_does_not_fit_changes_nothing(small: Repository) -> None:
    small.initialize()
    small.shell("head -c 1000000 /dev/urandom > a.bin", outputs=["a.bin"], name="first")
    small.shell("head -c 1000000 /dev/urandom > a.bin", outputs=["a.bin"], name="second")
    _fill(small, leave=100 << 10)
    before = small.state()
    done = small.mlv("rollback", "first")
    assert done.code == 3
    assert "disk" in _first_line(done.stderr)
    assert small.state() == before


def test_looking_works_on_a_full_disk(small: Repository) -> None:
    small.initialize()
    small.shell("true", name="first")
    _fill(small)
    assert small.mlv("show", "first").code == 0
