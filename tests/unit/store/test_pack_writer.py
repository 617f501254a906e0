from __future__ import annotations

import errno
import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from mlv.store import pack_writer
from mlv.store.layout import Layout
from mlv.store.pack_file import PackFile, decode_payload
from mlv.store.pack_format import RAW, RECIPE, ZSTD
from mlv.store.pack_writer import PackWriter
from tests.unit.store.pack_builders import key, noise

LIMIT = 4096
OBJECTS = [noise(1000, seed) for seed in range(20)]


@pytest.fixture
def small_packs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Packs that are full with four objects."""
    monkeypatch.setattr(pack_writer, "MAX_PACK_BYTES", LIMIT)


@pytest.fixture
def writer(layout: Layout) -> PackWriter:
    return PackWriter(layout)


def _add_all(writer: PackWriter) -> None:
    for data in OBJECTS:
        writer.add(key(data), data)


def _read_all(paths: list[Path]) -> list[bytes]:
    packs = [PackFile(path) for path in paths]
    return [pack.read(entry) for pack in packs for entry in pack.scan()]


def _published(layout: Layout) -> list[Path]:
    return [path for path in layout.packs.rglob("*") if path.is_file()]


def _fail(
    monkeypatch: pytest.MonkeyPatch, call: str, *, on: Callable[[int], bool] = lambda _: True
) -> None:
    """Let a system call fail each time that `on` says so of its number."""
    original = getattr(os, call)
    n_calls = iter(range(1_000_000))

    def fail(*arguments: object) -> object:
        if on(next(n_calls)):
            raise OSError(errno.ENOSPC, "No space left on device")
        return original(*arguments)

    monkeypatch.setattr(os, call, fail)


def test_everything_that_was_added_is_published(writer: PackWriter, layout: Layout) -> None:
    _add_all(writer)
    assert _published(layout) == []
    paths = writer.publish()
    assert _read_all(paths) == OBJECTS
    assert _published(layout) == paths
    assert list(layout.temporary.iterdir()) == []


def test_pack_is_whole_read_only_and_has_one_name(writer: PackWriter) -> None:
    writer.add(key(b"data"), b"data")
    (path,) = writer.publish()
    pack = PackFile(path)
    assert pack.digest() == pack.name
    assert pack.has_header()
    assert pack.read_index().digests() == [key(b"data")]
    assert (path.stat().st_mode & 0o777, path.stat().st_nlink) == (0o444, 1)


def test_nothing_added_publishes_nothing(writer: PackWriter, layout: Layout) -> None:
    assert writer.publish() == []
    assert list(layout.packs.iterdir()) == []


@pytest.mark.usefixtures("small_packs")
def test_full_packs_are_published_in_the_background(writer: PackWriter) -> None:
    _add_all(writer)
    paths = writer.publish()
    assert len(paths) == 7
    assert _read_all(paths) == OBJECTS
    assert all(PackFile(path).rebuild_index().entry(0).end <= LIMIT for path in paths)


@pytest.mark.usefixtures("small_packs")
def test_record_that_is_longer_than_a_pack_has_one_of_its_own(writer: PackWriter) -> None:
    long = noise(2 * LIMIT)
    for data in (b"before", long, b"after"):
        writer.add(key(data), data)
    paths = writer.publish()
    assert [len(PackFile(path).index) for path in paths] == [1, 1, 1]
    assert _read_all(paths) == [b"before", long, b"after"]


def test_memory_that_is_used_again_does_no_harm(writer: PackWriter) -> None:
    buffer = bytearray(noise(1000))
    expected = bytes(buffer)
    writer.add(key(b"before"), b"before")
    writer.add(key(expected), memoryview(buffer))
    buffer[:] = bytes(1000)
    writer.add(key(b"after"), b"after")
    assert _read_all(writer.publish()) == [b"before", expected, b"after"]


def test_object_that_was_added_is_known_until_it_is_published(writer: PackWriter) -> None:
    writer.add(key(b"data"), b"data")
    assert key(b"data") in writer
    assert key(b"other") not in writer
    writer.publish()
    assert key(b"data") not in writer


def test_more_can_be_added_after_publishing(writer: PackWriter) -> None:
    writer.add(key(b"1"), b"1")
    first = writer.publish()
    writer.add(key(b"2"), b"2")
    assert _read_all(first) == [b"1"]
    assert _read_all(writer.publish()) == [b"2"]


def test_worker_knows_what_its_parent_knows(writer: PackWriter, layout: Layout) -> None:
    writer.add(key(b"data"), b"data")
    other = PackWriter(layout)
    other.inherit(writer)
    assert key(b"data") in other
    assert other.publish() == []
    writer.discard()


@pytest.mark.parametrize("data", [b"", b"data", b"a" * 10_000, noise(5000)])
def test_object_is_read_back_before_it_is_published(writer: PackWriter, data: bytes) -> None:
    writer.add(key(b"before"), b"before")
    writer.add(key(data), data)
    found = writer.read_back(key(data))
    assert found is not None
    assert decode_payload(*found) == data
    assert writer.read_back(key(b"absent")) is None
    assert _read_all(writer.publish()) == [b"before", data]


def test_recipe_is_kept_as_such(writer: PackWriter) -> None:
    writer.add_recipe(key(b"big"), 1 << 30, b"recipe" * 100)
    writer.add_recipe(key(b"big2"), 1 << 30, b"raw")
    (path,) = writer.publish()
    records = list(PackFile(path).scan())
    assert {(each.kind, each.size) for each in records} == {(RECIPE, 1 << 30)}
    assert [each.codec for each in records] == [ZSTD, RAW]
    assert _read_all([path]) == [b"recipe" * 100, b"raw"]


def test_discarded_objects_leave_nothing(writer: PackWriter, layout: Layout) -> None:
    writer.add(key(b"data"), b"data")
    writer.discard()
    assert _published(layout) == list(layout.temporary.iterdir()) == []
    assert key(b"data") not in writer
    assert writer.publish() == []


@pytest.mark.parametrize("call", ["write", "fdatasync", "fsync", "link"])
def test_disk_that_fails_at_the_end_publishes_nothing_half(
    writer: PackWriter, layout: Layout, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    writer.add(key(b"data"), b"data")
    _fail(monkeypatch, call)
    with pytest.raises(OSError, match="No space left"):
        writer.publish()
    monkeypatch.undo()
    assert list(layout.temporary.iterdir()) == []
    assert _read_all(_published(layout)) == ([b"data"] if call == "fsync" else [])


@pytest.mark.usefixtures("small_packs")
@pytest.mark.parametrize("failing", [0, 1, 3])
def test_failure_in_the_background_comes_to_light(
    writer: PackWriter, layout: Layout, monkeypatch: pytest.MonkeyPatch, failing: int
) -> None:
    _fail(monkeypatch, "fdatasync", on=lambda number: number == failing)

    def add_and_publish() -> None:
        _add_all(writer)
        writer.publish()

    with pytest.raises(OSError, match="No space left"):
        add_and_publish()
    writer.discard()
    assert list(layout.temporary.iterdir()) == []
    assert set(_read_all(_published(layout))) < set(OBJECTS)


@pytest.mark.usefixtures("small_packs")
def test_failure_in_the_background_leaves_no_open_file(
    writer: PackWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = os.listdir("/proc/self/fd")  # noqa: PTH208 - names
    _fail(monkeypatch, "fdatasync")
    with pytest.raises(OSError, match="No space left"):  # noqa: PT012 - either may notice it
        _add_all(writer)
        writer.publish()
    writer.discard()
    assert os.listdir("/proc/self/fd") == before  # noqa: PTH208 - names


@pytest.mark.usefixtures("small_packs")
def test_few_packs_wait_for_a_slow_disk(
    writer: PackWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each that waits has a file open, and there can be only so many of these."""
    monkeypatch.setattr(pack_writer, "_MOST_UNSYNCED", 2)
    original, n_open = os.fdatasync, []

    def sync(descriptor: int) -> None:
        time.sleep(0.01)
        original(descriptor)

    monkeypatch.setattr(os, "fdatasync", sync)
    for data in (noise(1000, seed) for seed in range(100)):
        writer.add(key(data), data)
        n_open.append(len(os.listdir("/proc/self/fd")))  # noqa: PTH208 - names
    writer.publish()
    assert max(n_open) - n_open[0] <= 4


def test_pack_that_was_not_written_whole_is_never_published(
    writer: PackWriter, layout: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who goes on after a failure must not get a pack in which all offsets are wrong."""
    writer.add(key(b"before"), b"before")
    with monkeypatch.context() as patched:
        _fail(patched, "write")
        with pytest.raises(OSError, match="No space left"):
            writer.add_payload(key(b"data"), 4, memoryview(b"data"), codec=RAW)
    writer.add(key(b"after"), b"after")
    with pytest.raises(OSError, match="No space left"):
        writer.publish()
    assert _published(layout) == list(layout.temporary.iterdir()) == []


def test_two_packs_with_the_same_objects_are_two_files(layout: Layout) -> None:
    names = []
    for _ in range(2):
        writer = PackWriter(layout)
        writer.add(key(b"data"), b"data")
        names += writer.publish()
    assert len(set(names)) == 2


def test_directories_are_synced_after_the_pack_has_its_name(
    writer: PackWriter, layout: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[str] = []
    sync, sync_directory, link = os.fdatasync, os.fsync, os.link

    def note_sync(descriptor: int) -> None:
        calls.append("fdatasync")
        sync(descriptor)

    def note_directory(descriptor: int) -> None:
        place = Path(f"/proc/self/fd/{descriptor}").readlink()
        calls.append(f"fsync {len(place.relative_to(layout.root).parts)}")
        sync_directory(descriptor)

    def note_link(*arguments: Path) -> None:
        calls.append("link")
        link(*arguments)

    monkeypatch.setattr(os, "fdatasync", note_sync)
    monkeypatch.setattr(os, "fsync", note_directory)
    monkeypatch.setattr(os, "link", note_link)
    writer.add(key(b"data"), b"data")
    writer.publish()
    assert calls == ["fdatasync", "link", "fsync 2", "fsync 1"]
