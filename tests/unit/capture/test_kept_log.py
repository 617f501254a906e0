from __future__ import annotations

from pathlib import Path

import pytest

from mlv.capture.execution.kept_log import KeptLog, LogWriter, finish_log


def _write(path: Path, data: bytes, chunk: int = 7) -> LogWriter:
    writer = LogWriter(path, limit_bytes=100)
    for start in range(0, len(data), chunk):
        writer.write(data[start : start + chunk])
    return writer


def _finish(writer: LogWriter, path: Path) -> KeptLog:
    writer.close()
    return finish_log(path, limit_bytes=100)


DATA = b"".join(b"%04d" % number for number in range(1000))


@pytest.mark.parametrize("size", [0, 1, 99, 100, 101, 199, 200])
def test_short_log_is_kept_whole(tmp_path: Path, size: int) -> None:
    path = tmp_path / "out.log"

    log = _finish(_write(path, DATA[:size]), path)

    assert log == KeptLog(path=path, size_bytes=size)
    assert path.read_bytes() == DATA[:size]


@pytest.mark.parametrize("size", [201, 299, 300, 301, 350, 400, 1234, 4000])
def test_long_log_keeps_head_and_tail(tmp_path: Path, size: int) -> None:
    path = tmp_path / "out.log"

    log = _finish(_write(path, DATA[:size]), path)

    marker = b"\n[mlv: %d bytes left out here]\n" % (size - 200)
    assert path.read_bytes() == DATA[:100] + marker + DATA[size - 100 : size]
    assert log.omitted_bytes == size - 200
    assert [found.name for found in tmp_path.iterdir()] == ["out.log"]


def test_log_of_a_killed_recorder_can_be_finished(tmp_path: Path) -> None:
    path = tmp_path / "out.log"
    _write(path, DATA[:1234])

    finish_log(path, 100)

    assert path.read_bytes().endswith(DATA[1134:1234])
    assert path.read_bytes().startswith(DATA[:100] + b"\n[mlv: 1034 bytes left out here]\n")


def test_finishing_twice_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "out.log"
    _write(path, DATA[:1234])
    segments = {found: found.read_bytes() for found in tmp_path.glob("out.log.*")}
    finish_log(path, 100)
    finished = path.read_bytes()
    for segment, content in segments.items():  # as if killed before they were removed
        segment.write_bytes(content)

    finish_log(path, 100)

    assert path.read_bytes() == finished
    assert [found.name for found in tmp_path.iterdir()] == ["out.log"]


def test_disk_holds_no_more_than_three_times_the_limit(tmp_path: Path) -> None:
    writer = LogWriter(tmp_path / "out.log", limit_bytes=100)
    sizes = []
    for start in range(0, len(DATA), 10):
        writer.write(DATA[start : start + 10])
        sizes.append(sum(found.stat().st_size for found in tmp_path.iterdir()))
    writer.close()

    assert max(sizes) == 300
