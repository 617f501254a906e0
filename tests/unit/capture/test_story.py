from __future__ import annotations

from pathlib import Path

import pytest

from mlv.capture.observing.observations import UNKNOWN_SIGNATURE, FileSignature, ObservedWrite
from mlv.capture.observing.observed_lines import Line
from mlv.capture.observing.story import Story
from mlv.core.paths import RepoPath

LATER = 1 << 62
LOOKED = (1, 2, 3, 4, 5)
SIGNATURE = FileSignature(dev=1, ino=2, size=3, mtime_ns=4, ctime_ns=5)


def tell(root: Path, *lines: Line, began_ns: int = LATER) -> Story:
    story = Story(root, began_ns)
    for line in lines:
        story.tell(line)
    return story


def reads(root: Path, *lines: Line, began_ns: int = LATER) -> dict[str, FileSignature]:
    return {str(path): seen for path, seen in tell(root, *lines, began_ns=began_ns).reads()}


def signature(path: Path) -> FileSignature:
    info = path.stat()
    return FileSignature(
        dev=info.st_dev,
        ino=info.st_ino,
        size=info.st_size,
        mtime_ns=info.st_mtime_ns,
        ctime_ns=info.st_ctime_ns,
    )


def test_first_look_counts(tmp_path: Path) -> None:
    later = Line(t=1, k="r", p="a", s=(9, 9, 9, 9, 9))
    assert reads(tmp_path, Line(t=0, k="r", p="a", s=LOOKED), later) == {"a": SIGNATURE}


def test_look_at_a_file_counts_more_than_an_earlier_open(tmp_path: Path) -> None:
    opened = Line(t=0, k="r", p="a")
    assert reads(tmp_path, opened, Line(t=1, k="r", p="a", s=LOOKED)) == {"a": SIGNATURE}


def test_file_without_a_look_was_what_it_is(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("x")
    assert reads(tmp_path, Line(t=0, k="r", p="a")) == {"a": signature(tmp_path / "a")}


def test_file_that_changed_since_the_beginning_has_no_known_signature(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("x")
    assert reads(tmp_path, Line(t=0, k="r", p="a"), began_ns=0) == {"a": UNKNOWN_SIGNATURE}


@pytest.mark.parametrize("name", ["gone", "directory"])
def test_open_of_what_is_no_file_is_no_read(tmp_path: Path, name: str) -> None:
    (tmp_path / "directory").mkdir()
    assert reads(tmp_path, Line(t=0, k="r", p=name)) == {}


def test_link_is_followed_inside_but_not_outside(tmp_path: Path) -> None:
    root = tmp_path / "root"
    root.mkdir()
    (root / "target").touch()
    (tmp_path / "outside").touch()
    (root / "inner").symlink_to("target")
    (root / "outer").symlink_to(tmp_path / "outside")

    assert set(reads(root, Line(t=0, k="r", p="inner"), Line(t=1, k="r", p="outer"))) == {
        "target",
        "outer",
    }


def test_file_that_the_run_made_after_it_tried_to_read_it_is_no_read(tmp_path: Path) -> None:
    (tmp_path / "a").touch()
    lines = (Line(t=0, k="r", p="a"), Line(t=1, k="w", p="a"))
    assert reads(tmp_path, *lines) == {}
    assert tell(tmp_path, *lines).writes == {RepoPath("a"): ObservedWrite()}


def test_file_that_was_written_before_it_was_read_is_no_read(tmp_path: Path) -> None:
    assert reads(tmp_path, Line(t=0, k="w", p="a"), Line(t=1, k="r", p="a", s=LOOKED)) == {}


def test_renamed_directory_takes_its_files_along(tmp_path: Path) -> None:
    lines = (
        Line(t=0, k="w", p="tmp/a"),
        Line(t=1, k="mv", p="tmp", q="kept", d=True),
        Line(t=2, k="w", p="b"),
        Line(t=3, k="rm", p="b"),
    )
    assert tell(tmp_path, *lines).writes == {RepoPath("kept/a"): ObservedWrite()}


def test_directory_that_was_made_out_of_sight_is_told_apart(tmp_path: Path) -> None:
    line = Line(t=0, k="mv", p=None, q="kept", d=True, x=True)
    assert tell(tmp_path, line).writes == {
        RepoPath("kept"): ObservedWrite(existed=True, directory=True)
    }
