from __future__ import annotations

from pathlib import Path

import pytest

from mlv.capture.execution import live_log
from mlv.capture.execution.kept_log import LogWriter, finish_log
from mlv.capture.execution.live_log import read_finished_log, read_live_log

LIMIT = 10


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live_log, "LIMIT_BYTES", LIMIT)


def _read_in_parts(path: Path, writer: LogWriter, parts: list[bytes]) -> bytes:
    found, offset = b"", 0
    for part in parts:
        writer.write(part)
        seen = read_live_log(path, offset)
        found += seen.data
        offset = seen.end
    return found


def test_log_that_is_not_there_is_empty(tmp_path: Path) -> None:
    seen = read_live_log(tmp_path / "stdout.log", 0)

    assert (seen.data, seen.end) == (b"", 0)


def test_every_part_is_read_once_while_it_is_written(tmp_path: Path) -> None:
    path = tmp_path / "stdout.log"
    parts = [b"%03d\n" % number for number in range(40)]

    assert _read_in_parts(path, LogWriter(path, LIMIT), parts) == b"".join(parts)


def test_what_is_not_kept_is_told(tmp_path: Path) -> None:
    path = tmp_path / "stdout.log"
    writer = LogWriter(path, LIMIT)
    writer.write(bytes(range(65, 65 + 26)) + bytes(range(97, 97 + 26)))

    seen = read_live_log(path, 0)

    assert seen.data == b"ABCDEFGHIJ\n[mlv: 30 bytes left out here]\nopqrstuvwxyz"
    assert seen.end == 52


@pytest.mark.parametrize("offset", [0, 4, 10, 45, 52])
def test_finished_log_is_read_from_where_the_live_one_ended(tmp_path: Path, offset: int) -> None:
    path = tmp_path / "stdout.log"
    writer = LogWriter(path, LIMIT)
    writer.write(bytes(range(65, 65 + 26)) + bytes(range(97, 97 + 26)))
    writer.close()
    before = read_live_log(path, offset)
    finish_log(path, LIMIT)

    after = read_live_log(path, offset)
    stored = read_finished_log(path.read_bytes(), offset)

    assert after == stored
    assert after.end == before.end == 52
    assert after.data.endswith(before.data[-min(52 - offset, LIMIT) :])


def test_short_finished_log_is_itself() -> None:
    assert read_finished_log(b"hello", 2).data == b"llo"
