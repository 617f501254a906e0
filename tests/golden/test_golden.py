"""Stores of every format that was released open for ever."""

from __future__ import annotations

import json
import tarfile
from pathlib import Path
from typing import Any

import pytest

from mlv.app.data.pointers import load_pointers
from mlv.core.canonical import encode_record
from mlv.core.digest import Digest
from mlv.core.run import Content
from mlv.store.objects import content_of
from mlv.store.trees import list_files
from tests.golden.make import describe
from tests.support.repository import Repository
from tests.unit.store.document_reader import Store

HERE = Path(__file__).parent
NAMES = sorted(path.name for path in HERE.iterdir() if (path / "manifest.json").exists())
MOST_BYTES = 200 << 10


class Golden:
    """A copy of a golden store, and what has to be in it."""

    def __init__(self, name: str, repository: Repository) -> None:
        self.repository = repository
        self.manifest: dict[str, Any] = json.loads((HERE / name / "manifest.json").read_text())
        with tarfile.open(HERE / name / "project.tar.xz") as archive:
            archive.extractall(repository.root, filter="tar")

    @property
    def runs(self) -> dict[str, dict[str, Any]]:
        """The records of all visible runs, by id."""
        found: dict[str, dict[str, Any]] = self.manifest["runs"]
        return found

    def call(self, *arguments: str) -> str:
        """Return what `mlv` prints when all is well."""
        done = self.repository.mlv(*arguments)
        assert (done.code, done.stderr) == (0, ""), done.stderr
        return done.stdout


@pytest.fixture(params=NAMES)
def golden(request: pytest.FixtureRequest, own_environment: None, tmp_path: Path) -> Golden:
    (tmp_path / "project").mkdir()
    return Golden(request.param, Repository(tmp_path / "project"))


def test_there_is_a_store_of_each_format() -> None:
    assert NAMES == ["store-1", "store-1-whole"]
    assert all((HERE / name / "project.tar.xz").stat().st_size < MOST_BYTES for name in NAMES)


def test_every_run_is_read(golden: Golden) -> None:
    runs = golden.repository.runs()
    assert {run.id: json.loads(encode_record(run)) for run in runs} == golden.runs
    listed = json.loads(golden.call("log", "--json"))["runs"]
    assert {each["id"] for each in listed} == golden.runs.keys()


def test_every_operation_is_read(golden: Golden) -> None:
    logged = json.loads(golden.call("op", "log", "--json"))["operations"]
    found = [
        [each["logged"]["id"], each["logged"]["operation"]["change"]["kind"]]
        for each in reversed(logged)
    ]
    assert found == golden.manifest["operations"]


def test_every_object_is_read(golden: Golden) -> None:
    reader = Store(golden.repository.root / ".mlv")
    assert sorted(reader.objects()) == golden.manifest["objects"]
    objects = golden.repository.open().objects
    for digest in golden.manifest["objects"]:
        size = _size(reader, digest)
        objects.verify(Content(digest=Digest(digest), size_bytes=size))
        assert len(reader.read(digest, size)) == size


def test_every_file_of_every_run_is_read(golden: Golden) -> None:
    objects = golden.repository.open().objects
    n_files = 0
    for run in golden.repository.runs():
        for output in run.outputs:
            for entry in list_files(objects, output.fingerprint, output.path).values():
                objects.verify(content_of(entry))
                n_files += 1
    assert n_files > len(golden.runs)


def test_every_pointer_is_read(golden: Golden) -> None:
    pointers = load_pointers(golden.repository.open())
    assert not pointers.broken
    assert set(pointers.data) == golden.manifest["files"].keys() - {"out"}


def test_every_file_comes_back(golden: Golden) -> None:
    if golden.manifest["files"].keys() > {"out"}:
        golden.call("checkout", "-q")
    golden.call("rollback", "--overwrite", "-q", "last")
    found = {name: describe(golden.repository.root / name) for name in golden.manifest["files"]}
    assert found == golden.manifest["files"]


def test_everything_is_whole(golden: Golden) -> None:
    golden.call("fsck", "--full")


def test_garbage_is_found_without_harm(golden: Golden) -> None:
    before = [each.id for each in golden.repository.runs()]
    golden.call("gc", "-q", "--keep-days", "0", "--grace-days", "0")
    test_every_file_comes_back(golden)
    assert [each.id for each in golden.repository.runs()] == before


def test_new_runs_are_added(golden: Golden) -> None:
    for _ in range(2):
        golden.repository.shell("date +%N > new.txt", outputs=["new.txt"])
    runs = golden.repository.runs()
    assert [run.id for run in runs[:-2]] == list(golden.runs)
    assert {each["name"] for each in golden.runs.values()} < {run.name for run in runs}
    golden.call("rollback", "--overwrite", "-q", "two")
    assert describe(golden.repository.root / "out") == golden.manifest["files"]["out"]


def _size(reader: Store, digest: str) -> int:
    """Return the size of an object, as its pack or its file says."""
    if digest in reader.packed:
        return reader.packed[digest][0][1][3]
    return (reader.root / "objects" / digest[:2] / digest[2:]).stat().st_size
