from __future__ import annotations

import os
import shutil
import subprocess
import sys
import textwrap
from collections.abc import Sequence
from pathlib import Path

import pytest

from mlv.capture.observing.observe import Observations, observer_environment, read_observations

_VERSIONS = ("3.8", "3.9", "3.10", "3.11", "3.12", "3.13", "3.14")


def find_python(version: str) -> Path | None:
    """Return a Python of that version, from pyenv or from `PATH`."""
    root = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    found = sorted(root.glob(f"versions/{version}.*/bin/python"))
    if found:
        return found[-1]
    name = shutil.which(f"python{version}")
    if name is None or subprocess.run([name, "-V"], capture_output=True, check=False).returncode:
        return None
    return Path(name)


@pytest.fixture(params=["current", *_VERSIONS])
def any_python(request: pytest.FixtureRequest) -> str:
    """Every Python that can be observed, as far as this machine has it."""
    version = str(request.param)
    if version == "current":
        return sys.executable
    python = find_python(version)
    if python is None:
        pytest.skip(f"there is no Python {version} here")
    return str(python)


class Scratch:
    """A worktree with a run going on in it."""

    def __init__(self, directory: Path) -> None:
        self.root = directory / "repo"
        self.live = self.root / ".mlv" / "live" / "run"
        self.live.mkdir(parents=True)
        # Nothing of whoever runs the tests, above all no other observer.
        self.env = {"PATH": os.environ["PATH"], "HOME": str(directory), "TMPDIR": str(directory)}

    def write(self, name: str, text: str = "") -> Path:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text))
        return path

    def observed_env(self) -> dict[str, str]:
        return self.env | observer_environment(self.live, self.root, self.env)

    def run(self, *argv: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run a command that is observed."""
        return self.run_in(self.root, argv, check=check)

    def run_in(
        self, cwd: Path, argv: Sequence[str], *, check: bool = True
    ) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            argv, cwd=cwd, env=self.observed_env(), capture_output=True, text=True, check=False
        )
        assert not check or done.returncode == 0, done.stderr
        return done

    def observations(self) -> Observations:
        return read_observations(self.live)

    def reads(self) -> set[str]:
        """What was read, less scripts."""
        return {path for path in self.observations().reads if not path.endswith(".py")}

    def writes(self) -> set[str]:
        return set(self.observations().writes)


@pytest.fixture
def scratch(tmp_path: Path) -> Scratch:
    return Scratch(tmp_path)
