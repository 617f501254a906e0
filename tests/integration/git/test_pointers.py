"""Questions about pointers, asked of a real Git."""

from __future__ import annotations

from pathlib import Path

import pytest

from mlv.core.paths import RepoPath
from mlv.errors import GitError
from mlv.git.command import GitCommand
from mlv.git.pointers import (
    ChangedSinceHead,
    list_changed_since_head,
    list_ignored_by_rule,
    list_in_index,
    list_pointers,
    pointers_at,
    read_small_blobs,
)
from tests.support.repository import Repository

_PARAMS = RepoPath("params.yaml")


@pytest.fixture
def pointed(bare_repository: Repository) -> Repository:
    """Pointers in several directories, one with a strange name, all committed."""
    for name in ("data.mlv", "deep/er/x.mlv", "new\nline.mlv", "code.py"):
        bare_repository.write(name, f"{name}\n")
    bare_repository.commit()
    return bare_repository


def _command(repo: Repository) -> GitCommand:
    return GitCommand(repo.root)


def test_pointers_are_tracked_ones_and_new_ones_but_not_ignored_ones(pointed: Repository) -> None:
    pointed.write(".gitignore", "out/\n")
    for name in ("new.mlv", "out/x.mlv", ".mlv/y.mlv", "dir.mlv/file"):
        pointed.write(name, "x")
    (pointed.root / "data.mlv").unlink()
    pointed.write(".git/info/exclude", "/.mlv/\n")
    found = [path for path in list_pointers(_command(pointed)) if path.endswith(".mlv")]
    assert found == ["data.mlv", "deep/er/x.mlv", "new.mlv", "new\\nline.mlv"]


def test_changes_since_head(pointed: Repository) -> None:
    blob = pointed.git("rev-parse", "HEAD:data.mlv")
    deep = pointed.git("rev-parse", "HEAD:deep/er/x.mlv")
    params = pointed.git("rev-parse", "HEAD:params.yaml")
    pointed.write("data.mlv", "other\n")
    pointed.git("rm", "-q", "deep/er/x.mlv")
    pointed.write("new.mlv", "x")
    pointed.write("staged.mlv", "x")
    pointed.git("add", "staged.mlv")
    pointed.write("params.yaml", "lr: 1\n")
    pointed.write("code.py", "changed\n")
    assert sorted(
        list_changed_since_head(_command(pointed), [_PARAMS]), key=lambda each: each.path
    ) == [
        ChangedSinceHead(path=RepoPath("data.mlv"), kind="modified", blob=blob),
        ChangedSinceHead(path=RepoPath("deep/er/x.mlv"), kind="deleted", blob=deep),
        ChangedSinceHead(path=RepoPath("new.mlv"), kind="new", blob=None),
        ChangedSinceHead(path=_PARAMS, kind="modified", blob=params),
        ChangedSinceHead(path=RepoPath("staged.mlv"), kind="new", blob=None),
    ]


def test_changes_before_the_first_commit(empty_repository: Repository) -> None:
    empty_repository.write("data.mlv", "x")
    assert [each.kind for each in list_changed_since_head(_command(empty_repository))] == ["new"]


def test_pointer_with_a_conflict(pointed: Repository) -> None:
    pointed.git("checkout", "-q", "-b", "other")
    pointed.write("data.mlv", "theirs\n")
    pointed.commit()
    pointed.git("checkout", "-q", "main")
    pointed.write("data.mlv", "ours\n")
    pointed.commit()
    with pytest.raises(GitError):
        GitCommand(pointed.root).ask("merge", "other")
    (change,) = list_changed_since_head(_command(pointed))
    assert (change.kind, change.blob) == ("conflict", pointed.git("rev-parse", ":2:data.mlv"))


def test_pointers_of_a_commit_and_their_content(pointed: Repository) -> None:
    command = _command(pointed)
    blobs = pointers_at(command, pointed.git("rev-parse", "HEAD"))
    contents = read_small_blobs(command, list(blobs.values()))
    assert {path: contents[blob] for path, blob in blobs.items()} == {
        "data.mlv": b"data.mlv\n",
        "deep/er/x.mlv": b"deep/er/x.mlv\n",
        "new\\nline.mlv": b"new\nline.mlv\n",
    }


def test_blob_that_is_not_there_is_an_error(pointed: Repository) -> None:
    with pytest.raises(GitError, match="is not in this repository"):
        read_small_blobs(_command(pointed), ["1" * 40])


def test_files_in_the_index_are_counted_by_path(pointed: Repository) -> None:
    pointed.write("deep/er/y", "1")
    pointed.commit()
    paths = [RepoPath(name) for name in ("deep", "code.py", "dee", "*")]
    assert list_in_index(_command(pointed), paths) == {"deep": 2, "code.py": 1}


def test_tracked_paths_are_not_ignored(pointed: Repository) -> None:
    pointed.write(".gitignore", "*.py\n")
    paths = [RepoPath(name) for name in ("code.py", "more.py", "data.txt")]
    assert list_ignored_by_rule(_command(pointed), paths) == {"more.py"}


def test_questions_do_not_depend_on_the_environment(
    pointed: Repository, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "elsewhere"))
    monkeypatch.setenv("GIT_LITERAL_PATHSPECS", "1")
    assert len(list_pointers(_command(pointed))) == 3


def test_git_that_is_not_there_is_named(
    pointed: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(GitError, match="the program 'git' was not found"):
        list_pointers(_command(pointed))
