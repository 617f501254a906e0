"""Data behind symbolic links, as on machines with a disk for data."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from mlv.app.publish import read_invocation
from mlv.app.reporter import SilentReporter
from mlv.app.reproduce.reproducing import ReproduceRequest, reproduce
from mlv.app.restore.rollback import RollbackRequest, plan_rollback
from mlv.core.digest import digest_of
from mlv.core.run import Run
from tests.support.repository import Repository


@pytest.fixture
def disk(tmp_path: Path) -> Path:
    """A directory outside the repository, with data in it."""
    disk = tmp_path / "disk"
    disk.mkdir()
    (disk / "a.csv").write_text("1\n")
    return disk


@pytest.fixture
def linked(repo: Repository, disk: Path) -> Repository:
    """A repository in which `data` and `b.csv` are committed links to the disk."""
    (repo.root / "data").symlink_to(disk)
    (repo.root / "b.csv").symlink_to(disk / "a.csv")
    repo.commit()
    return repo


def _verdict(repo: Repository) -> str:
    workspace = repo.open()
    invocation = read_invocation(workspace, ("mlv", "reproduce"))
    request = ReproduceRequest(reference="last")
    return reproduce(workspace, request, invocation, SilentReporter()).verdict


def _inputs(run: Run) -> dict[str, tuple[str, str]]:
    return {
        each.path: (each.fingerprint.kind, each.fingerprint.digest)
        for each in run.inputs
        if each.fingerprint
    }


def test_observed_input_behind_a_link_is_recorded_by_content(linked: Repository) -> None:
    run = linked.run(sys.executable, "-c", "open('data/a.csv').read(); open('b.csv').read()")
    content = ("file", digest_of(b"1\n"))
    assert _inputs(run) == {"b.csv": content, "data/a.csv": content}


def test_declared_input_behind_a_link_is_recorded_by_content(
    linked: Repository, disk: Path
) -> None:
    run = linked.shell(f"echo 2 > {disk}/a.csv", inputs=["data", "b.csv"])
    assert {path: kind for path, (kind, _) in _inputs(run).items()} == {
        "b.csv": "file",
        "data": "dir",
    }
    assert [each.changed for each in run.inputs] == [True, True]


def test_output_behind_a_link_is_recorded_by_content(linked: Repository) -> None:
    (linked.root / "out").symlink_to(linked.root.parent / "disk")
    run = linked.shell("echo x > out/model", outputs=["out"])
    assert [(each.path, each.fingerprint.kind) for each in run.outputs] == [("out", "dir")]


def test_reproduction_neither_reads_nor_writes_behind_links(linked: Repository, disk: Path) -> None:
    linked.run(
        sys.executable,
        "-c",
        "open('data/out.txt', 'w').write(open('data/a.csv').read() + open('b.csv').read())",
    )
    (disk / "a.csv").write_text("other\n")
    (disk / "out.txt").write_text("mine\n")
    assert _verdict(linked) == "identical"
    assert (disk / "out.txt").read_text() == "mine\n"


def test_rollback_finds_content_behind_a_link_in_place(linked: Repository) -> None:
    linked.run(sys.executable, "-c", "open('data/a.csv').read(); open('b.csv').read()")
    plan = plan_rollback(linked.open(), RollbackRequest(reference="last"))
    assert plan.files == ()


def test_rollback_finds_a_link_inside_an_output_in_place(repo: Repository) -> None:
    repo.shell("mkdir out; echo 1 > out/step-1; ln -s step-1 out/latest", outputs=["out"])
    plan = plan_rollback(repo.open(), RollbackRequest(reference="last"))
    assert plan.files == ()


def test_rollback_leaves_data_behind_a_link_and_brings_the_rest_back(linked: Repository) -> None:
    (linked.root / "far").symlink_to(linked.root.parent / "disk")
    linked.write("far/x.csv", "1\n")
    linked.shell("true", inputs=["far/x.csv"], name="first")
    linked.write("far/x.csv", "2\n")
    linked.write("params.yaml", "lr: 9\n")

    done = linked.mlv("rollback", "first", "--overwrite")

    assert (done.code, done.stderr.splitlines()[0]) == (
        0,
        "warning: data behind a symbolic link was left as is: far/x.csv",
    )
    assert linked.read("far/x.csv") == "2\n"
    assert linked.read("params.yaml") != "lr: 9\n"
