"""`import mlv` in a Python that has none."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import mlv
from mlv.capture.observing.observe import observer_environment
from tests.integration.capture.conftest import Scratch

OWN = str(Path(mlv.__file__))
WHERE = "import mlv; print(mlv.__file__, mlv.__version__)"


@pytest.fixture(params=[True, False], ids=["observed", "not-observed"])
def env(request: pytest.FixtureRequest, scratch: Scratch) -> dict[str, str]:
    observe = bool(request.param)
    return scratch.env | observer_environment(
        scratch.live, scratch.root, scratch.env, observe=observe
    )


def run(scratch: Scratch, env: dict[str, str], *argv: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        argv, env=env, cwd=scratch.root, capture_output=True, text=True, check=False
    )


def test_mlv_can_be_imported_where_it_is_not_installed(
    scratch: Scratch, env: dict[str, str], any_python: str
) -> None:
    done = run(scratch, env, any_python, "-c", WHERE)
    assert (done.stdout, done.stderr) == (f"{OWN} {mlv.__version__}\n", "")


def test_metrics_can_be_logged_where_mlv_is_not_installed(
    scratch: Scratch, env: dict[str, str], any_python: str
) -> None:
    scratch.write(
        "train.py",
        """
        import mlv
        with mlv.start_run() as run:
            run.log_params({"lr": 0.1})
            for step in range(3):
                run.log({"loss": 1.0 / (step + 1)}, step=step)
        """,
    )
    done = run(scratch, env, any_python, "train.py")

    assert (done.returncode, done.stderr) == (0, "")
    assert len(list((scratch.live / "series").iterdir())) == 1


def test_only_mlv_is_found(scratch: Scratch, env: dict[str, str]) -> None:
    code = (
        "import importlib.util as u; print([u.find_spec(n) for n in ('msgspecs', 'cli', 'store')])"
    )
    assert run(scratch, env, sys.executable, "-c", code).stdout == "[None, None, None]\n"


def test_mlv_of_the_program_wins_whatever_its_version(
    scratch: Scratch, env: dict[str, str], any_python: str
) -> None:
    scratch.write("site/mlv/__init__.py", "__version__ = '99.0'")
    env["PYTHONPATH"] += f":{scratch.root / 'site'}"
    scratch.write("data.csv")

    done = run(scratch, env, any_python, "-c", f"{WHERE}; open('data.csv')")

    assert done.stdout == f"{scratch.root / 'site/mlv/__init__.py'} 99.0\n"
    assert done.stderr == ""


def test_unobserved_process_leaves_no_observations(scratch: Scratch) -> None:
    env = scratch.env | observer_environment(scratch.live, scratch.root, scratch.env, observe=False)
    run(scratch, env, sys.executable, "-c", "open('x', 'w')")

    assert scratch.observations().processes == ()
    assert scratch.writes() == set()
