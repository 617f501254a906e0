from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from mlv.capture.execution.liveness import (
    ProcessIdentity,
    is_alive,
    process_identity,
    uptime_s,
    was_booted_since,
)


@pytest.fixture
def child() -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        yield process
        process.kill()


def _with(**changes: object) -> ProcessIdentity:
    return msgspec.structs.replace(process_identity(), **changes)


def test_this_process_is_alive() -> None:
    assert is_alive(process_identity()) is True


def test_identity_survives_json() -> None:
    data = msgspec.json.encode(process_identity())

    assert msgspec.json.decode(data, type=ProcessIdentity) == process_identity()


def test_process_id_used_again_is_another_process() -> None:
    assert is_alive(_with(started="1")) is False


@pytest.mark.parametrize(
    "changes",
    [
        {"host": "elsewhere", "boot_id": "another"},
        {"host": "elsewhere", "started": "1"},
        {"boot_id": "another"},
        {"namespace": "pid:[1]"},
    ],
)
def test_process_elsewhere_cannot_be_judged(changes: dict[str, object]) -> None:
    assert is_alive(_with(**changes)) is None


def test_process_of_a_host_that_was_renamed_is_alive() -> None:
    assert is_alive(_with(host="as it was called before")) is True


@pytest.mark.parametrize(
    ("changes", "booted"),
    [
        ({"boot_id": "earlier"}, True),
        ({"boot_id": "earlier", "host": "elsewhere"}, False),
        ({}, False),
    ],
)
def test_boot_since_is_told_of_this_host_alone(changes: dict[str, object], *, booted: bool) -> None:
    assert was_booted_since(_with(**changes)) is booted


def test_uptime_counts_from_the_boot() -> None:
    assert uptime_s() == pytest.approx(float(Path("/proc/uptime").read_text().split()[0]), abs=5)


def test_process_that_ended_is_not_alive(child: subprocess.Popen[bytes]) -> None:
    child.kill()
    child.wait()

    assert is_alive(_with(pid=child.pid)) is False


def test_process_that_nobody_reaped_is_not_alive(child: subprocess.Popen[bytes]) -> None:
    stat = Path(f"/proc/{child.pid}/stat").read_text().rpartition(")")[2].split()
    identity = _with(pid=child.pid, started=stat[19])
    assert is_alive(identity) is True

    child.kill()
    assert child.stdout is not None
    child.stdout.read()  # closed when it dies, a moment before it is a zombie
    while Path(f"/proc/{child.pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z":
        pass

    assert is_alive(identity) is False
