"""Two runs in one worktree at the same time."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from mlv.core.digest import digest_of
from mlv.core.run import Run
from tests.support.repository import Repository

_WRITE = "open('model.bin', 'w').write('{}')"


@pytest.fixture
def project(repo: Repository) -> Repository:
    repo.write(".gitignore", "*.bin\n")
    repo.commit()
    return repo


def test_output_of_two_runs_is_flagged_in_the_second_to_end(project: Repository) -> None:
    outer = _around(project, _WRITE.format("outer"), ["-n", "inner"], _WRITE.format("inner"))

    assert [each.path for each in outer.outputs] == ["model.bin"]
    digest = digest_of(b"inner")[:12]
    assert outer.problems == (
        (
            "run inner wrote model.bin as well, while both went on: the content may be of either"
            f" (recorded here as {digest}, there as {digest})"
        ),
    )


def test_output_of_two_runs_is_flagged_in_the_first_to_end(project: Repository) -> None:
    _around(project, _WRITE.format("outer"), ["-n", "inner"], _WRITE.format("inner"), name="outer")

    assert project.find("inner").problems == (
        (
            "run outer wrote model.bin as well, while both went on: the content may be of either"
            f" (recorded here as {digest_of(b'inner')[:12]})"
        ),
    )


def test_declared_output_of_two_runs_is_flagged(project: Repository) -> None:
    inner = ["-n", "inner", "-o", "model.bin"]
    outer = _around(
        project, _WRITE.format("outer"), inner, _WRITE.format("inner"), outputs=["model.bin"]
    )

    assert any("run inner wrote model.bin as well" in problem for problem in outer.problems)
    assert any("wrote model.bin as well" in problem for problem in project.find("inner").problems)


def test_outputs_of_two_runs_that_differ_are_no_problem(project: Repository) -> None:
    inner = "open('other.bin', 'w').write('inner')"
    outer = _around(project, _WRITE.format("outer"), ["-n", "inner"], inner)

    assert [each.path for each in outer.outputs] == ["model.bin"]
    assert (outer.problems, project.find("inner").problems) == ((), ())


def test_many_runs_that_write_files_of_their_own_are_no_problem(project: Repository) -> None:
    code = "import sys; open(sys.argv[1], 'w').write(sys.argv[1])"
    command = [sys.executable, "-m", "mlv", "run", "-q"]
    runs = [
        subprocess.Popen([*command, sys.executable, "-c", code, f"{n}.bin"], cwd=project.root)
        for n in range(4)
    ]
    assert [run.wait() for run in runs] == [0] * 4

    found = sorted((run.outputs[0].path, run.problems) for run in project.runs())
    assert found == [(f"{n}.bin", ()) for n in range(4)]


def test_run_is_noted_to_have_ended_when_its_command_did(project: Repository) -> None:
    """Its duration begins with the command, which is later than the run."""
    project.run(sys.executable, "-c", _WRITE.format("first"))

    lines = project.open().layout.cache.joinpath("ended.jsonl").read_text().splitlines()
    written_ns = project.root.joinpath("model.bin").stat().st_mtime_ns
    assert json.loads(lines[-1])["ended_ns"] >= written_ns


def test_run_after_another_is_not_beside_it(project: Repository) -> None:
    project.run(sys.executable, "-c", _WRITE.format("first"))
    second = project.run(sys.executable, "-c", _WRITE.format("second"))

    assert second.problems == ()


def test_run_in_another_worktree_is_not_beside_it(project: Repository, tmp_path: Path) -> None:
    project.git("worktree", "add", "--quiet", str(tmp_path / "linked"))
    code = (
        f"import subprocess, sys; {_WRITE.format('outer')};"
        "subprocess.run([sys.executable, '-m', 'mlv', 'run', '-q', '-n', 'inner', sys.executable,"
        f" '-c', {_WRITE.format('inner')!r}], cwd={str(tmp_path / 'linked')!r}, check=True)"
    )
    outer = project.run(sys.executable, "-c", code)

    assert (outer.problems, project.find("inner").problems) == ((), ())


def test_damaged_notes_on_ended_runs_are_passed_over(project: Repository) -> None:
    project.open().layout.cache.joinpath("ended.jsonl").write_bytes(b'{"run": 1}\n\xff\nx')
    run = project.run(sys.executable, "-c", _WRITE.format("first"))

    assert run.problems == ()


def _around(
    repo: Repository,
    before: str,
    options: list[str],
    inner: str,
    **request: Any,  # noqa: ANN401
) -> Run:
    """Run Python that writes, and then records another run."""
    command = [sys.executable, "-m", "mlv", "run", "-q", *options, sys.executable, "-c", inner]
    code = f"import subprocess; {before}; subprocess.run({command!r}, check=True)"
    return repo.run(sys.executable, "-c", code, **request)
