from __future__ import annotations

import math
import time
from pathlib import Path

import pytest

from mlv.capture.journal.points import as_lists
from mlv.capture.metrics.crc32c import masked_crc32c, masked_crc32c_of_rows
from mlv.capture.metrics.tensorboard import EventSeries, read_event_files
from tests.unit.capture.event_files import (
    picture_event,
    restart_event,
    scalar_event,
    version_event,
    write_events,
)

NOW = time.time()


def _values(found: EventSeries) -> dict[str, list[float]]:
    return {tag: list(as_lists(points).values) for tag, points in found.series.items()}


def _read(directory: Path, since_s: float = 0) -> EventSeries:
    return read_event_files(directory, since_ns=int(since_s * 1e9))


def test_scalars_are_read_with_steps_and_times(tmp_path: Path) -> None:
    events = [
        scalar_event({"loss": 0.5}, step, time_s=NOW + n) for n, step in enumerate((0, -1, 2**40))
    ]
    write_events(tmp_path, version_event(time_s=NOW), *events)

    found = _read(tmp_path)

    points = as_lists(found.series["loss"])
    assert (points.steps, points.values) == ([0, -1, 2**40], [0.5, 0.5, 0.5])
    assert points.times_us[0] == pytest.approx(NOW * 1e6, abs=1)
    assert found.problems == ()


def test_scalars_may_be_tensors_and_not_finite(tmp_path: Path) -> None:
    tensor = scalar_event({"exact": 0.1}, 0, as_tensor=True)
    write_events(tmp_path, tensor, scalar_event({"a": math.inf, "b": -0.0}, 1), picture_event(10))

    assert _values(_read(tmp_path)) == {"exact": [0.1], "a": [math.inf], "b": [-0.0]}


def test_moments_that_no_clock_has_shown_do_no_harm(tmp_path: Path) -> None:
    moments = (math.nan, math.inf, -1.0, 1e300)
    write_events(tmp_path, *(scalar_event({"a": 1}, 0, time_s=moment) for moment in moments))

    assert as_lists(_read(tmp_path).series["a"]).times_us == [0] * 4


def test_directories_below_come_before_the_tag(tmp_path: Path) -> None:
    write_events(tmp_path, scalar_event({"a": 1}, 0))
    write_events(tmp_path / "train" / "x", scalar_event({"a": 2}, 0))

    assert _values(_read(tmp_path)) == {"a": [1], "train/x/a": [2]}


def test_files_of_one_directory_are_merged_by_time(tmp_path: Path) -> None:
    write_events(tmp_path, *(scalar_event({"a": n}, n, time_s=NOW + n) for n in (0, 2)), name="0")
    write_events(tmp_path, scalar_event({"a": 1}, 1, time_s=NOW + 1), name="1")

    assert _values(_read(tmp_path)) == {"a": [0, 1, 2]}


def test_writer_that_restarts_hides_later_steps(tmp_path: Path) -> None:
    before = [scalar_event({"a": n}, n, time_s=NOW + n) for n in range(4)]
    write_events(tmp_path, *before, name="0")
    after = scalar_event({"a": 20}, 2, time_s=NOW + 11)
    write_events(tmp_path, restart_event(2, time_s=NOW + 10), after, name="1")

    found = _read(tmp_path)

    assert _values(found) == {"a": [0, 1, 20]}
    assert list(found.hidden["a"].values) == [2, 3]


def test_events_of_an_earlier_run_are_passed_over(tmp_path: Path) -> None:
    old = [version_event(time_s=NOW - 100), scalar_event({"a": 1}, 1, time_s=NOW - 50)]
    write_events(tmp_path, *old, scalar_event({"a": 2}, 2, time_s=NOW + 1))

    assert _values(_read(tmp_path, since_s=NOW - 20)) == {"a": [2]}


def test_file_that_began_in_the_run_counts_as_a_whole(tmp_path: Path) -> None:
    write_events(tmp_path, version_event(time_s=NOW), scalar_event({"a": 1}, 0, time_s=12.0))

    assert _values(_read(tmp_path, since_s=NOW - 20)) == {"a": [1]}


@pytest.mark.parametrize("n_events", [3, 200])
def test_damaged_tail_is_left_out_and_named(tmp_path: Path, n_events: int) -> None:
    path = write_events(tmp_path, *(scalar_event({"a": n}, n) for n in range(n_events)))
    whole = path.read_bytes()
    flipped = bytearray(whole)
    flipped[-6] ^= 1

    for data in (whole[:-1], bytes(flipped)):
        path.write_bytes(data)
        found = _read(tmp_path)
        assert _values(found) == {"a": list(range(n_events - 1))}
        (problem,) = found.problems
        assert problem.endswith(f"bytes of {path.name} are damaged")


def test_pictures_of_any_size_are_passed_over(tmp_path: Path) -> None:
    write_events(tmp_path, picture_event(100_000), scalar_event({"a": 1}, 0))

    assert _values(_read(tmp_path)) == {"a": [1]}


def test_directory_that_is_not_there_has_no_scalars(tmp_path: Path) -> None:
    assert _read(tmp_path / "runs") == EventSeries(series={}, hidden={}, problems=())


def test_checksums_of_many_rows_are_those_of_each() -> None:
    np = pytest.importorskip("numpy")
    rows = np.frombuffer(bytes(range(240)), np.uint8).reshape(20, 12)

    assert masked_crc32c_of_rows(rows).tolist() == [masked_crc32c(bytes(row)) for row in rows]


def test_files_of_tensorboardx_are_read(tmp_path: Path) -> None:
    writer_module = pytest.importorskip("tensorboardX", reason="tensorboardX is not installed")
    writer = writer_module.SummaryWriter(str(tmp_path))
    for step in range(100):
        writer.add_scalar("loss", step / 4, step)
    writer.add_text("note", "hello", 1)
    writer.close()

    assert _values(_read(tmp_path)) == {"loss": [step / 4 for step in range(100)]}


def test_files_of_torch_are_read(tmp_path: Path) -> None:
    writer_module = pytest.importorskip(
        "torch.utils.tensorboard", reason="PyTorch with TensorBoard is not installed"
    )
    writer = writer_module.SummaryWriter(str(tmp_path))
    for step in range(100):
        writer.add_scalar("loss", step / 4, step, new_style=step % 2 == 0)
    writer.close()
    writer = writer_module.SummaryWriter(str(tmp_path), purge_step=98)
    writer.add_scalar("loss", 7, 98)
    writer.close()

    assert _values(_read(tmp_path))["loss"] == [*(step / 4 for step in range(98)), 7]
