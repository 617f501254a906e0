"""What is declared or opened and not recorded: secrets, and what `.mlvignore` names."""

from __future__ import annotations

import sys

import pytest

from mlv.core.run import Input, Output
from mlv.store.trees import list_files
from tests.support.repository import Repository
from tests.support.stored_objects import read_all

# Put together here, so that no scanner takes this file for a leak.
_TOKEN = "ghp" + "_" + "Q1w2" * 9


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


def test_untracked_file_that_holds_a_secret_is_read_and_not_stored(project: Repository) -> None:
    project.write("notes.csv", f"key {_TOKEN}\n")
    code = "open('notes.csv').read()"
    project.run(sys.executable, "-c", code)
    run = project.run(sys.executable, "-c", code)

    assert [(each.path, each.stored) for each in run.inputs] == [("notes.csv", False)]
    assert any("notes.csv holds what looks like a secret" in each for each in run.problems)
    assert not any(_TOKEN.encode() in data for data in read_all(project.root / ".mlv"))


def test_untracked_file_that_holds_a_secret_is_no_output(project: Repository) -> None:
    project.write("notes.csv", f"key {_TOKEN}\n")
    run = project.run(sys.executable, "-c", "open('notes.csv', 'a').write('more')")

    assert run.outputs == ()
    assert any(each.startswith("notes.csv looks like a secret") for each in run.problems)
    assert not any(_TOKEN.encode() in data for data in read_all(project.root / ".mlv"))


@pytest.mark.parametrize("inputs", [["data/conf.yaml"], []])
def test_settings_that_hold_a_secret_are_recorded_by_their_digest(
    project: Repository, inputs: list[str]
) -> None:
    project.write("data/conf.yaml", f"hub: {_TOKEN}\n")
    code = "open('data/conf.yaml').read()"
    project.run(sys.executable, "-c", code, inputs=inputs)
    run = project.run(sys.executable, "-c", code, inputs=inputs)

    (found,) = run.inputs
    assert (found.path, found.stored) == ("data/conf.yaml", False)
    assert found.fingerprint is not None
    assert run.problems == (
        (
            "data/conf.yaml holds what looks like a secret (GitHub token): only its digest is"
            " recorded; if it is none: --allow-secret data/conf.yaml"
        ),
    )
    assert not any(_TOKEN.encode() in data for data in read_all(project.root / ".mlv"))


def test_settings_that_hold_an_allowed_secret_are_stored(project: Repository) -> None:
    project.write("data/conf.yaml", f"hub: {_TOKEN}\n")
    run = project.run(
        sys.executable, "-c", "open('data/conf.yaml').read()", allow_secrets=("data/conf.yaml",)
    )

    assert [(each.path, each.stored) for each in run.inputs] == [("data/conf.yaml", True)]
    assert run.problems == ()


def test_settings_among_many_files_that_hold_a_secret_are_not_stored(project: Repository) -> None:
    for n in range(70):
        project.write(f"data/many/{n}.csv", f"{n}\n")
    project.write("data/many/conf.json", f'{{"hub": "{_TOKEN}"}}\n')
    code = "import glob; [open(name).read() for name in glob.glob('data/many/*')]"
    project.run(sys.executable, "-c", code)
    run = project.run(sys.executable, "-c", code)

    assert [(each.path, each.stored) for each in run.inputs] == [
        ("data/many", True),
        ("data/many/conf.json", False),
    ]
    assert not any(_TOKEN.encode() in data for data in read_all(project.root / ".mlv"))


def test_settings_in_a_declared_input_that_hold_a_secret_are_left_out(project: Repository) -> None:
    project.write("data/conf/hub.toml", f'hub = "{_TOKEN}"\n')
    run = project.shell("true", inputs=["data"], allow_secrets=(".env",))

    assert "data/conf/hub.toml" not in _names(project, run.inputs[0])
    assert run.problems == (
        (
            "data/conf/hub.toml holds what looks like a secret (GitHub token): it is not recorded"
            " as part of data; if it is none: --allow-secret data/conf/hub.toml"
        ),
    )


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
