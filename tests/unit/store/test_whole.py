from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import pytest

from mlv.core.digest import digest_of
from mlv.core.link_type import SharedLinkType
from mlv.core.run import Content
from mlv.errors import CorruptDataError, UnreadableFileError
from mlv.store import adoption
from mlv.store import whole as whole_module
from mlv.store.adoption import adopt
from mlv.store.layout import Layout
from mlv.store.whole import WholeObjects, hash_descriptor
from tests.support.unprivileged import as_nobody, give_away, let_everybody_in

DATA = b"some data"
CONTENT = Content(digest=digest_of(DATA), size_bytes=len(DATA))
LARGE = bytes(range(256)) * 9000
LINKING: list[SharedLinkType] = ["hardlink", "symlink"]
ANY: list[SharedLinkType] = ["hardlink", "symlink", "reflink"]


@pytest.fixture
def whole(layout: Layout) -> WholeObjects:
    return WholeObjects(layout)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A file of the user."""
    path = tmp_path / "file"
    path.write_bytes(DATA)
    return path


def _objects(layout: Layout) -> dict[str, bytes]:
    """Return every whole object by its digest."""
    files = layout.objects.glob("*/*")
    return {path.parent.name + path.name: path.read_bytes() for path in files}


def _leftovers(layout: Layout) -> list[Path]:
    return list(layout.temporary.iterdir())


@pytest.mark.parametrize("data", [b"", DATA, LARGE])
def test_written_object_is_found_whole_and_read_only(whole: WholeObjects, data: bytes) -> None:
    content = whole.write(BytesIO(data))
    path = whole.find(content)
    assert content == Content(digest=digest_of(data), size_bytes=len(data))
    assert path is not None
    assert (path.read_bytes(), stat.S_IMODE(path.stat().st_mode)) == (data, 0o444)
    assert whole.is_intact(content)
    assert _leftovers(whole.layout) == []


def test_object_of_another_size_does_not_count(whole: WholeObjects) -> None:
    path = whole.find(whole.write(BytesIO(DATA)))
    assert path is not None
    path.chmod(0o644)
    path.write_bytes(DATA[:3])
    assert not whole.contains(CONTENT)
    whole.write(BytesIO(DATA))
    assert _objects(whole.layout) == {CONTENT.digest: DATA}
    assert [each.read_bytes() for each in whole.layout.quarantine.iterdir()] == [DATA[:3]]


def test_edited_object_of_the_same_size_is_not_intact(whole: WholeObjects) -> None:
    path = whole.find(whole.write(BytesIO(DATA)))
    assert path is not None
    path.chmod(0o644)
    path.write_bytes(DATA.upper())
    assert (whole.contains(CONTENT), whole.is_intact(CONTENT)) == (True, False)


@pytest.mark.parametrize("data", [DATA, LARGE])
def test_edited_object_is_replaced_by_what_is_at_hand(whole: WholeObjects, data: bytes) -> None:
    content = whole.write(BytesIO(data))
    path = whole.find(content)
    assert path is not None
    path.chmod(0o644)
    path.write_bytes(data[::-1])
    assert whole.write(BytesIO(data)) == content
    assert whole.is_intact(content)
    assert [each.read_bytes() for each in whole.layout.quarantine.iterdir()] == [data[::-1]]


def test_wrong_bytes_are_not_published(whole: WholeObjects) -> None:
    with pytest.raises(CorruptDataError):
        whole.write_blocks([b"wrong"], expected=CONTENT.digest)
    assert (_objects(whole.layout), _leftovers(whole.layout)) == ({}, [])


def test_object_is_provided_from_elsewhere_once(whole: WholeObjects) -> None:
    n_asked = 0

    def blocks() -> Iterator[bytes]:
        nonlocal n_asked
        n_asked += 1
        yield from (DATA[:4], DATA[4:])

    paths = {whole.provide(CONTENT, blocks) for _ in range(3)}
    assert [path.read_bytes() for path in paths] == [DATA]
    assert n_asked == 1


def test_damaged_object_is_provided_from_elsewhere_and_kept_aside(whole: WholeObjects) -> None:
    path = whole.provide(CONTENT, lambda: [DATA])
    path.chmod(0o644)
    path.write_bytes(DATA.upper())
    assert whole.provide(CONTENT, lambda: [DATA]).read_bytes() == DATA
    assert [each.read_bytes() for each in whole.layout.quarantine.iterdir()] == [DATA.upper()]


def test_damaged_object_stays_when_there_is_no_other(whole: WholeObjects) -> None:
    path = whole.provide(CONTENT, lambda: [DATA])
    path.chmod(0o644)
    path.write_bytes(DATA.upper())
    with pytest.raises(CorruptDataError):
        whole.provide(CONTENT, lambda: [b"also wrong"])
    assert path.read_bytes() == DATA.upper()
    assert list(whole.layout.quarantine.iterdir()) == []


@pytest.mark.parametrize("link_type", LINKING)
def test_adopted_file_is_the_object(
    whole: WholeObjects, file: Path, link_type: SharedLinkType
) -> None:
    inode = file.stat().st_ino
    assert adopt(whole, file, link_type) == CONTENT
    path = whole.find(CONTENT)
    assert path is not None
    assert (path.stat().st_ino, file.stat().st_ino) == (inode, inode)
    assert stat.S_IMODE(file.stat().st_mode) == 0o444
    assert _leftovers(whole.layout) == []


@pytest.mark.parametrize("link_type", ANY)
def test_ordinary_user_adopts_files_of_his_own(
    whole: WholeObjects, file: Path, link_type: SharedLinkType
) -> None:
    let_everybody_in(file.parent)
    give_away(file.parent)

    def act() -> None:
        assert adopt(WholeObjects(whole.layout), file, link_type) == CONTENT

    as_nobody(act)
    path = whole.find(CONTENT)
    assert path is not None
    assert os.path.samestat(path.stat(), file.stat()) == (link_type != "reflink")


@pytest.mark.parametrize("link_type", LINKING)
def test_second_file_with_the_same_content_is_left_alone(
    whole: WholeObjects, file: Path, link_type: SharedLinkType
) -> None:
    adopt(whole, file, link_type)
    twin = file.with_name("twin")
    twin.write_bytes(DATA)
    assert adopt(whole, twin, link_type) == CONTENT
    assert (twin.stat().st_nlink, stat.S_IMODE(twin.stat().st_mode) & 0o200) == (1, 0o200)
    assert _objects(whole.layout) == {CONTENT.digest: DATA}


@pytest.mark.parametrize("link_type", ANY)
def test_file_takes_the_place_of_an_object_that_was_edited(
    whole: WholeObjects, file: Path, link_type: SharedLinkType
) -> None:
    path = whole.provide(CONTENT, lambda: [DATA])
    path.chmod(0o644)
    path.write_bytes(DATA.upper())
    assert adopt(whole, file, link_type) == CONTENT
    assert _objects(whole.layout) == {CONTENT.digest: DATA}
    assert [each.read_bytes() for each in whole.layout.quarantine.iterdir()] == [DATA.upper()]


@pytest.mark.parametrize("link_type", LINKING)
def test_directory_of_an_object_of_another_process_is_synced(
    whole: WholeObjects, file: Path, link_type: SharedLinkType, monkeypatch: pytest.MonkeyPatch
) -> None:
    final = WholeObjects(whole.layout).provide(CONTENT, lambda: [DATA])
    synced: list[Path] = []
    monkeypatch.setattr(whole_module, "sync_directory", synced.append)
    adopt(whole, file, link_type)
    whole.sync()
    assert {final.parent, final.parent.parent} <= set(synced)


@pytest.mark.parametrize("link_type", LINKING)
def test_executable_file_is_copied(
    whole: WholeObjects, file: Path, link_type: SharedLinkType
) -> None:
    file.chmod(0o755)
    assert adopt(whole, file, link_type) == CONTENT
    assert (file.stat().st_nlink, stat.S_IMODE(file.stat().st_mode)) == (1, 0o755)
    assert _objects(whole.layout) == {CONTENT.digest: DATA}


@pytest.mark.parametrize("link_type", ANY)
def test_file_that_somebody_writes_to_is_copied(
    whole: WholeObjects, file: Path, link_type: SharedLinkType
) -> None:
    with file.open("r+b") as writer:
        assert adopt(whole, file, link_type) == CONTENT
        writer.write(b"SOME")
        writer.flush()
        assert file.read_bytes() == b"SOME data"
    assert file.stat().st_mode & 0o200
    assert _objects(whole.layout) == {CONTENT.digest: DATA}


@pytest.mark.parametrize("link_type", LINKING)
def test_file_that_somebody_wants_to_write_to_meanwhile_is_copied(
    whole: WholeObjects, file: Path, monkeypatch: pytest.MonkeyPatch, link_type: SharedLinkType
) -> None:

    def hash_and_open(descriptor: int) -> Content:
        content = hash_descriptor(descriptor)
        with pytest.raises(BlockingIOError):
            os.open(file, os.O_WRONLY | os.O_NONBLOCK)
        return content

    monkeypatch.setattr(adoption, "hash_descriptor", hash_and_open)
    assert adopt(whole, file, link_type) == CONTENT
    assert (file.stat().st_nlink, file.stat().st_mode & 0o200) == (1, 0o200)
    assert _objects(whole.layout) == {CONTENT.digest: DATA}


@pytest.mark.parametrize("code", [errno.EMLINK, errno.EXDEV, errno.EPERM])
def test_file_that_cannot_be_linked_is_copied(
    whole: WholeObjects, file: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    real = os.link

    def link(source: object, target: object, **options: object) -> None:
        if "src_dir_fd" in options or str(source).startswith("/proc"):
            raise OSError(code, os.strerror(code))
        real(source, target, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(os, "link", link)
    assert adopt(whole, file, "hardlink") == CONTENT
    assert (file.stat().st_nlink, file.stat().st_mode & 0o200) == (1, 0o200)
    assert _objects(whole.layout) == {CONTENT.digest: DATA}


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to make a file of another user")
def test_file_of_another_user_is_copied(whole: WholeObjects, file: Path) -> None:
    os.chown(file, 12345, 12345)
    assert adopt(whole, file, "hardlink") == CONTENT
    path = whole.find(CONTENT)
    assert path is not None
    assert (file.stat().st_uid, path.stat().st_uid) == (12345, whole.layout.root.stat().st_uid)


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to write into another user's store")
def test_objects_that_root_makes_belong_to_the_owner_of_the_store(
    layout: Layout, file: Path
) -> None:
    for each in (layout.root, *layout.root.rglob("*")):
        os.chown(each, 12345, 12346)
    whole = WholeObjects(layout)
    adopt(whole, file, "hardlink")
    path = whole.find(CONTENT)
    assert path is not None
    owners = {(made.stat().st_uid, made.stat().st_gid) for made in (path, path.parent)}
    assert owners == {(12345, 12346)}


@pytest.mark.parametrize("link_type", ANY)
def test_what_is_no_file_is_refused(
    whole: WholeObjects, tmp_path: Path, link_type: SharedLinkType
) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(UnreadableFileError, match="is not a regular file"):
        adopt(whole, tmp_path / "pipe", link_type)


@pytest.mark.parametrize("link_type", ANY)
def test_link_is_not_followed(
    whole: WholeObjects, file: Path, tmp_path: Path, link_type: SharedLinkType
) -> None:
    (tmp_path / "link").symlink_to(file)
    with pytest.raises(OSError, match="symbolic links"):
        adopt(whole, tmp_path / "link", link_type)


def test_full_disk_leaves_file_and_store_as_they_were(
    whole: WholeObjects, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_arguments: object, **_options: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "link", fail)
        with pytest.raises(OSError, match="No space left"):
            adopt(whole, file, "hardlink")
    assert (file.read_bytes(), stat.S_IMODE(file.stat().st_mode) & 0o200) == (DATA, 0o200)
    assert (_objects(whole.layout), _leftovers(whole.layout)) == ({}, [])
