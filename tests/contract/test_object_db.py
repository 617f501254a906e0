"""What mlv relies on in every object database, whatever lies under it."""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import pytest
from dvc_objects.fs.local import LocalFileSystem

from mlv.core.digest import digest_of
from mlv.errors import CorruptDataError
from tests.contract.object_databases import BUILDERS, PileUnderTest

OBJECTS = [b"", b"a", b"line\n" * 3, bytes(range(256)) * 5000]
DATA = b"some bytes"
OID = digest_of(DATA)
OTHER = digest_of(b"other")
LOCAL = LocalFileSystem()


class TricklingStream(BytesIO):
    """Gives less than it is asked for, as a connection may."""

    def read(self, size: int | None = -1, /) -> bytes:
        return super().read(4 if self.tell() < 8 else size)


@pytest.fixture(params=BUILDERS)
def pile(request: pytest.FixtureRequest, tmp_path: Path) -> PileUnderTest:
    build: Callable[[Path], PileUnderTest] = BUILDERS[request.param]
    return build(tmp_path)


@pytest.fixture
def source(tmp_path: Path) -> str:
    """A file that holds `DATA`."""
    path = tmp_path / "source"
    path.write_bytes(DATA)
    return str(path)


def _read(pile: PileUnderTest, oid: str) -> bytes:
    with pile.db.fs.open(pile.db.oid_to_path(oid), "rb") as file:
        data: bytes = file.read()
        return data


def test_database_is_empty_at_first(pile: PileUnderTest) -> None:
    assert list(pile.db.all()) == []
    assert not pile.db.exists(OID)


@pytest.mark.parametrize("data", OBJECTS, ids=len)
def test_added_bytes_are_there(pile: PileUnderTest, data: bytes) -> None:
    oid = digest_of(data)
    pile.db.add_bytes(oid, data)
    assert pile.db.exists(oid)
    assert _read(pile, oid) == data
    assert list(pile.db.all()) == [oid]


def test_stream_is_added_like_bytes(pile: PileUnderTest) -> None:
    pile.db.add_bytes(OID, BytesIO(DATA))
    assert _read(pile, OID) == DATA


@pytest.mark.parametrize("data", [DATA, bytes(range(256)) * 5000], ids=len)
def test_stream_that_gives_little_at_a_time_is_added_whole(
    pile: PileUnderTest, data: bytes
) -> None:
    pile.db.add_bytes(digest_of(data[:4]), data[:4])
    pile.db.add_bytes(digest_of(data), TricklingStream(data))
    assert _read(pile, digest_of(data)) == data


def test_added_file_is_there_and_the_source_stays(pile: PileUnderTest, source: str) -> None:
    assert pile.db.add(source, LOCAL, OID) == 1
    assert _read(pile, OID) == DATA
    assert Path(source).read_bytes() == DATA
    assert not Path(source).samefile(pile.db.oid_to_path(OID))


def test_files_are_added_together_and_counted_once(
    pile: PileUnderTest, tmp_path: Path, source: str
) -> None:
    (tmp_path / "other").write_bytes(b"other")
    paths = [source, str(tmp_path / "other")]
    oids: list[str] = [OID, OTHER]
    assert pile.db.add(paths, LOCAL, oids) == 2
    assert pile.db.add(paths, LOCAL, oids) == 0
    assert set(pile.db.all()) == set(oids)


def test_adding_again_changes_nothing(pile: PileUnderTest) -> None:
    pile.db.add_bytes(OID, DATA)
    pile.db.add_bytes(OID, DATA)
    assert (list(pile.db.all()), pile.quarantined(), pile.leftovers()) == ([OID], [], [])


@pytest.mark.parametrize("n_objects", [0, 1])
def test_bytes_of_another_digest_are_refused(pile: PileUnderTest, n_objects: int) -> None:
    if n_objects:
        pile.db.add_bytes(OID, DATA)
    with pytest.raises(CorruptDataError) as caught:
        pile.db.add_bytes(OID, b"other")
    assert caught.value.message == f"the bytes for object {OID} have the digest {OTHER}"
    assert len(list(pile.db.all())) == n_objects
    assert pile.leftovers() == []


def test_file_of_another_digest_is_refused(pile: PileUnderTest, source: str) -> None:
    with pytest.raises(CorruptDataError, match=f"have the digest {OID}"):
        pile.db.add(source, LOCAL, OTHER)
    assert list(pile.db.all()) == []
    assert pile.leftovers() == []


def test_missing_file_is_not_added(pile: PileUnderTest, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        pile.db.add(str(tmp_path / "missing"), LOCAL, OID)
    assert list(pile.db.all()) == []


def test_empty_file_in_place_of_an_object_is_not_believed(pile: PileUnderTest) -> None:
    pile.db.add_bytes(OID, DATA)
    pile.damage(OID, b"")
    assert not pile.db.exists(OID)
    assert pile.db.oids_exist([OID]) == []


@pytest.mark.parametrize("damaged", [b"", b"some", b"some bytes too many"])
def test_object_of_the_wrong_size_is_mended_by_adding_it(
    pile: PileUnderTest, source: str, damaged: bytes
) -> None:
    for add in (lambda: pile.db.add_bytes(OID, DATA), lambda: pile.db.add(source, LOCAL, OID)):
        pile.db.add_bytes(OID, DATA)
        pile.damage(OID, damaged)
        add()
        assert _read(pile, OID) == DATA
    assert pile.quarantined() == [damaged, damaged]
    assert pile.leftovers() == []


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ([], []),
        ([OID], [OID]),
        ([OTHER], []),
        ([OTHER, OID, digest_of(b"")], [OID, digest_of(b"")]),
    ],
)
def test_oids_that_exist_are_told_in_the_order_of_asking(
    pile: PileUnderTest, asked: list[str], found: list[str]
) -> None:
    pile.db.add_bytes(OID, DATA)
    pile.db.add_bytes(digest_of(b""), b"")
    assert list(pile.db.oids_exist(asked)) == found


def test_deleted_object_is_kept_in_quarantine(pile: PileUnderTest) -> None:
    pile.db.add_bytes(OID, DATA)
    pile.db.delete(OID)
    assert (pile.db.exists(OID), list(pile.db.all()), pile.quarantined()) == (False, [], [DATA])


def test_object_that_is_not_there_cannot_be_deleted(pile: PileUnderTest) -> None:
    with pytest.raises(FileNotFoundError):
        pile.db.delete(OID)


@pytest.mark.parametrize("data", OBJECTS, ids=len)
def test_path_and_oid_lead_to_each_other(pile: PileUnderTest, data: bytes) -> None:
    oid = digest_of(data)
    path = pile.db.oid_to_path(oid)
    assert pile.db.path_to_oid(path) == oid


@pytest.mark.parametrize("text", ["", "abc", OID.upper(), f"{OID}0", f"../{OID[3:]}"])
def test_text_that_is_no_digest_is_refused(pile: PileUnderTest, text: str) -> None:
    with pytest.raises(ValueError, match="is not a digest"):
        pile.db.exists(text)
    with pytest.raises(ValueError, match="is not a digest"):
        pile.db.delete(text)
