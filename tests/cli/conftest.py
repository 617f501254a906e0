"""A story of two runs, as the commands that look at runs see it."""

from __future__ import annotations

import pytest

from tests.support.repository import Repository

_TRAIN = """cp params.yaml out.txt; cp metrics.in metrics.json; echo hello; echo oops >&2"""


@pytest.fixture
def story(repo: Repository) -> Repository:
    """Two runs that differ in metrics, params, code, and a directory of inputs."""
    repo.write(".gitignore", "data/\nout.txt\nmetrics.json\n")
    repo.write("code.py", "x = 1\n")
    repo.write("old.py", "".join(f"line {n}\n" for n in range(20)))
    repo.write("data/a.csv", "1\n")
    repo.write("data/b.csv", "2\n")
    repo.write("metrics.in", '{"accuracy": 0.5, "loss": 1}')
    repo.commit("code")
    files = {"inputs": ["data"], "outputs": ["out.txt"]}
    repo.shell(_TRAIN, name="first", tags=("base",), note="a start", **files)
    repo.write("params.yaml", "lr: 0.2\nlayers: [64, 10]\n")
    repo.write("code.py", "x = 2\n")
    (repo.root / "old.py").rename(repo.root / "new.py")
    repo.write("data/a.csv", "10\n")
    (repo.root / "data/b.csv").unlink()
    repo.write("data/c.csv", "3\n")
    repo.write("metrics.in", '{"accuracy": 0.75, "loss": 0.9}')
    repo.shell(_TRAIN, name="second", **files)
    return repo
