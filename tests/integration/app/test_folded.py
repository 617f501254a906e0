"""Scripts that read or write many files: short records, and every file in them."""

from __future__ import annotations

import sys

import pytest

from mlv.app.look.comparing import compare_runs
from mlv.core.paths import RepoPath
from mlv.core.run import Input, Output
from mlv.store.trees import list_files
from tests.support.repository import Repository
from tests.support.restoring import roll_back, undo

_READ = """\
import glob, sys
names = sorted(glob.glob("images/*/*.png"))
for name in names:
    open(name).read()
"""


@pytest.fixture
def training(repo: Repository) -> Repository:
    """A repository whose script reads 70 of 71 files in two directories."""
    repo.write(".gitignore", "/images/\n/out/\n")
    repo.write("train.py", _READ)
    for number in range(70):
        repo.write(f"images/{'even' if number % 2 == 0 else 'odd'}/{number}.png", str(number))
    repo.commit()
    return repo


def test_many_files_are_one_input(training: Repository) -> None:
    run = training.run(sys.executable, "train.py")

    (found,) = run.inputs
    assert (found.path, found.source, found.partial, found.changed) == (
        "images",
        "observed",
        False,
        False,
    )
    assert len(_listed(training, found)) == 70
    assert run.problems == ()


def test_unread_file_beside_makes_the_input_partial(training: Repository) -> None:
    training.write("images/odd/notes.txt", "not read")
    (found,) = training.run(sys.executable, "train.py").inputs

    assert found.partial
    assert "images/odd/notes.txt" not in _listed(training, found)


def test_ignored_and_tracked_files_beside_do_not_make_it_partial(training: Repository) -> None:
    training.write(".mlvignore", "notes.txt\n")
    training.write("images/odd/notes.txt", "not read")
    training.write("images/even/README.md", "tracked")
    training.git("add", "--force", "images/even/README.md")
    training.commit()
    (found,) = training.run(sys.executable, "train.py").inputs

    assert not found.partial


def test_second_run_has_the_same_record(training: Repository) -> None:
    first = training.run(sys.executable, "train.py")
    second = training.run(sys.executable, "train.py")

    assert (second.inputs, second.problems) == (first.inputs, first.problems)


def test_file_that_changed_during_the_first_run_is_an_input_of_its_own(
    training: Repository,
) -> None:
    training.write("train.py", _READ + "open('images/odd/7.png', 'w').write('new')\n")
    run = training.run(sys.executable, "train.py")

    folded, changed = run.inputs
    assert (changed.path, changed.changed, changed.fingerprint) == ("images/odd/7.png", True, None)
    assert len(_listed(training, folded)) == 69
    assert run.problems == (
        "input images/odd/7.png changed before mlv could record it (the command wrote to it)",
    )


def test_file_that_changed_during_a_later_run_has_both_digests(training: Repository) -> None:
    training.run(sys.executable, "train.py")
    training.write("train.py", _READ + "open('images/odd/7.png', 'w').write('new')\n")
    run = training.run(sys.executable, "train.py")

    _, changed = run.inputs
    assert changed.fingerprint is not None
    assert changed.after is not None
    expected = (
        "input images/odd/7.png changed (the command wrote to it): "
        f"{changed.fingerprint.digest[:12]} -> {changed.after.digest[:12]}"
    )
    assert run.problems == (expected,)


def test_file_that_was_only_touched_is_no_problem(training: Repository) -> None:
    training.run(sys.executable, "train.py")
    training.write("train.py", _READ + "import os; os.utime('images/odd/7.png')\n")
    run = training.run(sys.executable, "train.py")

    assert ([each.path for each in run.inputs], run.problems) == (["images"], ())


def test_file_that_was_deleted_during_the_run_is_an_input_of_its_own(
    training: Repository,
) -> None:
    training.run(sys.executable, "train.py")
    training.write("train.py", _READ + "import os; os.remove('images/odd/7.png')\n")
    run = training.run(sys.executable, "train.py")

    _, gone = run.inputs
    assert (gone.path, gone.changed, gone.after) == ("images/odd/7.png", True, None)
    assert gone.fingerprint is not None


def test_new_and_missing_files_of_a_later_run_are_just_that(training: Repository) -> None:
    training.run(sys.executable, "train.py")
    training.write("images/odd/new.png", "new")
    (training.root / "images/odd/7.png").unlink()
    (found,) = training.run(sys.executable, "train.py").inputs

    listed = _listed(training, found)
    assert "images/odd/new.png" in listed
    assert "images/odd/7.png" not in listed


def test_many_written_files_are_one_output(training: Repository) -> None:
    run = training.run(sys.executable, "-c", _write(70))

    (output,) = run.outputs
    assert (output.path, output.source) == ("out", "observed")
    assert len(_listed(training, output)) == 70


def test_rollback_brings_the_listed_files_back_and_leaves_the_others(
    training: Repository,
) -> None:
    training.run(sys.executable, "train.py", name="one")
    training.write("images/odd/7.png", "edited")
    training.write("images/odd/other.txt", "mine")
    (training.root / "images/even/8.png").unlink()
    roll_back(training, "one", overwrite=True)

    assert training.read("images/odd/7.png") == "7"
    assert training.read("images/even/8.png") == "8"
    assert training.read("images/odd/other.txt") == "mine"


def test_rollback_of_many_outputs_leaves_what_else_is_there(training: Repository) -> None:
    training.run(sys.executable, "-c", _write(70), name="one")
    training.write("out/3", "edited")
    training.write("out/mine", "mine")
    roll_back(training, "one", overwrite=True)

    assert (training.read("out/3"), training.read("out/mine")) == ("3", "mine")


def test_reproduction_gets_the_files_that_were_read(training: Repository) -> None:
    training.write("images/odd/notes.txt", "not read")
    training.write("train.py", _READ + "open('n.txt', 'w').write(str(len(names)))\n")
    training.run(sys.executable, "train.py")
    for path in sorted((training.root / "images").rglob("*.png")):
        path.unlink()
    done = training.mlv("reproduce", "last")

    assert (done.code, training.runs()[-1].inputs[0].partial) == (0, False)


def test_reproduction_leaves_code_beside_many_outputs_in_place(training: Repository) -> None:
    training.write("out/scale.txt", "2")
    training.git("add", "--force", "out/scale.txt")
    training.commit()
    training.run(sys.executable, "-c", f"open('out/scale.txt').read(); {_write(70)}")

    assert training.mlv("reproduce", "last").code == 0


def test_comparison_with_the_worktree_looks_at_the_listed_files(training: Repository) -> None:
    training.write("images/odd/notes.txt", "not read")
    training.run(sys.executable, "train.py")
    training.write("images/odd/notes.txt", "still not read")
    same = compare_runs(training.open(), "last", None, patch=False)
    training.write("images/odd/7.png", "edited")
    differs = compare_runs(training.open(), "last", None, patch=False)

    assert same.files == ()
    (diff,) = differs.files
    assert [change.path for change in diff.files] == ["images/odd/7.png"]


def test_undo_of_a_rollback_removes_the_directories_that_it_made(training: Repository) -> None:
    run = "mkdir -p out/empty/inner; echo 1 > out/model"
    training.shell(run, outputs=["out"], name="one")
    for path in ("out/empty/inner", "out/empty"):
        (training.root / path).rmdir()
    roll_back(training, "one")
    came_back = (training.root / "out/empty/inner").is_dir()
    undo(training)

    assert came_back
    assert not (training.root / "out/empty").exists()


def _write(count: int) -> str:
    return (
        "import os; os.makedirs('out', exist_ok=True);"
        f"[open(f'out/{{n}}', 'w').write(str(n)) for n in range({count})]"
    )


def _listed(repo: Repository, recorded: Input | Output) -> set[RepoPath]:
    assert recorded.fingerprint is not None
    return set(list_files(repo.open().objects, recorded.fingerprint, recorded.path))


def test_comparison_of_runs_that_list_the_same_files_in_other_directories(
    training: Repository,
) -> None:
    training.run(sys.executable, "train.py", name="all")
    training.write("images/classes.txt", "even odd")
    few = _READ.replace("images/*/*.png", "images/*/*0.png")
    training.write("train.py", f"{few}open('images/classes.txt').read()\n")
    training.run(sys.executable, "train.py", name="few")
    diff = compare_runs(training.open(), "all", "few", patch=False)

    (found,) = diff.files
    assert found.path == "images"
    assert {change.path for change in found.files if change.before is None} == {
        "images/classes.txt"
    }
    assert sum(change.after is None for change in found.files) == 63


def test_comparison_of_runs_that_list_the_same_files_once_alone_finds_nothing(
    training: Repository,
) -> None:
    training.run(sys.executable, "train.py", name="one")
    training.write("train.py", _READ + "open('images/odd/7.png', 'w').write('new')\n")
    training.run(sys.executable, "train.py", name="two")

    files = compare_runs(training.open(), "one", "two", patch=False).files
    assert [each.path for each in files if each.role == "input"] == []
