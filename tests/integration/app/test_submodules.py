"""Repositories inside the repository: recorded, and checked out again."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from mlv.app.publish import read_invocation
from mlv.app.record.clean import check_clean
from mlv.app.reporter import SilentReporter
from mlv.app.reproduce.preflight import Blocker
from mlv.app.reproduce.reproducing import ReproduceRequest, ReproduceResult, reproduce
from mlv.core.paths import RepoPath
from mlv.core.run import Submodule
from mlv.errors import WorktreeError
from tests.support.notes import run_with_notes
from tests.support.repository import Repository


@pytest.fixture(autouse=True)
def local_submodules(own_environment: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let Git fetch submodules from directories."""
    monkeypatch.setenv("GIT_CONFIG_COUNT", "1")
    monkeypatch.setenv("GIT_CONFIG_KEY_0", "protocol.file.allow")
    monkeypatch.setenv("GIT_CONFIG_VALUE_0", "always")


@pytest.fixture
def source(repo: Repository, tmp_path: Path) -> Repository:
    """A library, which the project has as its submodule `libs/a`."""
    source = Repository(tmp_path / "source")
    source.root.mkdir()
    source.git("init", "--quiet", "--initial-branch=main")
    source.write("lib.sh", "echo one\n")
    source.commit("first")
    repo.git("submodule", "--quiet", "add", str(source.root), "libs/a")
    repo.commit("with a submodule")
    return source


def _inner(repo: Repository) -> Repository:
    return Repository(repo.root / "libs/a")


def _reproduce(repo: Repository) -> ReproduceResult:
    workspace = repo.open()
    invocation = read_invocation(workspace, ("mlv", "reproduce"))
    return reproduce(workspace, ReproduceRequest(reference="last"), invocation, SilentReporter())


def test_submodule_is_recorded(repo: Repository, source: Repository) -> None:
    noted = run_with_notes(repo)
    expected = Submodule(
        path=RepoPath("libs/a"), commit=source.git("rev-parse", "HEAD"), url=str(source.root)
    )
    assert (noted.run.code.submodules, noted.notes) == ((expected,), ())
    assert not noted.run.code.dirty


def test_submodules_are_left_alone_whatever_git_is_told_to_recurse_into(
    repo: Repository, source: Repository
) -> None:
    repo.git("config", "submodule.recurse", "true")
    repo.shell("sh libs/a/lib.sh > out.txt", outputs=["out.txt"])
    before = _inner(repo).state()
    assert _reproduce(repo).verdict == "identical"
    assert _inner(repo).state() == before


@pytest.mark.parametrize("kind", ["modified", "untracked", "unwatched"])
def test_dirty_submodule_makes_the_code_dirty(
    repo: Repository, source: Repository, kind: str
) -> None:
    if kind == "unwatched":
        _inner(repo).git("update-index", "--assume-unchanged", "lib.sh")
    _inner(repo).write("new.sh" if kind == "untracked" else "lib.sh", "echo two\n")
    noted = run_with_notes(repo)
    (submodule,) = noted.run.code.submodules
    assert (noted.run.code.dirty, submodule.dirty) == (True, True)
    assert noted.notes == (
        (
            "submodule libs/a holds changes that are not committed: those that the command read"
            " are recorded as inputs"
        ),
    )
    with pytest.raises(WorktreeError, match="not committed: libs/a"):
        check_clean(repo.open())


def test_commit_of_a_submodule_that_no_remote_has_is_told(
    repo: Repository, source: Repository
) -> None:
    _inner(repo).write("lib.sh", "echo two\n")
    commit = _inner(repo).commit()
    noted = run_with_notes(repo)
    assert (noted.run.code.dirty, noted.run.code.submodules[0].commit) == (True, commit)
    assert noted.notes == (f"commit {commit[:12]} of submodule libs/a is on no remote: push it",)


def test_submodule_that_is_not_checked_out_is_recorded(
    repo: Repository, source: Repository
) -> None:
    repo.git("submodule", "--quiet", "deinit", "--force", "libs/a")
    (submodule,) = repo.shell("true").code.submodules
    assert submodule == Submodule(path=RepoPath("libs/a"), commit="", url=str(source.root))


def test_credentials_in_the_address_of_a_submodule_are_not_recorded(
    repo: Repository, source: Repository
) -> None:
    _inner(repo).git("remote", "set-url", "origin", "https://me:token@example.com/a.git")
    (submodule,) = repo.shell("true").code.submodules
    assert submodule.url == "https://example.com/a.git"


def test_submodule_inside_a_submodule_is_recorded(
    repo: Repository, source: Repository, tmp_path: Path
) -> None:
    deep = Repository(tmp_path / "deep")
    deep.root.mkdir()
    deep.git("init", "--quiet")
    deep.write("deep.sh", "echo deep\n")
    commit = deep.commit()
    _inner(repo).git("submodule", "--quiet", "add", str(deep.root), "vendor/deep")
    _inner(repo).commit()
    repo.commit()
    repo.shell("sh libs/a/vendor/deep/deep.sh > out.txt", outputs=["out.txt"])
    run = repo.find("last")
    assert [(each.path, each.commit) for each in run.code.submodules][1:] == [
        ("libs/a/vendor/deep", commit)
    ]
    assert _reproduce(repo).verdict == "identical"


def test_submodule_that_git_cannot_read_is_told(repo: Repository, source: Repository) -> None:
    modules = repo.root / ".git/modules/libs/a"
    (modules / "index").write_bytes(b"DIRCnonsense")
    noted = run_with_notes(repo)
    assert noted.run.code.dirty
    assert noted.notes[0].startswith("submodule libs/a cannot be read, and is not recorded: git ")


def test_reproduction_uses_the_recorded_commit_of_a_submodule(
    repo: Repository, source: Repository
) -> None:
    repo.shell("sh libs/a/lib.sh > out.txt", outputs=["out.txt"])
    _inner(repo).write("lib.sh", "echo two\n")
    _inner(repo).commit()
    repo.commit()
    before = _inner(repo).state()
    assert _reproduce(repo).verdict == "identical"
    assert _inner(repo).state() == before
    assert repo.git("worktree", "list").count("\n") == 0
    assert list((repo.root / ".mlv/cache/reproduce").iterdir()) == []


def test_reproduction_finds_a_submodule_that_is_not_checked_out_any_more(
    repo: Repository, source: Repository
) -> None:
    repo.shell("sh libs/a/lib.sh > out.txt", outputs=["out.txt"])
    repo.git("rm", "--quiet", "libs/a")
    repo.commit()
    assert _reproduce(repo).verdict == "identical"


def test_reproduction_names_a_submodule_whose_commit_is_not_here(
    repo: Repository, source: Repository
) -> None:
    run = repo.shell("sh libs/a/lib.sh > out.txt", outputs=["out.txt"])
    shutil.rmtree(repo.root / ".git/modules")
    shutil.rmtree(repo.root / "libs")
    result = _reproduce(repo)
    message = (
        f"commit {run.code.submodules[0].commit[:12]} of submodule libs/a is not in this clone"
        " (fetch it with `git submodule update --init libs/a && git -C libs/a fetch`)"
    )
    assert result.blockers == (Blocker(code="code.submodule_missing", message=message),)


def test_reproduction_in_a_linked_worktree_finds_submodules(
    repo: Repository, source: Repository, tmp_path: Path
) -> None:
    repo.git("worktree", "add", "--quiet", "-b", "side", str(tmp_path / "side"))
    linked = Repository(tmp_path / "side")
    linked.git("submodule", "--quiet", "update", "--init")
    linked.shell("sh libs/a/lib.sh > out.txt", outputs=["out.txt"])
    shutil.rmtree(repo.root / ".git/modules")
    assert _reproduce(linked).verdict == "identical"


def test_files_of_a_submodule_are_tracked_as_its_commit_has_them(
    repo: Repository, source: Repository
) -> None:
    inner = _inner(repo)
    inner.write("same.txt", "1\n")
    inner.write("edited.txt", "1\n")
    inner.commit()
    inner.write("edited.txt", "2\n")
    inner.write("new.txt", "1\n")
    names = ("same.txt", "edited.txt", "new.txt", "none.txt")
    paths = [*(RepoPath(f"libs/a/{name}") for name in names), RepoPath("train.py")]

    tracked = repo.open().git.tracked_in_submodules(paths)

    assert tracked == {"libs/a/same.txt": inner.git("rev-parse", "HEAD:same.txt")}
