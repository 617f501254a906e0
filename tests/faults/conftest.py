"""Where the faults are tried."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
_IN_MEMORY = Path("/dev/shm")  # noqa: S108 - a directory of our own is made in it


@pytest.fixture
def quick_directory(tmp_path: Path) -> Iterator[Path]:
    """Return an empty directory, in memory if that can be had: most faults need no real disk."""
    if not os.access(_IN_MEMORY, os.W_OK):
        yield tmp_path
        return
    with tempfile.TemporaryDirectory(prefix="mlv-faults-", dir=_IN_MEMORY) as name:
        yield Path(name)


def run_module(module: str, *arguments: str | Path) -> list[int]:
    """Run a program of this package, and return the numbers that it prints."""
    done = subprocess.run(
        [sys.executable, "-m", f"tests.faults.{module}", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return [int(line) for line in done.stdout.split()]
