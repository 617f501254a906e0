from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from mlv.capture.execution import heartbeat
from mlv.capture.execution.heartbeat import beat, beating, find_last_beat_ns, silence_s


@pytest.fixture
def live(tmp_path: Path) -> Path:
    path = tmp_path / "live" / "run"
    path.mkdir(parents=True)
    return path


def _age(path: Path, age_s: float) -> None:
    now_s = path.stat().st_mtime
    os.utime(path, (now_s - age_s, now_s - age_s))


def test_heartbeat_tells_when(live: Path) -> None:
    assert find_last_beat_ns(live) is None
    beat(live)
    first = find_last_beat_ns(live)
    beat(live)
    second = find_last_beat_ns(live)
    assert first is not None
    assert second is not None
    assert first <= second


def test_heartbeat_that_cannot_be_written_does_not_matter(live: Path) -> None:
    beat(live / "gone")
    assert find_last_beat_ns(live / "gone") is None


def test_silence_is_counted_from_the_last_beat(live: Path) -> None:
    beat(live)
    _age(live / "heartbeat", 1000)
    assert silence_s(live) == pytest.approx(1000, abs=5)


@pytest.mark.parametrize("name", ["stdout.log", "series/1.wal"])
def test_what_the_run_writes_is_a_sign_of_life(live: Path, name: str) -> None:
    beat(live)
    _age(live / "heartbeat", 1000)
    (live / name).parent.mkdir(exist_ok=True)
    (live / name).write_bytes(b"x")
    assert silence_s(live) < 5


def test_silence_goes_by_the_clock_of_the_file_system(
    live: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    beat(live)
    monkeypatch.setattr("time.time_ns", lambda: 0)
    _age(live / "heartbeat", 1000)
    assert silence_s(live) == pytest.approx(1000, abs=5)


def test_looking_leaves_nothing_behind(live: Path) -> None:
    beat(live)
    silence_s(live)
    assert [path.name for path in live.parent.iterdir()] == ["run"]


def test_run_that_is_gone_is_not_silent(live: Path) -> None:
    assert silence_s(live / "gone") == 0


def test_heart_beats_for_the_length_of_the_block(
    live: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(heartbeat, "HEARTBEAT_INTERVAL_S", 0.001)
    beaten = threading.Semaphore(0)
    monkeypatch.setattr(heartbeat, "beat", lambda _: beaten.release())
    with beating(live):
        assert [beaten.acquire(timeout=30) for _ in range(3)] == [True] * 3
    assert "mlv-beat" not in [thread.name for thread in threading.enumerate()]
