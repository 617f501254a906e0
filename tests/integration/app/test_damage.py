"""Damage in the store leads to no wrong answer and no loss."""

from __future__ import annotations

from pathlib import Path

import pytest

from mlv.core.state import reduce_operations
from tests.support.repository import Repository
from tests.support.stored_objects import damage_object, remove_object


@pytest.fixture
def project(repo: Repository) -> Repository:
    for name in ("one", "two", "three"):
        repo.shell(f"echo {name} > out.txt", outputs=["out.txt"], name=name)
    return repo


def test_position_that_counts_a_damaged_run_is_refused(project: Repository) -> None:
    workspace = project.open()
    records = reduce_operations(workspace.operations.read()).runs
    two = project.find("two")
    remove_object(project.root / ".mlv", records[two.id].digest)
    before = project.state()

    assert project.mlv("rollback", "last~1", "--overwrite").code == 7
    assert project.mlv("show", "last").code == 0
    assert project.state() == before


def test_rollback_refuses_when_what_it_replaces_is_rotten_in_the_store(
    project: Repository,
) -> None:
    three = project.find("three")
    damage_object(project.root / ".mlv", three.outputs[0].fingerprint.digest)

    assert project.mlv("rollback", "one", "--overwrite").code == 7
    assert project.read("out.txt") == "three\n"


def test_journal_of_a_worktree_that_is_gone_stops_nobody(
    project: Repository, tmp_path: Path
) -> None:
    from mlv.app.restore.change import Journal
    from mlv.core.canonical import encode_record
    from mlv.core.operation import WorktreeChange

    workspace = project.open()
    with workspace.objects.transaction() as objects:
        change = objects.add_record(WorktreeChange(files=()))
    journal = Journal(root=str(tmp_path / "gone"), change=change, n_operations=3)
    workspace.layout.worktree_journal.write_bytes(encode_record(journal))

    done = project.mlv("log")

    assert (done.code, done.stderr.splitlines()[0]) == (
        0,
        (
            f"warning: a change of files in {tmp_path / 'gone'} was cut short,"
            " and that worktree is gone"
        ),
    )
    assert project.mlv("log").stderr == ""


def test_clone_id_that_is_none_is_refused(project: Repository) -> None:
    (project.root / ".mlv/clone").write_text("../../evil\n")

    assert project.mlv("run", "true").code == 125
    assert project.mlv("log").code == 7


def test_empty_directories_that_a_copy_lost_are_made_again(project: Repository) -> None:
    for name in ("live", "tmp", "quarantine"):
        (project.root / ".mlv" / name).rmdir()

    assert project.mlv("run", "-q", "true").code == 0
    assert project.mlv("recover").code == 0
