from __future__ import annotations

from pathlib import Path

import pytest

from mlv.capture.observing import observed_log
from mlv.capture.observing.observed_lines import read_lines
from mlv.capture.observing.observed_log import ObservedLog


def names(directory: Path) -> list[str | None]:
    lines, n_damaged = read_lines(directory)
    assert n_damaged == 0
    return [line.p for line in lines]


def test_lines_come_back_in_order(tmp_path: Path) -> None:
    log = ObservedLog(str(tmp_path))
    log.write('"k":"w","p":"b"', 2)
    log.write('"k":"w","p":"a"', 1)

    assert names(tmp_path) == ["a", "b"]


def test_log_grows_over_several_files(tmp_path: Path) -> None:
    log = ObservedLog(str(tmp_path))
    for number in range(2000):
        log.write(f'"k":"w","p":"{number}"', number + 1)
    log.write(f'"k":"w","p":"{"x" * 100_000}"', 3000)

    assert names(tmp_path) == [*map(str, range(2000)), "x" * 100_000]
    assert len(list(tmp_path.iterdir())) > 2


def test_torn_line_is_damaged(tmp_path: Path) -> None:
    ObservedLog(str(tmp_path)).write('"k":"w","p":"a"', 1)
    (log,) = tmp_path.iterdir()
    log.write_bytes(log.read_bytes().rstrip(b"\0") + b'{"t":3,"k":' + bytes(10))

    lines, n_damaged = read_lines(tmp_path)

    assert ([line.p for line in lines], n_damaged) == (["a"], 1)


def test_lines_lost_to_a_failing_disk_are_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(observed_log, "_RETRY_NS", 0)
    directory = tmp_path / "observed"
    log = ObservedLog(str(directory))
    for _ in range(3):
        with pytest.raises(FileNotFoundError):
            log.write('"k":"w","p":"lost"')
    directory.mkdir()
    log.write('"k":"w","p":"kept"')

    lines, n_damaged = read_lines(directory)

    assert ([line.p for line in lines if line.k == "w"], n_damaged) == (["kept"], 3)


def test_failing_disk_is_left_alone_for_a_while(tmp_path: Path) -> None:
    log = ObservedLog(str(tmp_path / "missing"))
    with pytest.raises(FileNotFoundError):
        log.write('"k":"w","p":"lost"')

    log.write('"k":"w","p":"lost too"')

    assert not (tmp_path / "missing").exists()
