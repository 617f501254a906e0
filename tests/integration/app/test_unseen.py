"""What nobody saw being opened is found all the same, and what is not known is said."""

from __future__ import annotations

import subprocess
import sys

import pytest

from mlv.app.record.recover import Recovered, recover_runs
from tests.support.repository import Repository
from tests.support.stored_objects import read_all

# The shell opens the file, as native code would: no audit hook sees it.
WRITE = "import os; os.system('echo weights > model.pt')"


@pytest.fixture
def project(repo: Repository) -> Repository:
    repo.write(".gitignore", "model.pt\nmodels/\ndata/\n")
    repo.commit()
    return repo


def test_file_written_by_native_code_is_an_output(project: Repository) -> None:
    run = project.run(sys.executable, "-c", WRITE)

    assert [each.path for each in run.outputs] == ["model.pt"]
    assert run.problems == ()


def test_file_that_the_run_made_is_not_an_input(project: Repository) -> None:
    run = project.run(sys.executable, "-c", f"{WRITE}; open('model.pt').read()")

    assert run.inputs == ()
    assert [each.path for each in run.outputs] == ["model.pt"]


def test_file_that_was_there_before_is_no_output(project: Repository) -> None:
    project.write("model.pt", "old")
    run = project.run(sys.executable, "-c", "open('model.pt').read()")

    assert [each.path for each in run.inputs] == ["model.pt"]
    assert run.outputs == ()


def test_no_observe_looks_for_nothing(project: Repository) -> None:
    run = project.run(sys.executable, "-c", WRITE, observe=False)

    assert run.outputs == ()


def test_declared_output_that_was_not_written_is_a_problem(project: Repository) -> None:
    project.write("model.pt", "old")
    run = project.shell("true", outputs=["model.pt"])

    assert run.outputs == ()
    assert run.problems == ("output model.pt was declared, but the command did not write it",)


def test_tracked_file_edited_during_the_run_is_flagged(project: Repository) -> None:
    project.write("settings.txt", "1")
    project.commit()
    code = "import os; os.system('echo 2 > settings.txt'); open('settings.txt').read()"
    run = project.run(sys.executable, "-c", code)

    assert run.problems == (
        "settings.txt was edited after the run began: the snapshot holds it as it was before",
    )


def test_python_that_cannot_be_watched_is_flagged(project: Repository) -> None:
    run = project.run(sys.executable, "-I", "-c", "print()")

    assert run.problems == (
        "this Python could not be watched (python -I, -E or -S?): its inputs are not known",
    )


def test_params_that_are_not_finite_are_recorded(project: Repository) -> None:
    code = (
        "import mlv; run = mlv.start_run();"
        "run.log_params({'clip': float('inf'), 'nested': [{'x': float('nan')}]})"
    )
    run = project.run(sys.executable, "-c", code)

    assert run.params[-1].values == {"clip": "inf", "nested": [{"x": "nan"}]}
    workspace = project.open()
    from mlv.app.publish import read_invocation

    assert recover_runs(workspace, read_invocation(workspace, ("mlv",))) == Recovered()


def test_overlapping_runs_do_not_claim_what_neither_was_seen_to_write(project: Repository) -> None:
    code = f"{WRITE}; import subprocess, sys; subprocess.run([sys.executable, *{_inner()!r}])"
    outer = project.run(sys.executable, "-c", code)

    assert outer.outputs == ()
    assert outer.problems == (
        (
            "it is not known which of the runs that went on together wrote model.pt:"
            " declare outputs with --output"
        ),
    )


def test_reproduction_finds_the_directories_that_git_ignores(project: Repository) -> None:
    (project.root / "models").mkdir()
    project.run(sys.executable, "-c", "open('models/m.bin', 'w').write('1')")

    assert project.mlv("reproduce", "last").code == 0


def test_reproduction_runs_the_snapshot_of_an_editable_package(project: Repository) -> None:
    project.write("src/pkg/__init__.py", "def train(): open('model.pt', 'w').write('1')\n")
    project.commit()
    project.run(sys.executable, "-c", "import sys; sys.path.append('src'); import pkg; pkg.train()")
    project.write("src/pkg/__init__.py", "raise SystemExit(9)\n")

    assert project.mlv("reproduce", "last").code == 0


def _inner() -> list[str]:
    return ["-m", "mlv", "run", "-q", "true"]


def test_undo_can_replace_files_that_were_edited_since(project: Repository) -> None:
    project.write("notes.txt", "first\n")
    project.shell("true", name="one")
    project.write("notes.txt", "mine, nowhere else\n")
    assert project.mlv("rollback", "one", "--overwrite").code == 0
    project.write("notes.txt", "edited since\n")

    refused = project.mlv("undo")
    undone = project.mlv("undo", "--overwrite")

    assert refused.error == (
        3,
        (
            "error: files were edited since: notes.txt\n"
            "hint: go on with `mlv undo --overwrite`, which can be undone as well\n"
        ),
    )
    assert (undone.code, project.read("notes.txt")) == (0, "mine, nowhere else\n")
    again = undone.stdout.splitlines()[-1].split("`")[1].split()
    assert (
        subprocess.run(
            [sys.executable, "-m", *again], cwd=project.root, check=False, capture_output=True
        ).returncode
        == 0
    )
    assert project.read("notes.txt") == "edited since\n"


def test_secret_that_the_command_read_is_not_stored(project: Repository) -> None:
    project.write(".env", "KEY=sk-live-0123456789\n")
    run = project.run(sys.executable, "-c", "open('.env').read()")

    assert run.inputs == ()
    assert run.problems == (
        ".env looks like a secret: the command opened it, and it is not recorded",
    )
    stored = list(read_all(project.root / ".mlv"))
    assert len(stored) > 1
    assert not any(b"sk-live" in each for each in stored)
