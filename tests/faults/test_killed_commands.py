"""The installed command is killed by the kernel in the middle of a system call."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from tests.faults.command_scenarios import COMMANDS, Command

DONE, REFUSED, KILLED = 0, 3, -9
CALLS = {
    "fsync,fdatasync": (1, 3),
    "link,linkat": (1,),
    "rename,renameat,renameat2": (1,),
    "write,pwrite64,writev": (2, 6),
    "unlink,unlinkat": (1,),
}
"""System calls, and at which of each the command is killed."""


@pytest.fixture(scope="module")
def strace() -> str:
    """Return the path of `strace`, if it is there and may trace."""
    found = shutil.which("strace")
    if found is None:
        pytest.skip("no `strace` here, so no system call can be interrupted")
    tried = subprocess.run([found, "true"], capture_output=True, text=True, check=False)
    if tried.returncode:
        pytest.skip(f"`strace` may not trace here: {tried.stderr.strip()}")
    return found


@pytest.mark.parametrize("name", ["track", "checkout", "gc"])
def test_command_that_is_killed_leaves_all_whole_and_can_be_run_again(
    quick_directory: Path, strace: str, name: str
) -> None:
    scenario = COMMANDS[name]
    place, template = quick_directory / "place", quick_directory / "template"
    place.mkdir()
    scenario.prepare(place)
    place.rename(template)
    n_struck = 0
    for calls, numbers in CALLS.items():
        for number in numbers:
            shutil.copytree(template, place, symlinks=True)
            done = _run_struck(strace, calls, number, scenario, place)
            scenario.check_after(place, done=done, clean=done)
            if not done:
                n_struck += 1
                scenario.run_again(place)
                scenario.check_after(place, done=True, clean=False)
            shutil.rmtree(place)
    assert n_struck >= len(CALLS)


@pytest.mark.parametrize(
    ("calls", "error", "words"),
    [
        ("fdatasync", "EIO", "the disk failed"),
        ("link,linkat", "ENOSPC", "the disk is full"),
        ("link,linkat", "EDQUOT", "the disk quota is used up"),
        ("fsync", "EIO", "the disk failed"),
    ],
)
def test_error_of_the_disk_is_told_in_words(
    quick_directory: Path, strace: str, calls: str, error: str, words: str
) -> None:
    scenario = COMMANDS["track"]
    scenario.prepare(quick_directory)
    done = _run_traced(strace, calls, f"error={error}:when=1", scenario, quick_directory)
    assert done.returncode == REFUSED
    assert done.stderr.startswith("error: cannot ")
    assert words in done.stderr.splitlines()[0]
    scenario.check_after(quick_directory, done=False, clean=True)
    scenario.run_again(quick_directory)
    scenario.check_after(quick_directory, done=True, clean=True)


def _run_struck(strace: str, calls: str, number: int, scenario: Command, place: Path) -> bool:
    """Run a command, and kill each of its processes at a system call; tell whether it got done."""
    done = _run_traced(strace, calls, f"signal=KILL:when={number}", scenario, place)
    # Where only a `git` that it started was killed, it says that it cannot go on.
    assert done.returncode in {DONE, REFUSED, KILLED}, done.stderr
    return done.returncode == DONE


def _run_traced(
    strace: str, calls: str, injected: str, scenario: Command, place: Path
) -> subprocess.CompletedProcess[str]:
    command = Path(sysconfig.get_path("scripts")) / "mlv"
    start = [command] if command.exists() else [sys.executable, "-m", "mlv"]
    options = ["-e", f"trace={calls}", "-e", f"inject={calls}:{injected}"]
    return subprocess.run(
        [strace, "-f", "-qq", "-o", "/dev/null", *options, *start, *scenario.arguments],
        cwd=place,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
