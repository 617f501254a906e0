"""Small Git repositories to measure in."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

MLV = str(Path(sys.executable).with_name("mlv"))
"""The command of the environment that measures."""

N_FILES = 20
FILE_SIZE_BYTES = 1024

GIT_ENVIRONMENT = {
    "GIT_AUTHOR_NAME": "Benchmark",
    "GIT_AUTHOR_EMAIL": "benchmark@example.com",
    "GIT_COMMITTER_NAME": "Benchmark",
    "GIT_COMMITTER_EMAIL": "benchmark@example.com",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_NOSYSTEM": "1",
}
"""An identity, and none of the user's own settings."""


def make_repository(directory: Path, *, ignored: str = "") -> Path:
    """Make a clean Git repository of a few small files; return its directory.

    Args:
        directory: Where it goes; must not exist.
        ignored: What `.gitignore` holds.
    """
    directory.mkdir(parents=True)
    for number in range(N_FILES):
        content = f"{number}\n".encode().ljust(FILE_SIZE_BYTES, b".")
        (directory / f"file-{number:02d}.txt").write_bytes(content)
    (directory / ".gitignore").write_text(ignored)
    call(directory, "git", "init", "--quiet", "--initial-branch=main")
    commit_all(directory)
    return directory


def commit_all(directory: Path) -> None:
    """Commit everything that is not ignored."""
    call(directory, "git", "add", "--all")
    call(directory, "git", "commit", "--quiet", "--message", "State before the benchmark")


def call(directory: Path, *argv: str) -> None:
    """Execute a command that prepares a measurement.

    Raises:
        subprocess.CalledProcessError: It failed; what it wrote stands on the terminal.
    """
    subprocess.run(
        argv,
        cwd=directory,
        env={**os.environ, **GIT_ENVIRONMENT},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        check=True,
    )
