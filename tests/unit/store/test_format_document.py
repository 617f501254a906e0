"""The document on the store format says enough: a reader made from it reads a real store."""

from __future__ import annotations

import ast
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.repository import Repository
from tests.unit.store import document_reader
from tests.unit.store.document_reader import Store

ROOT = Path(__file__).parent.parent.parent.parent
DOCUMENT = ROOT / "docs" / "reference" / "store-format.md"
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


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """A store in which runs were recorded, one of them hidden, and files rolled back."""
    with pytest.MonkeyPatch.context() as patched:
        for name in [name for name in os.environ if name.startswith(("GIT_", "MLV_"))]:
            patched.delenv(name)
        patched.setenv("HOME", str(tmp_path_factory.mktemp("home")))
        patched.setenv("GIT_CONFIG_GLOBAL", os.devnull)
        patched.setenv("GIT_CONFIG_NOSYSTEM", "1")
        for role in ("AUTHOR", "COMMITTER"):
            patched.setenv(f"GIT_{role}_NAME", "Ada")
            patched.setenv(f"GIT_{role}_EMAIL", "ada@example.com")
        yield _make_store(Repository(tmp_path_factory.mktemp("project")))


def _make_store(repository: Repository) -> Store:
    repository.git("init", "--quiet")
    repository.write("train.py", SCRIPT)
    repository.write("data/rows.csv", "1,2\n")
    repository.write(".gitignore", "out\ndata\n")
    repository.commit()
    commands = [
        ("init",),
        ("run", "-n", "one", "-i", "data", "-o", "out", sys.executable, "train.py", "1"),
        ("run", "-n", "two", "-i", "data", "-o", "out", sys.executable, "train.py", "2"),
        ("run", "-n", "three", "true"),
        ("undo",),
        ("rollback", "--overwrite", "one"),
    ]
    for command in commands:
        done = repository.mlv(*command)
        assert done.code == 0, done.stderr
    return Store(repository.root / ".mlv")


def _contents(value: Any) -> list[tuple[str, str, int]]:  # noqa: ANN401 - any JSON value
    """Return kind, digest and size of everything that a record refers to."""
    if isinstance(value, list):
        return [found for each in value for found in _contents(each)]
    if not isinstance(value, dict):
        return []
    if {"digest", "size_bytes"} <= value.keys():
        return [(value.get("kind", "content"), value["digest"], value["size_bytes"])]
    return [found for each in value.values() for found in _contents(each)]


def _reachable(store: Store) -> set[str]:
    """Return the digests of all objects that operations lead to; read each of them."""
    todo = [found for _, operation in store.operations() for found in _contents(operation)]
    seen = set()
    while todo:
        kind, digest, size = todo.pop()
        if digest in seen:
            continue
        seen.add(digest)
        data = store.read(digest, size)
        if kind == "dir":
            todo += [(e.kind, e.digest, e.size) for e in store.read_tree(digest, size)]
        elif kind == "content" and data.startswith(b'{"') and b'"schema":1' in data:
            todo += _contents(document_reader.parse_record(data))
    return seen


def test_reader_finds_the_runs_and_every_object_that_they_name(store: Store) -> None:
    runs = store.runs()
    assert [run["name"] for run in runs.values()] == ["one", "two"]
    assert [run["metrics"]["accuracy"]["value"] for run in runs.values()] == [0.5, 0.5]
    assert {run["metrics"]["loss"]["value"] for run in runs.values()} == {"nan"}
    kinds = [operation["change"]["kind"] for _, operation in store.operations()]
    assert kinds == ["publish-run"] * 3 + ["undo", "change-worktree"]
    assert _reachable(store) == set(store.objects())


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


def test_reader_is_short_and_needs_nothing_of_mlv() -> None:
    source = Path(document_reader.__file__).read_text()
    imported = {
        name.partition(".")[0]
        for node in ast.walk(ast.parse(source))
        if isinstance(node, (ast.Import, ast.ImportFrom))
        for name in ([node.module or ""] if isinstance(node, ast.ImportFrom) else _names(node))
    }
    assert imported - sys.stdlib_module_names == {"blake3"}
    assert len(source.splitlines()) < 120


def _names(node: ast.Import) -> list[str]:
    return [alias.name for alias in node.names]
