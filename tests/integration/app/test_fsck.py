"""What `fsck` finds, whom it names, and what it can put right."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from mlv.app.keep.faults import Fault
from mlv.app.keep.fsck import FsckRequest, FsckResult, check_store
from mlv.app.reporter import SilentReporter
from mlv.app.workspace import inspect_workspace
from mlv.core.operation import PublishRun
from mlv.core.pointer import format_pointer
from mlv.core.run import Run
from mlv.core.settings import Settings
from mlv.core.tree import Fingerprint
from mlv.store.layout import Layout
from mlv.store.objects import ObjectStore, content_of
from mlv.store.packs import list_packs
from mlv.store.whole import WholeObjects
from mlv.worktree.fingerprint import HashOnly, fingerprint
from tests.support.repository import Repository, read_tree


def _check(repository: Repository, *, full: bool = True, repair: bool = False) -> FsckResult:
    workspace = inspect_workspace(repository.root, Settings())
    return check_store(workspace, FsckRequest(full=full, repair=repair), SilentReporter())


def _layout(repository: Repository) -> Layout:
    return inspect_workspace(repository.root, Settings()).layout


def _flip(path: Path, offset: int) -> None:
    data = bytearray(path.read_bytes())
    data[offset] ^= 1
    path.chmod(0o644)
    path.write_bytes(data)


def _find_payload(repository: Repository, data: bytes) -> tuple[Path, int]:
    """Return the pack, and the offset in it, where uncompressed bytes lie."""
    for path in list_packs(_layout(repository)):
        offset = path.read_bytes().find(data)
        if offset >= 0:
            return path, offset
    raise AssertionError(data)


def _track(repository: Repository, name: str) -> Fingerprint:
    workspace = repository.open()
    with workspace.objects.transaction() as objects:
        found = fingerprint(repository.root / name, objects)
    repository.write(f"{name}.mlv", format_pointer(found))
    return found


def _kinds(faults: tuple[Fault, ...], *, repaired: bool) -> list[str]:
    return sorted(fault.kind for fault in faults if fault.repaired is repaired)


@pytest.fixture
def recorded(repo: Repository) -> Repository:
    """One run with an input, an output, and what it printed."""
    repo.write(".gitignore", "data/\nmodel.bin\nlarge\n")
    repo.commit("ignore")
    repo.write("data/a", "an input\n")
    repo.shell("echo made of it > model.bin", inputs=["data"], outputs=["model.bin"], name="one")
    return repo


def test_fsck_of_a_sound_store_finds_nothing(recorded: Repository) -> None:
    before = read_tree(recorded.root)
    for full in (True, False):
        result = _check(recorded, full=full)
        assert (result.faults, result.full) == ((), full)
        assert result.n_needed > 5
    assert read_tree(recorded.root) == before


def test_fsck_finds_flipped_bytes_of_packs(recorded: Repository) -> None:
    packs = list(list_packs(_layout(recorded)))
    for path in packs:
        data = path.read_bytes()
        for offset in range(0, len(data), 101):
            _flip(path, offset)
            assert "pack" in _kinds(_check(recorded).faults, repaired=False)
            path.write_bytes(data)
    assert _check(recorded).faults == ()


@pytest.mark.parametrize("name", ["format", "clone", ".git/HEAD", ".git/config"])
def test_fsck_mends_the_small_files(recorded: Repository, name: str) -> None:
    path = _layout(recorded).root / name
    data = path.read_bytes()
    for offset in (0, len(data) // 2, len(data) - 1):
        _flip(path, offset)
        found = _check(recorded)
        assert [fault.where for fault in found.faults] == [name]
        assert _kinds(_check(recorded, repair=True).faults, repaired=True) == ["marker"]
        assert path.read_bytes() == data


@pytest.mark.parametrize("name", ["format", "clone", ".git/HEAD", ".git/objects"])
def test_fsck_makes_missing_small_files_anew(recorded: Repository, name: str) -> None:
    path = _layout(recorded).root / name
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    assert _kinds(_check(recorded, repair=True).faults, repaired=True) == ["marker"]
    assert [run.name for run in recorded.runs()] == ["one"]
    assert _check(recorded).faults == ()


def test_fsck_does_not_touch_a_newer_format(recorded: Repository) -> None:
    path = _layout(recorded).root / "format"
    path.write_text("mlv-store 2\ndigest blake3\n")
    before = read_tree(recorded.root)
    result = _check(recorded, repair=True)
    assert [(each.where, each.repaired) for each in result.faults] == [("format", False)]
    assert read_tree(recorded.root) == before


def test_fsck_finds_a_changed_operation_and_leaves_it(recorded: Repository) -> None:
    (log,) = _layout(recorded).log.iterdir()
    _flip(log, 200)
    before = log.read_bytes()
    result = _check(recorded, repair=True)
    assert _kinds(result.faults, repaired=False) == ["log"]
    assert log.read_bytes() == before


def test_fsck_names_the_runs_that_a_fault_affects(recorded: Repository) -> None:
    path, offset = _find_payload(recorded, b"an input\n")
    (recorded.root / "data/a").write_text("changed since\n")
    _flip(path, offset)
    faults = _check(recorded).faults
    run = recorded.find("one")
    assert {fault.kind: fault.affects for fault in faults} == {
        "pack": (f"run {run.id}",),
        "object": (f"run {run.id}",),
    }


def test_fsck_names_the_pointers_that_a_fault_affects(recorded: Repository) -> None:
    recorded.write("large", os.urandom(2 << 20))
    _track(recorded, "large")
    (path,) = [p for p in list_packs(_layout(recorded)) if p.stat().st_size > 1 << 20]
    _flip(path, 1000)
    affected = {origin for fault in _check(recorded).faults for origin in fault.affects}
    assert affected == {"pointer large.mlv"}


@pytest.mark.parametrize(
    "offset",
    [0, 20, 40, -1, -40, -100],
    ids=["magic", "nonce", "record", "end", "trailer", "index"],
)
def test_repair_saves_the_records_of_a_damaged_pack(recorded: Repository, offset: int) -> None:
    run = recorded.find("one")
    packs = list(list_packs(_layout(recorded)))
    for path in packs:
        _flip(path, offset)
    damaged = {path.read_bytes() for path in packs}
    result = _check(recorded, repair=True)
    assert {fault.where for fault in result.faults if fault.kind == "pack"} == {
        f"packs/{path.parent.name}/{path.name}" for path in packs
    }
    assert result.n_left == 0
    assert _check(recorded).faults == ()
    assert recorded.find("one") == run
    kept = {path.read_bytes() for path in _layout(recorded).quarantine.iterdir()}
    assert kept == damaged


def _from_worktree(repository: Repository) -> None:
    """Do nothing: the file is where it was."""


def _from_another_worktree(repository: Repository) -> None:
    other = repository.root.parent / "other"
    repository.git("worktree", "add", "--quiet", "--detach", str(other))
    (other / "data").mkdir()
    (repository.root / "data/a").rename(other / "data/a")


def _from_a_pack_in_quarantine(repository: Repository) -> None:
    path, _ = _find_payload(repository, b"an input\n")
    copy = _layout(repository).quarantine / f"pack-{path.parent.name}{path.name}.0000"
    copy.write_bytes(path.read_bytes())
    (repository.root / "data/a").unlink()


def _from_a_pack_in_the_trash(repository: Repository) -> None:
    path, _ = _find_payload(repository, b"an input\n")
    copy = _layout(repository).trash / "1000/packs" / path.parent.name / path.name
    copy.parent.mkdir(parents=True)
    copy.write_bytes(path.read_bytes())
    (repository.root / "data/a").unlink()


def _from_a_whole_object(repository: Repository) -> None:
    whole = WholeObjects(_layout(repository))
    held = fingerprint(repository.root / "data/a", HashOnly())
    path = whole.layout.object_file(held.digest)
    path.parent.mkdir()
    (repository.root / "data/a").rename(path)


def _from_a_whole_object_in_the_trash(repository: Repository) -> None:
    _from_a_whole_object(repository)
    layout = _layout(repository)
    (layout.trash / "1000").mkdir()
    layout.objects.rename(layout.trash / "1000/objects")
    layout.objects.mkdir()


@pytest.mark.parametrize(
    "prepare",
    [
        _from_worktree,
        _from_another_worktree,
        _from_a_pack_in_quarantine,
        _from_a_pack_in_the_trash,
        _from_a_whole_object,
        _from_a_whole_object_in_the_trash,
    ],
)
def test_repair_fetches_a_lost_object(
    recorded: Repository, prepare: Callable[[Repository], None]
) -> None:
    path, offset = _find_payload(recorded, b"an input\n")
    prepare(recorded)
    _flip(path, offset)
    result = _check(recorded, repair=True)
    assert result.n_left == 0
    assert "pack" in _kinds(result.faults, repaired=True)
    assert _check(recorded).faults == ()
    held = recorded.find("one").inputs[0].fingerprint
    assert held is not None
    (entry,) = ObjectStore(_layout(recorded)).read_tree(content_of(held))
    assert ObjectStore(_layout(recorded)).read(content_of(entry)) == b"an input\n"


def test_repair_does_not_take_a_file_that_was_edited(recorded: Repository) -> None:
    path, offset = _find_payload(recorded, b"an input\n")
    recorded.write("data/a", "an Input\n")
    _flip(path, offset)
    result = _check(recorded, repair=True)
    assert _kinds(result.faults, repaired=False) == ["object", "pack"]
    assert _kinds(_check(recorded).faults, repaired=False) == ["object"]


def test_repair_makes_a_lost_directory_again(recorded: Repository) -> None:
    run = recorded.find("one")
    path, offset = _find_payload(recorded, b"mlv-tree 1\n")
    _flip(path, offset)
    result = _check(recorded, repair=True)
    assert result.n_left == 0
    assert _check(recorded).faults == ()
    assert recorded.find("one") == run


@pytest.mark.parametrize("what", ["chunk", "recipe"])
def test_repair_makes_a_large_file_whole_again(recorded: Repository, what: str) -> None:
    recorded.write("large", os.urandom(3 << 20))
    tracked = _track(recorded, "large")
    (path,) = [p for p in list_packs(_layout(recorded)) if p.stat().st_size > 1 << 20]
    if what == "chunk":
        _flip(path, 1000)
    else:
        _flip(path, path.read_bytes().rindex(b"MLVR") + 70)
    assert _check(recorded, repair=True).n_left == 0
    assert _check(recorded).faults == ()
    stored = ObjectStore(_layout(recorded)).read(content_of(tracked))
    assert stored == (recorded.root / "large").read_bytes()


def test_repair_puts_an_object_aside_that_was_edited_through_a_link(recorded: Repository) -> None:
    layout = _layout(recorded)
    whole = WholeObjects(layout)
    content = whole.write_blocks([b"shared"])
    whole.sync()
    recorded.write("data/shared", b"shared")
    run = recorded.shell("true", inputs=["data/shared"])
    _flip(layout.object_file(content.digest), 0)
    assert _check(recorded, full=False).faults == ()
    found = _check(recorded)
    assert [(each.kind, each.affects) for each in found.faults] == [
        ("whole-object", (f"run {run.id}",)),
        ("object", (f"run {run.id}",)),
    ]
    assert _check(recorded, repair=True).n_left == 0
    assert ObjectStore(layout).read(content) == b"shared"
    (aside,) = layout.quarantine.iterdir()
    assert (aside.name.partition(".")[0], aside.read_bytes()) == (content.digest, b"rhared")


def test_fsck_finds_a_lost_pack(recorded: Repository) -> None:
    for path in list_packs(_layout(recorded)):
        path.unlink()
    faults = _check(recorded, full=False).faults
    (logged,) = recorded.open().operations.read()
    change = logged.operation.change
    assert isinstance(change, PublishRun)
    assert [(fault.where, fault.affects) for fault in faults] == [
        (change.record.digest, (f"run {change.run}",))
    ]


def test_fsck_finds_pointers_without_data(recorded: Repository) -> None:
    recorded.write("lost", "this is nowhere\n")
    found = fingerprint(recorded.root / "lost", HashOnly())
    recorded.write("lost.mlv", format_pointer(found))
    (fault,) = _check(recorded, full=False).faults
    assert (fault.kind, fault.where, fault.affects) == (
        "object",
        found.digest,
        ("pointer lost.mlv",),
    )
    assert _check(recorded, repair=True).n_left == 0


def test_fsck_finds_unreadable_pointers_and_live_runs(recorded: Repository) -> None:
    recorded.write("broken.mlv", "mlv: nothing\n")
    live = _layout(recorded).live / "01aaaaaaaaaaaaaaaaaaaaaaaa"
    live.mkdir()
    (live / "start.json").write_text("{}")
    faults = _check(recorded, full=False).faults
    assert sorted((fault.kind, fault.where) for fault in faults) == [
        ("live-run", "live run 01aaaaaaaaaaaaaaaaaaaaaaaa"),
        ("pointer", "broken.mlv"),
    ]


def test_fsck_finds_flipped_bytes_of_a_live_run(recorded: Repository) -> None:
    ready, gate = recorded.root.parent / "ready", recorded.root.parent / "gate"
    for pipe in (ready, gate):
        os.mkfifo(pipe)
    argv = [sys.executable, "-m", "mlv", "run", "sh", "-c", f"echo > {ready}; read x < {gate}"]
    with subprocess.Popen(argv, cwd=recorded.root) as process:
        ready.read_text()
        (path,) = _layout(recorded).live.glob("*/start.json")
        data = path.read_bytes()
        for offset in range(0, len(data), 97):
            _flip(path, offset)
            assert _kinds(_check(recorded, full=False).faults, repaired=False) == ["live-run"]
            path.write_bytes(data)
        assert _check(recorded).faults == ()
        gate.write_text("go\n")
        assert process.wait() == 0


def test_repaired_store_records_and_reads(recorded: Repository) -> None:
    for path in list_packs(_layout(recorded)):
        _flip(path, -1)
    _check(recorded, repair=True)
    recorded.shell("echo again > model.bin", outputs=["model.bin"], name="two")
    runs: list[Run] = list(recorded.runs())
    assert [run.name for run in runs] == ["one", "two"]
    assert _check(recorded).faults == ()


def test_fsck_of_a_read_only_store_works(recorded: Repository) -> None:
    root = _layout(recorded).root
    for name in ("lock", "turnstile"):
        (root / name).chmod(0o444)
    assert _check(recorded).faults == ()
