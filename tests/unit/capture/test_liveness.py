from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from mlv.capture.heartbeat import beat, find_last_beat_ns
from mlv.capture.liveness import ProcessIdentity, is_alive, process_identity


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


@pytest.mark.parametrize("changes", [{"started": "1"}, {"boot_id": "earlier"}])
def test_process_id_used_again_is_another_process(changes: dict[str, object]) -> None:
    assert is_alive(_with(**changes)) is False


@pytest.mark.parametrize("changes", [{"host": "elsewhere"}, {"namespace": "pid:[1]"}])
def test_process_elsewhere_cannot_be_judged(changes: dict[str, object]) -> None:
    assert is_alive(_with(**changes)) is None


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


def test_heartbeat_tells_when(tmp_path: Path) -> None:
    assert find_last_beat_ns(tmp_path) is None
    beat(tmp_path)
    first = find_last_beat_ns(tmp_path)
    (tmp_path / "heartbeat").touch()
    beat(tmp_path)
    second = find_last_beat_ns(tmp_path)

    assert first is not None
    assert second is not None
    assert first <= second


def test_heartbeat_that_cannot_be_written_does_not_matter(tmp_path: Path) -> None:
    beat(tmp_path / "gone")

    assert find_last_beat_ns(tmp_path / "gone") is None
