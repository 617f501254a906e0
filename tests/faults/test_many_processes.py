from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.conftest import run_module
from tests.faults.many_processes import N_PROCESSES, N_SHARED

NOBODY = 65534
N_ROUNDS = int(os.environ.get("MLV_TEST_ROUNDS", "6"))
"""How much each process does; a minute of work takes about two hundred."""


@pytest.fixture
def public_directory() -> Iterator[Path]:
    """Return an empty directory that other users can reach."""
    with tempfile.TemporaryDirectory(prefix="mlv-faults-") as name:
        yield Path(name)


def _run(directory: Path, user: int) -> None:
    n_objects, n_collections = run_module("many_processes", f"{N_ROUNDS}", f"{user}", directory)
    own = 2 * N_PROCESSES * N_ROUNDS  # a run and a file of its own each
    assert own < n_objects <= own + N_SHARED
    assert n_collections > 0


def test_data_of_many_processes_survives_gc(public_directory: Path) -> None:
    _run(public_directory, os.getuid())


def test_data_of_many_processes_of_an_ordinary_user_survives_gc(public_directory: Path) -> None:
    if os.getuid() != 0:
        pytest.skip("only root can become another user; the test above ran as an ordinary one")
    _run(public_directory, NOBODY)
