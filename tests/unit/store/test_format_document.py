"""The page about the store format says enough: a reader made from it reads a real store."""

from __future__ import annotations

import ast
import os
import re
import shutil
import struct
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from blake3 import blake3

from tests.support.repository import Repository
from tests.unit.store import document_reader
from tests.unit.store.document_reader import Entry, Store, read_payload, read_pointer
from tests.unit.store.pack_builders import noise

ROOT = Path(__file__).parent.parent.parent.parent
DOCUMENT = ROOT / "docs" / "reference" / "store-format.md"
N_MANY = 4200
LARGE = noise(3 << 20)
SCRIPT = """
import json, os, pathlib, sys
rows = open("data/rows.csv").read()
out = pathlib.Path("out/deep")
out.mkdir(parents=True, exist_ok=True)
(out.parent / "empty").mkdir(exist_ok=True)
(out / "model.bin").write_text(rows * int(sys.argv[1]))
(out / os.fsdecode(b"odd \\xff\\n")).write_text("odd")
(out / "run.sh").write_text("true")
(out / "run.sh").chmod(0o755)
(out / "latest").exists() or (out / "latest").symlink_to("model.bin")
json.dump({"accuracy": 0.5, "loss": float("nan")}, open("metrics.json", "w"))
print("done")
"""


class Project(msgspec.Struct, frozen=True, kw_only=True):
    """A store, and what must be in it.

    Attributes:
        store: As the document describes it.
        root: The worktree.
        pointers: All pointers that there ever were.
    """

    store: Store
    root: Path
    pointers: tuple[Entry, ...]

    def pointer(self, name: str) -> Entry:
        """Return what a pointer says now."""
        return read_pointer(self.root / f"{name}.mlv")


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """A project with data, runs, one of them hidden, and files that were brought back."""
    with pytest.MonkeyPatch.context() as patched:
        for name in [name for name in os.environ if name.startswith(("GIT_", "MLV_"))]:
            patched.delenv(name)
        patched.setenv("HOME", str(tmp_path_factory.mktemp("home")))
        patched.setenv("GIT_CONFIG_GLOBAL", os.devnull)
        patched.setenv("GIT_CONFIG_NOSYSTEM", "1")
        for role in ("AUTHOR", "COMMITTER"):
            patched.setenv(f"GIT_{role}_NAME", "Ada")
            patched.setenv(f"GIT_{role}_EMAIL", "ada@example.com")
        yield _make_project(Repository(tmp_path_factory.mktemp("project")))


@pytest.fixture
def store(project: Project) -> Store:
    return project.store


def _make_project(repository: Repository) -> Project:
    repository.git("init", "--quiet")
    repository.write("train.py", SCRIPT)
    repository.write("data/rows.csv", "1,2\n")
    repository.write(".gitignore", "/out\n/data\n")
    repository.write("large.bin", LARGE)
    repository.write("shared/one.csv", "1\n2\n3\n")
    repository.write("tool", "exit 0\n", mode=0o755)
    for number in range(N_MANY):
        repository.write(f"many/{number:05}.txt", f"{number}\n")
    _call(repository, "init")
    _call(repository, "track", "--link", "copy", "many", "large.bin", "tool")
    _call(repository, "track", "--link", "hardlink", "shared")
    pointers = _commit(repository)
    repository.write("large.bin", LARGE[:100] + b"changed" + LARGE[100:])
    repository.write("many/00007.txt", "seven\n")
    _call(repository, "track")
    pointers += _commit(repository)
    _call(repository, "checkout", "--rev", "HEAD~1")
    for name, times in (("one", "1"), ("two", "2")):
        command = (sys.executable, "train.py", times)
        _call(repository, "run", "-n", name, "-i", "data", "-o", "out", *command)
    _call(repository, "run", "-n", "three", "true")
    _call(repository, "undo")
    _call(repository, "rollback", "--overwrite", "one")
    store = Store(repository.root / ".mlv")
    return Project(store=store, root=repository.root, pointers=tuple(pointers))


def _call(repository: Repository, *arguments: str) -> None:
    done = repository.mlv(*arguments)
    assert done.code == 0, done.stderr


def _commit(repository: Repository) -> list[Entry]:
    repository.commit()
    return [read_pointer(path) for path in _pointer_files(repository.root)]


def _pointer_files(root: Path) -> list[Path]:
    return [path for path in sorted(root.glob("*.mlv")) if path.is_file()]


def _contents(value: Any) -> list[tuple[str, str, int]]:  # noqa: ANN401 - any JSON value
    """Return kind, digest and size of everything that a record refers to."""
    if isinstance(value, list):
        return [found for each in value for found in _contents(each)]
    if not isinstance(value, dict):
        return []
    if {"digest", "size_bytes"} <= value.keys():
        return [(value.get("kind", "content"), value["digest"], value["size_bytes"])]
    return [found for each in value.values() for found in _contents(each)]


def _parts(store: Store, digest: str, data: bytes) -> set[str]:
    """Return the chunks of an object, and its buckets."""
    chunks = {
        chunk.hex()
        for path, row in store.packed.get(digest, [])
        if row[4] == document_reader.RECIPE
        for chunk, _ in struct.iter_unpack("<32sQ", read_payload(path, row)[32:])
    }
    if data.startswith(b"mlv-tree-buckets 1\n"):
        return chunks | {line.split()[1].decode() for line in data.splitlines()[1:]}
    return chunks


def _reachable(project: Project) -> set[str]:
    """Return the digests of all objects that something leads to; read each of them."""
    store = project.store
    todo = [found for operation in store.operations() for found in _contents(operation)]
    todo += [(pointer.kind, pointer.digest, pointer.size) for pointer in project.pointers]
    seen: set[str] = set()
    while todo:
        kind, digest, size = todo.pop()
        if digest in seen:
            continue
        data = store.read(digest, size)
        seen |= {digest} | _parts(store, digest, data)
        if kind == "dir":
            todo += [(e.kind, e.digest, e.size) for e in store.read_tree(digest, size)]
        elif kind == "content" and data.startswith(b'{"') and b'"schema":1' in data:
            todo += _contents(document_reader.parse_record(data))
    return seen


def test_reader_finds_the_runs_and_every_object_that_is_named(project: Project) -> None:
    store = project.store
    runs = store.runs()
    assert [run["name"] for run in runs.values()] == ["one", "two"]
    assert [run["metrics"]["accuracy"]["value"] for run in runs.values()] == [0.5, 0.5]
    assert {run["metrics"]["loss"]["value"] for run in runs.values()} == {"nan"}
    kinds = [operation["change"]["kind"] for operation in store.operations()]
    assert kinds == ["change-data", *["publish-run"] * 3, "undo", "change-worktree"]
    reachable = _reachable(project)
    unchanged = {blake3(path.read_bytes()).hexdigest() for path in _pointer_files(project.root)}
    assert reachable <= store.objects() <= reachable | unchanged


def test_reader_walks_the_directory_that_a_run_wrote(store: Store) -> None:
    first, *_ = store.runs().values()
    (out,) = (each["fingerprint"] for each in first["outputs"] if each["path"] == "out")
    assert (out["kind"], out["n_files"], out["total_bytes"]) == ("dir", 4, 4 + 3 + 4 + 9)
    deep, empty = store.read_tree(out["digest"], out["size_bytes"])
    assert (deep.name, empty.name) == (b"deep", b"empty")
    assert store.read_tree(empty.digest, empty.size) == []
    found = {
        entry.name: (entry.kind, store.read(entry.digest, entry.size))
        for entry in store.read_tree(deep.digest, deep.size)
    }
    assert found == {
        b"latest": ("link", b"model.bin"),
        b"model.bin": ("file", b"1,2\n"),
        b"odd \xff\n": ("file", b"odd"),
        b"run.sh": ("exec", b"true"),
    }


def test_reader_walks_a_directory_in_buckets(project: Project) -> None:
    many = project.pointer("many")
    assert project.store.read(many.digest, many.size).startswith(b"mlv-tree-buckets 1\n")
    found = {
        entry.name.decode(): project.store.read(entry.digest, entry.size)
        for entry in project.store.read_tree(many.digest, many.size)
    }
    assert found == {f"{number:05}.txt": b"%d\n" % number for number in range(N_MANY)}


def test_reader_joins_the_chunks_of_a_large_file(project: Project) -> None:
    versions = [each for each in project.pointers if each.name.endswith(b"large.bin")]
    old, new = (project.store.read(each.digest, each.size) for each in versions)
    assert (old, new) == (LARGE, LARGE[:100] + b"changed" + LARGE[100:])
    chunks = [_parts(project.store, each.digest, b"") for each in versions]
    assert len(chunks[0]) > 1
    assert chunks[0] & chunks[1]


def test_reader_finds_what_the_worktree_shares(project: Project) -> None:
    shared, tool = project.pointer("shared"), project.pointer("tool")
    (entry,) = project.store.read_tree(shared.digest, shared.size)
    path = project.store.root / "objects" / entry.digest[:2] / entry.digest[2:]
    assert path.samefile(project.root / "shared/one.csv")
    assert project.store.read(entry.digest, entry.size) == b"1\n2\n3\n"
    assert tool.kind == "exec"
    assert project.store.read(tool.digest, tool.size) == b"exit 0\n"


def test_operation_says_which_data_it_changed(project: Project) -> None:
    change = project.store.operations()[0]["change"]
    assert change["worktree"] == str(project.root)
    assert change["revision"] == "HEAD~1"
    found = {each["path"]: (each["before"], each["after"]) for each in change["data"]}
    assert found.keys() == {"large.bin", "large.bin.mlv", "many", "many.mlv"}
    before, after = found["large.bin"]
    assert (before["size_bytes"], after["size_bytes"]) == (len(LARGE) + 7, len(LARGE))
    assert after["digest"] == blake3(LARGE).hexdigest()


def test_reader_refuses_a_store_with_any_part_damaged(project: Project, tmp_path: Path) -> None:
    copy = tmp_path / "store"
    shutil.copytree(project.store.root, copy)
    (large,) = [each for each in project.pointers[:4] if each.name.endswith(b"large.bin")]
    for path in copy.glob("packs/??/*"):
        path.chmod(0o644)
        data = bytearray(path.read_bytes())
        data[len(data) // 3] ^= 1
        path.write_bytes(data)
    with pytest.raises(ValueError, match="packs"):
        Store(copy).read(large.digest, large.size)


def test_every_file_of_the_store_is_in_the_document(store: Store) -> None:
    rows = re.findall(r"^\| ((?:`[^`]+`(?:, )?)+) \|", DOCUMENT.read_text(), flags=re.MULTILINE)
    documented = {name.split("/")[0] for row in rows for name in re.findall(r"`([^`]+)`", row)}
    assert set(os.listdir(store.root)) - documented == set()  # noqa: PTH208 - names


def test_document_has_the_sections_that_the_code_cites() -> None:
    cited = {
        section
        for path in (ROOT / "mlv").rglob("*.py")
        for section in re.findall(r'store-format\.md, "([^"]+)"', path.read_text())
    }
    sections = set(re.findall(r"^## (.+)$", DOCUMENT.read_text(), flags=re.MULTILINE))
    assert cited - sections == set()
    assert len(cited) >= 10


def test_links_within_the_document_lead_somewhere() -> None:
    text = DOCUMENT.read_text()
    headings = re.findall(r"^## (.+)$", text, flags=re.MULTILINE)
    targets = set(re.findall(r"\]\(#([^)]+)\)", text))
    assert targets - {heading.lower().replace(" ", "-") for heading in headings} == set()


def test_reader_is_short_and_needs_nothing_of_mlv() -> None:
    source = Path(document_reader.__file__).read_text()
    imported = {
        name.partition(".")[0]
        for node in ast.walk(ast.parse(source))
        if isinstance(node, (ast.Import, ast.ImportFrom))
        for name in ([node.module or ""] if isinstance(node, ast.ImportFrom) else _names(node))
    }
    assert imported - sys.stdlib_module_names == {"blake3", "zstandard"}
    assert len(source.splitlines()) < 200


def _names(node: ast.Import) -> list[str]:
    return [alias.name for alias in node.names]
