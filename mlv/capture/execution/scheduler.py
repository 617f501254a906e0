"""Schedulers that ask a job to stop: because its time is up, or another job needs its place."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Mapping
from pathlib import Path

import msgspec

_STOP_FILE = "stop.json"

_MARKS = {
    "Slurm": ("SLURM_JOB_ID",),
    "Kubernetes": ("KUBERNETES_SERVICE_HOST",),
    "PBS": ("PBS_JOBID",),
    "LSF": ("LSB_JOBID",),
    "Grid Engine": ("JOB_ID", "SGE_ROOT"),
    "HTCondor": ("_CONDOR_SLOT",),
    "Flux": ("FLUX_JOB_ID",),
    "OAR": ("OAR_JOB_ID",),
    "AWS Batch": ("AWS_BATCH_JOB_ID",),
    "Amazon ECS": ("ECS_CONTAINER_METADATA_URI_V4",),
    "SageMaker": ("SM_TRAINING_ENV",),
    "Vertex AI": ("CLOUD_ML_JOB_ID",),
    "Azure ML": ("AZUREML_RUN_ID",),
    "Nomad": ("NOMAD_ALLOC_ID",),
}
"""Variables that a scheduler sets in the environment of its jobs, by its name."""

_STOPS_WITH_INTERRUPT = "LSF"
"""`bkill` interrupts a job before it terminates it."""


class Stop(msgspec.Struct, frozen=True, kw_only=True):
    """A scheduler's request to stop.

    Attributes:
        scheduler: Its name.
        signal: Number of the signal that it sent.
    """

    scheduler: str
    signal: int


def find_scheduler(environment: Mapping[str, str]) -> str | None:
    """Return the name of the scheduler that started us, None when none did.

    >>> find_scheduler({"SLURM_JOB_ID": "7"}), find_scheduler({"JOB_ID": "7"})
    ('Slurm', None)
    """
    for name, marks in _MARKS.items():
        if all(environment.get(mark) for mark in marks):
            return name
    return None


def find_stop(environment: Mapping[str, str], number: int | None) -> Stop | None:
    """Return what a signal asks for; None when it is no scheduler's request to stop."""
    scheduler = find_scheduler(environment)
    asks = number == signal.SIGTERM
    asks = asks or (number == signal.SIGINT and scheduler == _STOPS_WITH_INTERRUPT)
    if scheduler is None or number is None or not asks:
        return None
    return Stop(scheduler=scheduler, signal=number)


def save_stop(live: Path, stop: Stop) -> None:
    """Note that a run was asked to stop; a disk that is full only loses the note."""
    with contextlib.suppress(OSError):
        (live / _STOP_FILE).write_bytes(msgspec.json.encode(stop))


def load_stop(live: Path) -> Stop | None:
    """Return what `save_stop` noted, None when nothing asked the run to stop."""
    try:
        return msgspec.json.decode((live / _STOP_FILE).read_bytes(), type=Stop)
    except (OSError, msgspec.DecodeError):
        return None
