from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent


@pytest.mark.parametrize(
    ("scenario", "mode", "n_least"),
    [
        ("publish", "kill", 40),
        ("publish", "full", 20),
        ("init", "kill", 20),
        ("init", "full", 15),
        ("replace", "kill", 5),
        ("replace", "full", 3),
    ],
)
def test_change_can_be_interrupted_anywhere(
    tmp_path: Path, scenario: str, mode: str, n_least: int
) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.faults.crash_points", scenario, mode, tmp_path],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert int(done.stdout) >= n_least
