"""Fixtures for use cases that put files back."""

from __future__ import annotations

import pytest

from tests.support.repository import Repository


@pytest.fixture
def two_runs(repo: Repository) -> Repository:
    """Two recorded runs that differ in params, code, input, model and a file each."""
    repo.write(".gitignore", "data/\nmodel.bin\nignored.txt\n")
    repo.write("train.sh", "#!/bin/sh\ncat data/a params.yaml > model.bin # one\n", mode=0o755)
    repo.write("notes.txt", "draft\n")
    repo.write("data/a", "1\n")
    repo.commit("code")
    repo.run("./train.sh", inputs=["data"], outputs=["model.bin"], name="first")
    repo.write("params.yaml", "lr: 0.2\n")
    repo.write("train.sh", "#!/bin/sh\ncat params.yaml data/a > model.bin # two\n", mode=0o700)
    repo.write("data/a", "2\n")
    repo.write("src/new.py", "x = 1\n")
    repo.run("./train.sh", inputs=["data"], outputs=["model.bin"], name="second")
    return repo
