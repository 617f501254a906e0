"""The code of a run, in every kind of repository that people have."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from mlv.app.look.comparing import compare_runs
from mlv.app.publish import read_invocation
from mlv.app.record.clean import check_clean
from mlv.app.reporter import SilentReporter
from mlv.app.reproduce.reproducing import ReproduceRequest, reproduce
from mlv.core.run import Run
from mlv.errors import GitError, NotARepositoryError, WorktreeError
from tests.support.notes import run_with_notes
from tests.support.repository import Repository
from tests.support.restoring import roll_back, undo

_TOKEN = "ghp_" + "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8"


def _verdict(repo: Repository) -> str:
    workspace = repo.open()
    invocation = read_invocation(workspace, ("mlv", "reproduce"))
    request = ReproduceRequest(reference="last")
    return reproduce(workspace, request, invocation, SilentReporter()).verdict


def _left_out(run: Run) -> list[tuple[str, str, bool]]:
    return [(each.path, each.reason, each.fingerprint is not None) for each in run.code.left_out]


@pytest.fixture
def unborn(empty_repository: Repository) -> Repository:
    """A repository without a commit, with a store."""
    empty_repository.initialize()
    empty_repository.write("train.sh", "echo one > out.txt\n")
    empty_repository.write("params.yaml", "lr: 0.1\n")
    return empty_repository


def test_run_before_the_first_commit_has_its_code(unborn: Repository) -> None:
    run = unborn.shell("sh train.sh", outputs=["out.txt"])
    assert (run.code.commit, run.code.branch, run.code.dirty) == ("", "main", True)
    assert unborn.git("show", f"{run.code.snapshot}:train.sh") == "echo one > out.txt"


def test_run_before_the_first_commit_is_reproduced(unborn: Repository) -> None:
    unborn.shell("sh train.sh", outputs=["out.txt"])
    unborn.write("train.sh", "echo two > out.txt\n")
    assert _verdict(unborn) == "identical"


def test_run_before_the_first_commit_is_compared_and_rolled_back(unborn: Repository) -> None:
    unborn.shell("true", name="first")
    unborn.write("params.yaml", "lr: 0.2\n")
    unborn.shell("true", name="second")
    diff = compare_runs(unborn.open(), "first", "second", patch=True)
    assert [change.path for change in diff.code] == ["params.yaml"]
    now = compare_runs(unborn.open(), "first", None, patch=True)
    assert now.patch == diff.patch
    roll_back(unborn)
    assert unborn.read("params.yaml") == "lr: 0.1\n"
    undo(unborn)
    assert unborn.read("params.yaml") == "lr: 0.2\n"


def test_every_command_works_before_the_first_commit(unborn: Repository) -> None:
    assert unborn.mlv("run", "--name", "first", "sh", "train.sh").code == 0
    for command in (
        ("log",),
        ("show", "first"),
        ("status",),
        ("diff", "first"),
        ("gc", "--dry-run"),
        ("gc", "--tips"),
        ("fsck",),
        ("rollback", "first", "--dry-run"),
        ("recover",),
    ):
        done = unborn.mlv(*command)
        assert (command, done.code, done.stderr) == (command, 0, done.stderr)


def test_run_on_a_detached_head_has_no_branch(repo: Repository) -> None:
    commit = repo.git("rev-parse", "HEAD")
    repo.git("checkout", "--quiet", "--detach")
    code = repo.shell("true").code
    assert (code.commit, code.branch, code.dirty) == (commit, None, False)


def test_run_in_a_linked_worktree_is_that_of_the_worktree(repo: Repository, tmp_path: Path) -> None:
    repo.git("worktree", "add", "--quiet", "-b", "side", str(tmp_path / "side"))
    linked = Repository(tmp_path / "side")
    linked.write("params.yaml", "lr: 7\n")
    run = linked.shell("cp params.yaml out.txt", outputs=["out.txt"])
    assert (run.code.branch, run.code.dirty) == ("side", True)
    assert [each.id for each in repo.runs()] == [run.id]
    repo.git("worktree", "remove", "--force", str(linked.root))
    repo.git("branch", "-D", "side")
    assert _verdict(repo) == "identical"


def test_run_in_a_worktree_of_a_bare_repository_is_recorded(
    repo: Repository, tmp_path: Path
) -> None:
    repo.git("clone", "--quiet", "--bare", str(repo.root), str(tmp_path / "bare.git"))
    bare = Repository(tmp_path / "bare.git")
    bare.git("worktree", "add", "--quiet", str(tmp_path / "work"), "main")
    work = Repository(tmp_path / "work")
    work.initialize()
    work.write("params.yaml", "lr: 7\n")
    work.shell("cp params.yaml out.txt", outputs=["out.txt"])
    assert _verdict(work) == "identical"


def test_bare_repository_is_refused_in_plain_words(repo: Repository, tmp_path: Path) -> None:
    repo.git("clone", "--quiet", "--bare", str(repo.root), str(tmp_path / "bare.git"))
    with pytest.raises(NotARepositoryError, match="is a bare Git repository") as caught:
        Repository(tmp_path / "bare.git").open("refs")
    assert caught.value.hint == "make a worktree with `git worktree add DIR`"


def test_run_in_a_sparse_checkout_keeps_what_is_not_checked_out(repo: Repository) -> None:
    repo.write("src/a.py", "a = 1\n")
    repo.write("docs/b.md", "b\n")
    repo.commit()
    repo.git("sparse-checkout", "set", "src")
    assert not (repo.root / "docs").exists()
    clean = repo.shell("true").code
    repo.write("src/a.py", "a = 2\n")
    dirty = repo.shell("true").code
    assert (clean.dirty, dirty.dirty) == (False, True)
    assert repo.git("show", f"{dirty.snapshot}:docs/b.md") == "b"


@pytest.mark.parametrize("flag", ["--assume-unchanged", "--skip-worktree"])
def test_changes_that_git_was_told_not_to_see_are_recorded(repo: Repository, flag: str) -> None:
    repo.git("update-index", flag, "params.yaml")
    assert not repo.shell("true").code.dirty
    repo.write("params.yaml", "lr: 0.7\n")
    code = repo.shell("true").code
    assert code.dirty
    assert repo.git("show", f"{code.snapshot}:params.yaml") == "lr: 0.7"
    with pytest.raises(WorktreeError, match=r"not committed: params\.yaml"):
        check_clean(repo.open())


def test_repository_of_somebody_else_is_refused_with_a_command_to_paste(
    repo: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = repo.state()
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")
    with pytest.raises(GitError, match="git refuses this repository") as caught:
        repo.shell("true")
    assert caught.value.hint == f"git config --global --add safe.directory {repo.root}"
    assert repo.state() == before


@pytest.fixture
def filtered(repo: Repository) -> Repository:
    """A repository with a filter like that of Git LFS: Git has other bytes than the worktree."""
    repo.write(".gitattributes", "*.bin filter=upper\n")
    repo.git("config", "filter.upper.clean", "tr a-z A-Z")
    repo.git("config", "filter.upper.smudge", "tr A-Z a-z")
    repo.git("config", "filter.upper.required", "true")
    repo.write("weights.bin", "abc\n")
    repo.commit()
    return repo


def test_filtered_files_come_back_as_they_were(filtered: Repository) -> None:
    filtered.write("weights.bin", "def\n")
    filtered.write("new.bin", "xyz\n")
    run = filtered.shell("cat weights.bin new.bin > out.txt", outputs=["out.txt"], name="first")
    assert filtered.git("show", f"{run.code.snapshot}:weights.bin") == "DEF"
    assert _verdict(filtered) == "identical"
    filtered.write("weights.bin", "other\n")
    (filtered.root / "new.bin").unlink()
    roll_back(filtered, overwrite=True)
    assert (filtered.read("weights.bin"), filtered.read("new.bin")) == ("def\n", "xyz\n")


def test_files_of_a_missing_filter_go_to_the_store(filtered: Repository) -> None:
    filtered.git("config", "filter.upper.clean", "no-such-program")
    filtered.write("weights.bin", "def\n")
    filtered.write("new.bin", "xyz\n")
    noted = run_with_notes(filtered, name="first")
    assert _left_out(noted.run) == [("new.bin", "filter", True), ("weights.bin", "filter", True)]
    names = "new.bin, weights.bin are not in the code snapshot (filter: upper)"
    assert noted.notes == (f"{names}: kept in the store instead",)
    filtered.write("weights.bin", "other\n")
    roll_back(filtered, overwrite=True)
    assert filtered.read("weights.bin") == "def\n"


def test_file_that_a_missing_filter_would_encrypt_is_not_recorded(filtered: Repository) -> None:
    filtered.write(".gitattributes", "*.bin filter=git-crypt\n")
    filtered.git("config", "filter.git-crypt.clean", "no-such-program")
    filtered.git("config", "filter.git-crypt.required", "true")
    filtered.write("weights.bin", "plain\n")
    assert _left_out(filtered.shell("true")) == [("weights.bin", "filter", False)]


def test_missing_filter_stops_a_reproduction_with_a_hint(filtered: Repository) -> None:
    filtered.shell("cp weights.bin out.txt", outputs=["out.txt"])
    filtered.git("config", "filter.upper.smudge", "no-such-program")
    with pytest.raises(GitError, match="filter") as caught:
        _verdict(filtered)
    assert (
        caught.value.hint == "see what it needs with `git config --get-regexp '^filter\\.upper\\.'`"
    )
    assert filtered.git("worktree", "list").count("\n") == 0


def test_line_ends_are_as_git_would_write_them(repo: Repository) -> None:
    repo.git("config", "core.autocrlf", "true")
    repo.write("dos.txt", b"one\r\ntwo\r\n")
    repo.shell("true", name="first")
    repo.write("dos.txt", b"other\r\n")
    roll_back(repo, overwrite=True)
    assert (repo.root / "dos.txt").read_bytes() == b"one\r\ntwo\r\n"


def test_limits_are_those_of_the_project(repo: Repository) -> None:
    repo.write("mlv.yaml", "code: {large_file_mib: 0.001, untracked_mib: 0.002}\n")
    repo.commit()
    repo.write("large.txt", "x" * 2000)
    for name in ("a.txt", "b.txt", "c.txt"):
        repo.write(name, name * 170)
    noted = run_with_notes(repo)
    assert noted.run.code.untracked == ("b.txt", "c.txt")
    assert _left_out(noted.run) == [("a.txt", "large", True), ("large.txt", "large", True)]
    assert noted.notes == (
        "a.txt, large.txt are not in the code snapshot (large): kept in the store instead",
    )


def test_files_with_a_token_are_left_out_and_named(repo: Repository) -> None:
    repo.write("notes.txt", f"use {_TOKEN}\n")
    repo.write("windows.txt", f"use {_TOKEN}\n".encode("utf-16"))
    repo.write(".env", "TOKEN=1\n")
    repo.write("harmless.py", "tokenizer_is_a_long_name = 'AllTwentyLettersHere'\n")
    repo.write("image.bin", b"\0" + _TOKEN.encode())
    repo.write("log.txt", _TOKEN.encode() + b"x" * (1 << 20))
    noted = run_with_notes(repo)
    assert _left_out(noted.run) == [
        (".env", "secret", False),
        ("notes.txt", "secret", False),
        ("windows.txt", "secret", False),
    ]
    by_name, by_content = noted.notes
    assert by_name == (
        ".env is not in the code snapshot (secret: by its name): not recorded"
        " (if that is wrong: `mlv run --allow-secret .env ...`)"
    )
    assert by_content == (
        "notes.txt, windows.txt are not in the code snapshot (secret: GitHub token): not recorded"
        " (if that is wrong: `mlv run --allow-secret notes.txt --allow-secret windows.txt ...`)"
    )
    objects = repo.git("cat-file", "--batch-all-objects", "--batch-check")
    assert repo.git("hash-object", "notes.txt") not in objects


@pytest.mark.parametrize("allowed", ["notes.txt", "docs/notes.txt", "*.txt"])
@pytest.mark.parametrize("place", ["request", "project"])
def test_allowed_secret_is_recorded(repo: Repository, allowed: str, place: str) -> None:
    repo.write("docs/notes.txt", f"use {_TOKEN}\n")
    if place == "project":
        repo.write("mlv.yaml", f"allow_secrets: ['{allowed}']\n")
        run = repo.shell("true")
    else:
        run = repo.shell("true", allow_secrets=(allowed,))
    assert "docs/notes.txt" in run.code.untracked


def test_token_is_found_again_although_the_file_was_searched_before(repo: Repository) -> None:
    path = repo.write("notes.txt", "x" * len(_TOKEN))
    os.utime(path, (1, 1))
    assert repo.shell("true").code.untracked == ("notes.txt",)
    path.write_text(_TOKEN)
    os.utime(path, (1, 1))
    assert _left_out(repo.shell("true")) == [("notes.txt", "secret", False)]


def test_files_in_a_directory_that_a_run_wrote_are_no_code(repo: Repository) -> None:
    repo.shell("mkdir out; echo 1 > out/a; echo 2 > out/b", outputs=["out"])
    repo.write("out/b", "edited\n")
    run = repo.shell("true")
    assert run.code.untracked == ("out/b",)
    assert _left_out(run) == [("out/a", "output", True)]


def test_code_of_equal_files_is_equal_whenever_it_is_recorded(repo: Repository) -> None:
    repo.write("params.yaml", "lr: 0.2\n")
    first = repo.shell("true").code
    repo.write("params.yaml", "lr: 0.3\n")
    repo.shell("true")
    repo.write("params.yaml", "lr: 0.2\n")
    assert repo.shell("true").code == first


def test_recording_does_not_load_gitpython(repo: Repository) -> None:
    repo.write("params.yaml", "lr: 0.2\n")
    program = (
        "import sys\n"
        "from pathlib import Path\n"
        "from mlv.app.record.code import record_code\n"
        "from mlv.app.reporter import SilentReporter\n"
        "from mlv.app.workspace import open_workspace\n"
        "from mlv.core.settings import Settings\n"
        "workspace = open_workspace(Path(), Settings())\n"
        "record_code(workspace, ref='refs/mlv/x', earlier=(), reporter=SilentReporter())\n"
        "raise SystemExit('git' in sys.modules)\n"
    )
    run = repo.run(sys.executable, "-c", program)
    assert run.exit_code == 0


def test_links_go_through_no_filter(filtered: Repository) -> None:
    filtered.write(".gitattributes", "* filter=upper\n")
    (filtered.root / "link").symlink_to("PARAMS")
    filtered.shell("true", name="first")
    (filtered.root / "link").unlink()
    roll_back(filtered)
    assert (filtered.root / "link").readlink() == Path("PARAMS")
