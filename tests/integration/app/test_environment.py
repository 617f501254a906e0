from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from mlv.app.look.comparing import compare_runs
from mlv.core.digest import digest_of
from mlv.core.environment import Distribution, Environment
from mlv.core.run import Run
from tests.support.repository import Repository
from tests.support.stored_objects import damage_object


def _environment(repo: Repository, run: Run) -> Environment:
    assert run.environment is not None
    return repo.open().objects.read_record(run.environment, Environment)


def _package(repo: Repository, run: Run, name: str) -> Distribution:
    interpreter = _environment(repo, run).interpreter
    assert interpreter is not None
    return next(each for each in interpreter.distributions if each.name == name)


@pytest.fixture
def other(tmp_path: Path) -> Repository:
    """A repository with two packages in it."""
    root = tmp_path / "other"
    root.mkdir()
    other = Repository(root)
    other.git("init", "--quiet")
    other.write("one/one.py", "X = 1\n")
    other.write("two/two.py", "X = 2\n")
    other.commit()
    return other


def _install_editable(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, sources: dict[str, Path]
) -> None:
    """Install packages in editable mode for every Python that this process starts."""
    site = tmp_path / "site"
    for name, source in sources.items():
        info = site / f"{name}-1.0.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text(f"Name: {name}\nVersion: 1.0\n")
        origin = {"url": source.as_uri(), "dir_info": {"editable": True}}
        (info / "direct_url.json").write_text(json.dumps(origin))
    monkeypatch.setenv("PYTHONPATH", str(site))


def test_equal_environments_are_one_object(repo: Repository) -> None:
    runs = [repo.run(sys.executable, "-c", f"print({number})") for number in range(2)]

    assert runs[0].environment == runs[1].environment


def test_editable_package_has_its_commit(
    repo: Repository, other: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sources = {"one": other.root / "one", "two": other.root / "two"}
    _install_editable(monkeypatch, tmp_path, sources)
    other.write("two/new.py", "")
    other.write("one/__pycache__/one.cpython-311.pyc", "")
    commit = other.git("rev-parse", "HEAD")

    run = repo.run(sys.executable, "-c", "1")

    one, two = (_package(repo, run, name) for name in ("one", "two"))
    assert (one.commit, one.dirty) == (commit, False)
    assert (two.commit, two.dirty) == (commit, True)


def test_other_commit_of_an_editable_package_is_another_environment(
    repo: Repository, other: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _install_editable(monkeypatch, tmp_path, {"one": other.root / "one"})
    before = repo.run(sys.executable, "-c", "1")
    other.write("one/one.py", "X = 3\n")
    changed = repo.run(sys.executable, "-c", "1")
    other.commit()
    after = repo.run(sys.executable, "-c", "1")

    assert len({run.environment for run in (before, changed, after)}) == 3
    diff = compare_runs(repo.open(), before.id, after.id, patch=False).environment
    assert [change.name for change in diff.changes] == ["one"]


def test_editable_package_of_the_repository_itself_needs_no_commit(
    repo: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _install_editable(monkeypatch, tmp_path, {"own": repo.root, "gone": tmp_path / "gone"})

    run = repo.run(sys.executable, "-c", "1")

    assert _package(repo, run, "own").commit is None
    assert _package(repo, run, "gone").commit is None
    assert run.problems == ()


@pytest.fixture
def second_python(tmp_path: Path) -> Path:
    """A Python with one package more than ours, in an environment of its own."""
    root = tmp_path / "second"
    subprocess.run(
        [sys.executable, "-m", "venv", "--without-pip", "--system-site-packages", root], check=True
    )
    info = next(root.glob("lib/*/site-packages")) / "extra-9.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Name: extra\nVersion: 9.0\n")
    return root / "bin" / "python"


def test_python_that_a_launcher_starts_counts(repo: Repository, second_python: Path) -> None:
    repo.write("work.py", "print(1)\n")
    launcher = repo.write("launch", f"#!/bin/sh\n{second_python} work.py\n", mode=0o755)

    run = repo.run(str(launcher))

    assert _package(repo, run, "extra").version == "9.0"


def test_python_of_the_own_script_counts_before_helpers(
    repo: Repository, second_python: Path
) -> None:
    repo.write("work.py", "print(1)\n")
    repo.write("Makefile", f"all:\n\t{sys.executable} -c 1\n\t{second_python} work.py\n")

    run = repo.run("make")

    assert _package(repo, run, "extra").version == "9.0"


def test_python_that_hands_the_work_to_another_does_not_count(
    repo: Repository, tmp_path: Path, second_python: Path
) -> None:
    tool = tmp_path / "tool"
    tool.write_text(
        f"#!{sys.executable}\nimport subprocess, sys\n"
        f"sys.exit(subprocess.run(['{second_python}', *sys.argv[1:]]).returncode)\n"
    )
    tool.chmod(0o755)
    repo.write("work.py", "print(1)\n")

    run = repo.run(str(tool), "work.py")

    assert _package(repo, run, "extra").version == "9.0"


def test_own_script_that_starts_another_python_keeps_its_own(
    repo: Repository, second_python: Path
) -> None:
    repo.write("part.py", "print(1)\n")
    repo.write("work.py", f"import subprocess\nsubprocess.run(['{second_python}', 'part.py'])\n")

    interpreter = _environment(repo, repo.run(sys.executable, "work.py")).interpreter

    assert interpreter is not None
    assert "extra" not in {each.name for each in interpreter.distributions}


def test_lock_files_of_the_command_are_recorded(repo: Repository) -> None:
    repo.write("uv.lock", "root")
    repo.write("sub/requirements.txt", "sub")
    repo.write("other/requirements.txt", "other")
    repo.write("sub/poetry.lock", "closed", mode=0)

    run = repo.run("true", directory="sub")

    found = dict(_environment(repo, run).lock_files)
    if os.geteuid() == 0:  # nothing is closed to root
        del found["sub/poetry.lock"]
    assert found == {
        "sub/requirements.txt": digest_of(b"sub"),
        "uv.lock": digest_of(b"root"),
    }


def test_damaged_environment_is_stored_again_by_the_next_run(repo: Repository) -> None:
    first = repo.shell("true")
    assert first.environment is not None
    before = _environment(repo, first)
    damage_object(repo.root / ".mlv", first.environment.digest)

    second = repo.shell("true")

    assert second.environment == first.environment
    assert second.problems == ()
    assert _environment(repo, first) == before
