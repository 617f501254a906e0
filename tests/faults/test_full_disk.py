from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
MOUNT = 'mount -t tmpfs -o size=8m tmpfs "$1" && exec "$2" -m tests.faults.full_disk "$1"'
MAY_MOUNT = 'mount -t tmpfs -o size=64k tmpfs "$1"'


def _run_with_mounts(script: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run a script whose mounts vanish with it."""
    command = ["unshare", "--mount", "--map-root-user", "sh", "-c", script, "sh", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def test_full_disk_is_refused_and_harms_nothing(tmp_path: Path) -> None:
    if shutil.which("unshare") is None:
        pytest.skip("no `unshare` here, so no small file system can be mounted")
    allowed = _run_with_mounts(MAY_MOUNT, tmp_path)
    if allowed.returncode:
        pytest.skip(f"no small file system can be mounted here: {allowed.stderr.strip()}")
    done = _run_with_mounts(MOUNT, tmp_path, sys.executable)
    assert (done.returncode, done.stderr) == (0, "")
