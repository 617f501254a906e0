from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.repository import Done, Repository

_TRAIN = """\
from pathlib import Path
import helper
Path("model.txt").write_text(Path("data/a.csv").read_text() + Path("params.yaml").read_text())
with open("count", "a") as file:
    file.write("x")
"""


@pytest.fixture
def done(repo: Repository) -> Repository:
    """Return a repository with one finished run, whose count of executions is ignored."""
    repo.write(".gitignore", "data/\ncount\n")
    repo.write(".mlvignore", "count\n")
    repo.write("train.py", _TRAIN)
    repo.write("helper.py", "")
    repo.write("other.py", "")
    repo.write("data/a.csv", "rows\n")
    repo.commit("code")
    assert _reuse(repo).code == 0
    return repo


def _reuse(repo: Repository, *options: str) -> Done:
    return repo.mlv("run", "--reuse", *options, sys.executable, "train.py")


def _count(repo: Repository) -> int:
    return len(repo.read("count"))


def test_same_run_is_reused(done: Repository) -> None:
    (run,) = done.runs()
    again = _reuse(done)

    assert (again.code, _count(done), len(done.runs())) == (0, 1, 1)
    assert again.stderr.startswith(f"note: reused run {run.name} of ")
    assert again.stderr.endswith(
        ": the same command, params, 1 input, code (2 files) and environment"
        " (packages and the variables that mlv records); its outputs are there\n"
    )


def test_missing_output_is_put_back(done: Repository) -> None:
    (done.root / "model.txt").unlink()

    again = _reuse(done)

    assert "; 1 file was put back\n" in again.stderr
    assert (done.read("model.txt"), _count(done)) == ("rows\nlr: 0.1\n", 1)


def test_change_that_cannot_matter_is_passed_over(done: Repository) -> None:
    done.write("other.py", "print('never imported')\n")
    done.write("params.yaml", "lr: 0.1  # only a comment\n")
    done.commit("elsewhere")

    assert (_reuse(done).code, _count(done)) == (0, 1)


def _edit(name: str, text: str) -> Callable[[Repository], None]:
    return lambda repo: (repo.write(name, text), None)[1]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (_edit("helper.py", "x = 1\n"), "code in helper.py"),
        (_edit("train.py", _TRAIN + "\n"), "code in train.py"),
        (_edit("params.yaml", "lr: 0.2\n"), "params of params.yaml"),
        (_edit("params.yaml", "lr: 0.10\nwd: 1\n"), "params of params.yaml"),
        (_edit("data/a.csv", "more\n"), "input data/a.csv"),
        (_edit("data/b.csv", "new\n"), "new file data/b.csv beside its inputs"),
        (_edit("model.txt", "mine\n"), "changes that no commit and no run holds"),
    ],
)
def test_change_that_can_matter_makes_it_run(
    done: Repository, change: Callable[[Repository], None], reason: str
) -> None:
    (run,) = done.runs()
    change(done)

    again = _reuse(done)

    first = again.stderr.splitlines()[0]
    assert first.startswith("note: nothing to reuse: ")
    assert reason in first
    assert run.name in first
    assert (_count(done), len(done.runs())) == (2, 2)


def test_other_environment_makes_it_run(done: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "3")

    assert "variable OMP_NUM_THREADS: unset -> 3" in _reuse(done).stderr
    assert _count(done) == 2


def test_other_declared_input_makes_it_run(done: Repository) -> None:
    done.write("data/c.json", "{}")
    again = _reuse(done, "-i", "data/c.json")

    assert "it had no input data/c.json" in again.stderr


def test_older_run_is_found_behind_a_newer_one(done: Repository) -> None:
    (first,) = done.runs()
    done.write("params.yaml", "lr: 0.2\n")
    _reuse(done)
    done.write("params.yaml", "lr: 0.1\n")

    again = _reuse(done)

    assert f"reused run {first.name} of" in again.stderr
    assert done.read("model.txt") == "rows\nlr: 0.1\n"


def test_failed_run_is_not_reused(repo: Repository) -> None:
    argv = ("run", "--reuse", "sh", "-c", "exit 3")
    repo.mlv(*argv)

    again = repo.mlv(*argv)

    assert again.code == 3
    assert "no earlier run of this command finished" in again.stderr


def test_run_that_nobody_watched_is_not_reused(repo: Repository) -> None:
    argv = ("run", "--reuse", "--no-observe", "true")
    repo.mlv(*argv)

    assert "it was not observed, and no input was declared" in repo.mlv(*argv).stderr


def test_unwatched_run_with_declared_inputs_is_reused_while_all_code_is_the_same(
    repo: Repository,
) -> None:
    repo.write("tool.sh", "cat in.txt > out.txt; date +%N >> out.txt\n")
    repo.write("in.txt", "1\n")
    repo.commit("tool")
    argv = ("run", "--reuse", "-i", "in.txt", "-o", "out.txt", "sh", "tool.sh")
    repo.mlv(*argv)

    assert "reused run" in repo.mlv(*argv).stderr
    repo.write("unrelated.py", "")
    assert "code in unrelated.py" in repo.mlv(*argv).stderr


def test_run_without_the_option_is_never_skipped(done: Repository) -> None:
    done.mlv("run", "-q", sys.executable, "train.py")

    assert _count(done) == 2


def test_stage_with_params_to_set_is_reused_in_isolation(done: Repository) -> None:
    done.write("mlv.yaml", f"stages: {{train: {{cmd: {sys.executable} train.py}}}}\n")
    done.commit("stage")
    argv = ("run", "--reuse", "--isolated", "-i", "data", "--set", "lr=0.9", "train")
    first = done.mlv(*argv)
    model = Path(done.root / "model.txt")
    model.unlink()

    again = done.mlv(*argv)

    assert ("recorded run" in first.stderr, "reused run" in again.stderr) == (True, True)
    assert model.read_text() == "rows\nlr: 0.9\n"


_RUNS_CAT = """\
import subprocess
open("out.txt", "wb").write(subprocess.check_output(["cat", "words.txt"]))
"""
_RUNS_LINE = """\
import os
os.system("wc -l words.txt | tee out.txt")
"""
_ASKS = """\
import os, platform, subprocess
platform.processor()
subprocess.check_output("git rev-parse HEAD", shell=True)
subprocess.run([os.environ.get("PYTHON", "python3"), "-c", "pass"], check=True)
open("out.txt", "w").write(open("words.txt").read())
"""
_LISTS = """\
import importlib.metadata, os
list(importlib.metadata.distributions())
os.makedirs("made", exist_ok=True)
open("made/out.txt", "w").write(" ".join(sorted(os.listdir("data"))))
os.listdir("made")
"""
_WALKS = """\
import os
open("out.txt", "w").write(str(sorted(name for _, _, files in os.walk("data") for name in files)))
"""


def _run_script(repo: Repository, text: str, *options: str) -> tuple[str, ...]:
    """Run a script twice, and return what is needed to run it again."""
    repo.write(".gitignore", "data/\nmade/\nwords.txt\nout.txt\n")
    repo.write("script.py", text)
    repo.write("words.txt", "one\n")
    repo.commit("script")
    argv = ("run", "--reuse", *options, sys.executable, "script.py")
    assert repo.mlv(*argv).code == 0
    return argv


@pytest.mark.parametrize(("text", "name"), [(_RUNS_CAT, "cat"), (_RUNS_LINE, "sh")])
def test_run_that_started_another_program_is_not_reused(
    repo: Repository, text: str, name: str
) -> None:
    argv = _run_script(repo, text)
    (run,) = repo.runs()

    again = repo.mlv(*argv)

    assert run.helpers == (name,)
    assert (
        f"run {run.name} differs: it started `{name}`, and what that read is not known:"
        " declare inputs with --input\n" in again.stderr
    )


def test_declared_inputs_vouch_for_what_another_program_read(repo: Repository) -> None:
    argv = _run_script(repo, _RUNS_CAT, "-i", "words.txt")

    assert "reused run" in repo.mlv(*argv).stderr
    repo.write("words.txt", "two\n")
    assert "input words.txt" in repo.mlv(*argv).stderr


def test_programs_that_ask_about_the_machine_are_no_obstacle(repo: Repository) -> None:
    argv = _run_script(repo, _ASKS)

    assert repo.runs()[0].helpers == ()
    assert "reused run" in repo.mlv(*argv).stderr


def test_command_of_another_program_is_not_reused(repo: Repository) -> None:
    _run_script(repo, "print()")
    argv = ("run", "--reuse", "sh", "-c", f"cat words.txt > w; {sys.executable} script.py")
    repo.mlv(*argv)

    assert "it started `sh`, and what that read is not known" in repo.mlv(*argv).stderr


@pytest.mark.parametrize("text", [_LISTS, _WALKS])
def test_file_that_was_added_to_a_listed_directory_makes_it_run(
    repo: Repository, text: str
) -> None:
    repo.write("data/inner/a.bin", "")
    argv = _run_script(repo, text)

    assert "reused run" in repo.mlv(*argv).stderr
    repo.write("data/b.bin", "")
    assert "directory data has other files" in repo.mlv(*argv).stderr
    assert "reused run" in repo.mlv(*argv).stderr
    (repo.root / "data/b.bin").unlink()
    assert "reused run" in repo.mlv(*argv).stderr


def test_many_listed_directories_are_one(repo: Repository) -> None:
    for number in range(250):
        repo.write(f"data/{number}/a.bin", "")
    argv = _run_script(repo, _WALKS)

    ((path, listing),) = repo.runs()[0].listed.items()
    assert (path, listing.deep) == ("data", True)
    assert "reused run" in repo.mlv(*argv).stderr
    repo.write("data/7/b.bin", "")
    assert "directory data has other files" in repo.mlv(*argv).stderr


@pytest.mark.parametrize(
    ("text", "readers"),
    [
        ("def read():\n    from polars import read_csv\nimport polars", ("polars",)),
        ("import reading", ()),
        ("polars = 1", ()),
    ],
)
def test_run_that_uses_a_native_reader_is_not_reused(
    repo: Repository, monkeypatch: pytest.MonkeyPatch, text: str, readers: tuple[str, ...]
) -> None:
    site = repo.root.parent / "site-packages"
    site.mkdir()
    (site / "polars.py").write_text("read_csv = open\n")
    (site / "reading.py").write_text("import polars\n")
    monkeypatch.setenv("PYTHONPATH", str(site))
    argv = _run_script(repo, text)

    again = repo.mlv(*argv)

    assert repo.runs()[0].native_readers == readers
    reason = "it uses polars, which opens files on its own: declare inputs with --input"
    assert (reason in again.stderr) == bool(readers)
    assert ("reused run" in again.stderr) != bool(readers)
