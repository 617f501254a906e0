from __future__ import annotations

import signal
from pathlib import Path

import pytest

from mlv.capture.execution.scheduler import Stop, find_scheduler, find_stop, load_stop, save_stop


@pytest.mark.parametrize(
    ("variables", "name"),
    [
        ({"SLURM_JOB_ID": "7"}, "Slurm"),
        ({"KUBERNETES_SERVICE_HOST": "10.0.0.1"}, "Kubernetes"),
        ({"PBS_JOBID": "7.server"}, "PBS"),
        ({"LSB_JOBID": "7"}, "LSF"),
        ({"JOB_ID": "7", "SGE_ROOT": "/opt/sge"}, "Grid Engine"),
        ({"AWS_BATCH_JOB_ID": "a"}, "AWS Batch"),
        ({"JOB_ID": "7"}, None),
        ({"SLURM_JOB_ID": ""}, None),
        ({}, None),
    ],
)
def test_scheduler_is_known_by_its_marks(variables: dict[str, str], name: str | None) -> None:
    assert find_scheduler(variables) == name


@pytest.mark.parametrize(
    ("variables", "number", "asks"),
    [
        ({"SLURM_JOB_ID": "7"}, signal.SIGTERM, True),
        ({"SLURM_JOB_ID": "7"}, signal.SIGINT, False),
        ({"SLURM_JOB_ID": "7"}, signal.SIGUSR1, False),
        ({"SLURM_JOB_ID": "7"}, signal.SIGKILL, False),
        ({"SLURM_JOB_ID": "7"}, None, False),
        ({"LSB_JOBID": "7"}, signal.SIGINT, True),
        ({}, signal.SIGTERM, False),
    ],
)
def test_only_a_signal_of_a_scheduler_asks_to_stop(
    variables: dict[str, str], number: int | None, *, asks: bool
) -> None:
    assert (find_stop(variables, number) is not None) is asks


def test_stop_is_read_back(tmp_path: Path) -> None:
    stop = Stop(scheduler="Slurm", signal=signal.SIGTERM)
    save_stop(tmp_path, stop)
    assert load_stop(tmp_path) == stop


def test_stop_that_was_not_or_badly_written_is_none(tmp_path: Path) -> None:
    save_stop(tmp_path / "gone", Stop(scheduler="Slurm", signal=15))
    assert load_stop(tmp_path / "gone") is None
    (tmp_path / "stop.json").write_bytes(b"{")
    assert load_stop(tmp_path) is None
