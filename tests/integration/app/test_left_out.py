"""What is declared or opened and not recorded: secrets, and what `.mlvignore` names."""

from __future__ import annotations

import sys

import pytest

from mlv.core.run import Input, Output
from mlv.store.trees import list_files
from tests.support.repository import Repository
from tests.support.stored_objects import read_all


@pytest.fixture
def project(repo: Repository) -> Repository:
    """A repository with data that Git ignores, a secret and a scratch file among it."""
    repo.write(".gitignore", "/data/\n/out/\n")
    repo.write("data/a.csv", "a\n")
    repo.write("data/conf/.env", "TOKEN=hunter2hunter2\n")
    repo.write("data/scratch/x.tmp", "scratch\n")
    repo.commit()
    return repo


def test_secret_in_a_declared_input_is_not_stored_and_listed(project: Repository) -> None:
    run = project.shell("true", inputs=["data"])

    (found,) = run.inputs
    assert _names(project, found) == {"data/a.csv", "data/scratch/x.tmp"}
    assert run.problems == (
        "data/conf/.env looks like a secret, and is not recorded as part of data",
    )
    assert not any(b"hunter2" in data for data in read_all(project.root / ".mlv"))


def test_allowed_secret_in_a_declared_input_is_stored(project: Repository) -> None:
    run = project.shell("true", inputs=["data"], allow_secrets=(".env",))

    assert "data/conf/.env" in _names(project, run.inputs[0])
    assert run.problems == ()


def test_secret_that_the_project_allows_is_stored(project: Repository) -> None:
    project.write("mlv.yaml", "allow_secrets: [data/conf/.env]\n")
    run = project.shell("true", inputs=["data"])

    assert "data/conf/.env" in _names(project, run.inputs[0])


def test_secret_in_a_declared_output_is_not_stored_and_listed(project: Repository) -> None:
    run = project.shell("mkdir out; echo 1 > out/model; echo k > out/prod.key", outputs=["out"])

    assert _names(project, run.outputs[0]) == {"out/model"}
    assert run.problems == ("out/prod.key looks like a secret, and is not recorded as part of out",)


def test_declared_secret_file_is_recorded_by_its_digest(project: Repository) -> None:
    run = project.shell("true", inputs=["data/conf/.env"])

    assert [(each.path, each.stored) for each in run.inputs] == [("data/conf/.env", False)]
    assert run.problems == ("data/conf/.env looks like a secret: only its digest is recorded",)
    assert not any(b"hunter2" in data for data in read_all(project.root / ".mlv"))


def test_allowed_secret_that_was_read_is_an_input(project: Repository) -> None:
    code = "open('data/conf/.env').read()"
    refused = project.run(sys.executable, "-c", code)
    allowed = project.run(sys.executable, "-c", code, allow_secrets=(".env",))

    assert (refused.inputs, len(refused.problems)) == ((), 1)
    assert [each.path for each in allowed.inputs] == ["data/conf/.env"]


def test_what_mlvignore_names_is_no_part_of_a_declared_directory(project: Repository) -> None:
    project.write(".mlvignore", "scratch/\n")
    run = project.shell("echo 1 > data/scratch/y.tmp", inputs=["data"], allow_secrets=(".env",))

    assert _names(project, run.inputs[0]) == {"data/a.csv", "data/conf/.env"}
    assert (run.inputs[0].changed, run.problems) == (False, ())


def test_whole_worktree_can_be_declared(project: Repository) -> None:
    run = project.shell("true", inputs=["."])

    assert _names(project, run.inputs[0]) >= {"data/a.csv", ".gitignore"}
    assert "data/conf/.env" not in _names(project, run.inputs[0])


def test_comparison_with_the_worktree_leaves_out_the_same(project: Repository) -> None:
    project.shell("true", inputs=["data"])

    assert "no difference" in project.mlv("diff", "last").stdout


def _names(repo: Repository, recorded: Input | Output) -> set[str]:
    assert recorded.fingerprint is not None
    return set(list_files(repo.open().objects, recorded.fingerprint, recorded.path))
