"""What mlv sees a command read and write, without being told."""

from __future__ import annotations

import sys
import venv
from pathlib import Path

import pytest

from mlv.app.look.showing import read_environment
from mlv.core.paths import RepoPath
from mlv.core.run import Run
from tests.support.repository import Repository

_COPY = """\
import sys
open("model.bin", "w").write(open("data/a.csv").read())
"""


@pytest.fixture
def training(repo: Repository) -> Repository:
    """A repository whose script reads an ignored file and writes another."""
    repo.write(".gitignore", "data/\nmodel.bin\n")
    repo.write("data/a.csv", "1,2\n")
    repo.write("train.py", _COPY)
    repo.commit()
    return repo


def _inputs(run: Run) -> list[tuple[str, str]]:
    return [(each.path, each.source) for each in run.inputs]


def _outputs(run: Run) -> list[tuple[str, str]]:
    return [(each.path, each.source) for each in run.outputs]


def test_run_sees_what_python_reads_and_writes(training: Repository) -> None:
    run = training.run(sys.executable, "train.py")
    assert run.observed
    assert _inputs(run) == [("data/a.csv", "observed")]
    assert _outputs(run) == [("model.bin", "observed")]


def test_run_knows_that_a_declared_file_was_seen_as_well(training: Repository) -> None:
    run = training.run(sys.executable, "train.py", inputs=["data"], outputs=["model.bin"])
    assert _inputs(run) == [("data", "both")]
    assert _outputs(run) == [("model.bin", "both")]


def test_run_without_observing_claims_nothing(training: Repository) -> None:
    run = training.run(sys.executable, "train.py", observe=False)
    assert (run.observed, run.inputs, run.outputs) == (False, (), ())


def test_run_passes_over_what_mlvignore_names(training: Repository) -> None:
    training.write(".mlvignore", "data/\n*.bin\n")
    run = training.run(sys.executable, "train.py")
    assert (run.inputs, run.outputs) == ((), ())


def test_run_sees_python_below_a_shell_script(training: Repository) -> None:
    training.write("train.sh", f"#!/bin/sh\n{sys.executable} train.py\n", mode=0o755)
    run = training.run("./train.sh")
    assert (_inputs(run), _outputs(run)) == (
        [("data/a.csv", "observed")],
        [("model.bin", "observed")],
    )
    environment = read_environment(training.open(), run.environment)
    assert environment is not None
    assert environment.interpreter is not None
    assert environment.interpreter.version == ".".join(map(str, sys.version_info[:3]))


def test_run_flags_an_observed_input_that_the_command_itself_rewrote(training: Repository) -> None:
    training.write(
        "train.py",
        """\
        text = open("data/a.csv").read()
        open("data/a.csv", "w").write(text + "more")
        """,
    )
    run = training.run(sys.executable, "train.py")
    (changed,) = run.inputs
    assert (changed.path, changed.fingerprint, changed.changed) == ("data/a.csv", None, True)
    assert run.problems == (
        "input data/a.csv changed before mlv could record it (the command wrote to it)",
    )


def test_second_run_fingerprints_before_the_command_what_the_first_one_read(
    training: Repository,
) -> None:
    training.run(sys.executable, "train.py")
    training.write(
        "train.py",
        """\
        text = open("data/a.csv").read()
        open("data/a.csv", "w").write(text + "more")
        """,
    )
    run = training.run(sys.executable, "train.py")
    (changed,) = run.inputs
    assert changed.fingerprint is not None
    assert changed.after is not None
    assert (changed.changed, changed.stored) == (True, True)
    assert f"{changed.fingerprint.digest[:12]} -> {changed.after.digest[:12]}" in run.problems[0]


def test_run_records_the_environment_of_the_commands_interpreter(
    training: Repository, tmp_path: Path
) -> None:
    venv.create(tmp_path / "other", symlinks=True)
    run = training.run(str(tmp_path / "other/bin/python"), "train.py")
    environment = read_environment(training.open(), run.environment)
    assert environment is not None
    assert environment.interpreter is not None
    assert environment.interpreter.distributions == ()
    assert _outputs(run) == [("model.bin", "observed")]


def test_nested_run_is_recorded_by_itself(training: Repository) -> None:
    outer = training.shell(f"{sys.executable} -m mlv run -n inner {sys.executable} train.py")
    inner = training.find("inner")
    assert (outer.status, inner.status) == ("finished", "finished")
    assert _outputs(inner) == [("model.bin", "observed")]


def test_run_names_the_code_that_was_used(training: Repository) -> None:
    training.write("lib/scale.py", "FACTOR = 2\n")
    training.write("lib/unused.py", "FACTOR = 3\n")
    training.write("conf.yaml", "a: 1\n")
    training.write("train.py", "import lib.scale\nopen('conf.yaml').read()\n")
    training.commit()
    training.write("new.py", "import train\n")
    run = training.run(sys.executable, "new.py")

    assert sorted(run.code.used) == ["conf.yaml", "lib/scale.py", "new.py", "train.py"]
    assert run.code.used[RepoPath("conf.yaml")] == training.git("rev-parse", "HEAD:conf.yaml")


def test_run_does_not_list_very_many_tracked_files_as_code(training: Repository) -> None:
    for number in range(1001):
        training.write(f"images/{number}.png", str(number))
    training.write("train.py", "import glob\n[open(n).read() for n in glob.glob('images/*')]\n")
    training.commit()
    run = training.run(sys.executable, "train.py")

    assert sorted(run.code.used) == ["train.py"]
    assert run.inputs == ()


def test_run_records_the_files_of_a_directory_that_was_moved_in(training: Repository) -> None:
    code = (
        "import os, tempfile, shutil; place = tempfile.mkdtemp(dir='..');"
        "os.system(f'echo 1 > {place}/weights; echo 2 > {place}/config');"
        "os.rename(place, 'checkpoint')"
    )
    run = training.run(sys.executable, "-c", code)

    assert _outputs(run) == [("checkpoint/config", "observed"), ("checkpoint/weights", "observed")]
