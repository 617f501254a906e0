from __future__ import annotations

import os
from pathlib import Path

import pytest

from mlv.capture.environment import find_lock_files, read_machine, read_variables
from mlv.core.canonical import decode_record, encode_record
from mlv.core.environment import Environment, Gpu


def test_machine_says_what_it_is() -> None:
    machine = read_machine()

    assert machine.architecture == os.uname().machine
    assert machine.n_cores == os.cpu_count()
    assert (machine.memory_bytes or 0) > 1 << 20


def test_machine_is_the_same_every_time(tmp_path: Path) -> None:
    assert read_machine(tmp_path) == read_machine(tmp_path)


def test_record_of_the_environment_reads_back() -> None:
    environment = Environment(machine=read_machine(), variables={"TZ": "UTC"})

    assert decode_record(encode_record(environment), Environment) == environment


def test_gpus_are_asked_for_once_a_boot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tool = tmp_path / "bin" / "nvidia-smi"
    tool.parent.mkdir()
    tool.write_text(f"#!/bin/sh\necho asked >> {tmp_path}/asked\necho 'NVIDIA X, 81559, 550.1'\n")
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tool.parent}:{os.environ['PATH']}")

    found = [read_machine(tmp_path / "cache").gpus for _ in range(2)]

    assert found == [(Gpu(name="NVIDIA X", memory_mib=81559, driver="550.1"),)] * 2
    assert (tmp_path / "asked").read_text() == "asked\n"


def test_variables_are_those_on_the_list_and_no_secrets() -> None:
    env = {
        "PATH": "/bin",
        "OMP_NUM_THREADS": "4",
        "CUDA_VISIBLE_DEVICES": "0,1",
        "TORCH_HUB_TOKEN": "x",
        "TF_API_KEY": "x",
        "PYTHONHASHSEED": "0",
        "HOME": "/home/x",
        "TORCH_URL": "https://u:p@host/",
    }

    assert read_variables(env) == {
        "CUDA_VISIBLE_DEVICES": "0,1",
        "OMP_NUM_THREADS": "4",
        "PYTHONHASHSEED": "0",
        "TORCH_URL": "https://***@host/",
    }


def test_lock_files_are_found_by_name(tmp_path: Path) -> None:
    names = ["uv.lock", "requirements.txt", "requirements-dev.txt", "other.txt", "pyproject.toml"]
    for name in names:
        (tmp_path / name).touch()
    (tmp_path / "poetry.lock").mkdir()

    assert find_lock_files(tmp_path) == ("requirements-dev.txt", "requirements.txt", "uv.lock")
