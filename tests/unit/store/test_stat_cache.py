"""The stat cache believes a file only while nothing about it changed."""

from __future__ import annotations

import mmap
import os
import time
from contextlib import closing
from pathlib import Path

import pytest

from mlv.core.digest import digest_of
from mlv.core.run import Content
from mlv.store.stat_cache import StatCache

OLD_S = time.time() - 3600


def _content(path: Path) -> Content:
    data = path.read_bytes()
    return Content(digest=digest_of(data), size_bytes=len(data))


class _Late(StatCache):
    """A cache for whom every file is old: ctime cannot be set back."""

    def add(self, path: Path, content: Content) -> None:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("time.time_ns", lambda: path.stat().st_ctime_ns + 3_000_000_000)
            super().add(path, content)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "data.csv"
    path.write_bytes(b"1,2,3\n")
    os.utime(path, (OLD_S, OLD_S))
    return path


def _remember(database: Path, file: Path) -> None:
    with closing(_Late(database)) as cache:
        cache.add(file, _content(file))
        cache.save()


def _find(database: Path, file: Path) -> Content | None:
    with closing(StatCache(database)) as cache:
        return cache.find(file)


def test_unchanged_file_is_known(tmp_path: Path, file: Path) -> None:
    _remember(tmp_path / "stat.sqlite", file)

    assert _find(tmp_path / "stat.sqlite", file) == _content(file)


def test_same_size_edit_with_the_mtime_put_back_is_noticed(tmp_path: Path, file: Path) -> None:
    _remember(tmp_path / "stat.sqlite", file)
    file.write_bytes(b"4,5,6\n")
    os.utime(file, (OLD_S, OLD_S))

    assert _find(tmp_path / "stat.sqlite", file) is None


def test_replaced_file_is_noticed(tmp_path: Path, file: Path) -> None:
    _remember(tmp_path / "stat.sqlite", file)
    other = tmp_path / "other"
    other.write_bytes(b"4,5,6\n")
    os.utime(other, (OLD_S, OLD_S))
    other.replace(file)

    assert _find(tmp_path / "stat.sqlite", file) is None


def test_file_touched_a_moment_ago_is_not_remembered(tmp_path: Path, file: Path) -> None:
    with closing(StatCache(tmp_path / "stat.sqlite")) as cache:
        cache.add(file, _content(file))
        cache.save()

    assert _find(tmp_path / "stat.sqlite", file) is None


def test_content_of_another_size_is_not_remembered(tmp_path: Path, file: Path) -> None:
    with closing(_Late(tmp_path / "stat.sqlite")) as cache:
        cache.add(file, Content(digest=digest_of(b"1"), size_bytes=1))
        cache.save()

    assert _find(tmp_path / "stat.sqlite", file) is None


def test_what_was_added_without_save_is_forgotten(tmp_path: Path, file: Path) -> None:
    with closing(_Late(tmp_path / "stat.sqlite")) as cache:
        cache.add(file, _content(file))

    assert _find(tmp_path / "stat.sqlite", file) is None


def test_damaged_cache_is_made_anew(tmp_path: Path, file: Path) -> None:
    database = tmp_path / "stat.sqlite"
    database.write_bytes(b"no database at all, but long enough to be looked at as one" * 20)
    _remember(database, file)

    assert _find(database, file) == _content(file)


def test_cache_that_cannot_be_made_knows_nothing(tmp_path: Path, file: Path) -> None:
    database = tmp_path / "absent" / "stat.sqlite"
    _remember(database, file)

    assert _find(database, file) is None


def test_file_that_is_mapped_for_writing_is_not_believed(tmp_path: Path, file: Path) -> None:
    """What is written through a map changes no time once the page is dirty."""
    with file.open("r+b") as opened, mmap.mmap(opened.fileno(), 0) as mapped:
        mapped[:1] = b"x"
        _remember(tmp_path / "stat.sqlite", file)

    assert _find(tmp_path / "stat.sqlite", file) is None
