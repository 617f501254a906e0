"""Which directories stand for many files of a record."""

from __future__ import annotations

from collections.abc import Iterable

from mlv.app.record.folding import Folded, fold
from mlv.core.paths import RepoPath


def test_directory_stands_for_many_files() -> None:
    assert _count(_fold(_files("data", 64))) == {"data": 64}


def test_few_files_stand_for_themselves() -> None:
    files = _files("data", 63)

    assert _fold(files) == Folded(directories={}, files=tuple(files))


def test_deepest_common_directory_is_chosen() -> None:
    files = [*_files("images/train/cat", 100), *_files("images/train/dog", 100)]

    assert _count(_fold(files)) == {"images/train": 200}


def test_few_files_beside_large_directories_stay_apart() -> None:
    files = [*_files("data/images", 100), *_files("data/masks", 100), RepoPath("data/labels.csv")]
    folded = _fold(files)

    assert _count(folded) == {"data/images": 100, "data/masks": 100}
    assert folded.files == ("data/labels.csv",)


def test_thousand_directories_of_one_file_each_are_one() -> None:
    files = [RepoPath(f"data/{number}/image.png") for number in range(1000)]

    assert _count(_fold(files)) == {"data": 1000}


def test_thousand_large_directories_are_one() -> None:
    files = [name for number in range(20) for name in _files(f"data/{number}", 64)]

    assert _count(_fold([*files, RepoPath("data/classes.txt")])) == {"data": 20 * 64 + 1}


def test_root_never_stands_for_files() -> None:
    files = [RepoPath(f"{number}.png") for number in range(100)]
    folded = _fold([*files, *_files("data", 64)])

    assert _count(folded) == {"data": 64}
    assert folded.files == tuple(sorted(files))


def test_directory_at_the_top_of_the_disk_never_stands_for_files() -> None:
    folded = _fold([*_files("/mnt/a", 64), *_files("/mnt/b", 64), RepoPath("/mnt/c.csv")])

    assert _count(folded) == {"/mnt/a": 64, "/mnt/b": 64}
    assert folded.files == ("/mnt/c.csv",)


def test_linked_directory_stands_for_itself_alone() -> None:
    files = [*_files("data/here", 64), *_files("data/linked", 64), *_files("data/few", 2)]
    folded = _fold(files, links=["data/linked"])

    assert _count(folded) == {"data/here": 64, "data/linked": 64}
    assert folded.files == ("data/few/0000.png", "data/few/0001.png")


def test_depth_of_a_directory_does_not_matter() -> None:
    deep = "/".join(["d"] * 2000)

    assert _count(_fold(_files(deep, 64))) == {deep: 64}


def _files(directory: str, count: int) -> list[RepoPath]:
    return [RepoPath(f"{directory}/{number:04}.png") for number in range(count)]


def _fold(files: Iterable[RepoPath], links: Iterable[str] = ()) -> Folded:
    return fold(files, is_link=frozenset(links).__contains__)


def _count(folded: Folded) -> dict[str, int]:
    return {path: len(files) for path, files in folded.directories.items()}
