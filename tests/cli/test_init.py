from __future__ import annotations

from tests.support.repository import Repository


def test_init_creates_a_store_that_git_does_not_see(bare_repository: Repository) -> None:
    done = bare_repository.mlv("init")
    assert (done.code, done.stderr) == (0, "")
    assert done.stdout.splitlines() == [
        f"created an empty store in {bare_repository.root / '.mlv'}",
        "record a run with `mlv run COMMAND`",
    ]
    assert bare_repository.git("status", "--porcelain") == ""


def test_init_works_before_the_first_commit_and_from_a_subdirectory(
    empty_repository: Repository,
) -> None:
    empty_repository.write("sub/x", "")
    done = empty_repository.mlv("init", "--quiet", directory="sub")
    assert (done.code, done.stdout, done.stderr) == (0, "", "")
    assert (empty_repository.root / ".mlv/format").is_file()


def test_init_tells_git_how_to_merge_pointers(empty_repository: Repository) -> None:
    empty_repository.write(".gitattributes", b"*.bin binary\r\n*.csv text")
    done = empty_repository.mlv("init")
    assert done.stdout.splitlines()[1] == (
        "commit `.gitattributes`, which tells Git how to merge pointers to data"
    )
    attributes = (empty_repository.root / ".gitattributes").read_bytes()
    assert attributes == b"*.bin binary\r\n*.csv text\r\n*.mlv merge=mlv"
    assert empty_repository.git("check-attr", "merge", "x/data.mlv") == "x/data.mlv: merge: mlv"
    driver = empty_repository.git("config", "--local", "merge.mlv.driver")
    assert driver == "mlv merge-pointer %O %A %B %P"


def test_init_keeps_a_merge_driver_that_somebody_chose(empty_repository: Repository) -> None:
    empty_repository.write(".gitattributes", "*.mlv -text merge=binary\n")
    empty_repository.git("config", "merge.mlv.driver", "mine %A")
    assert empty_repository.mlv("init", "-q").code == 0
    assert empty_repository.read(".gitattributes") == "*.mlv -text merge=binary\n"
    assert empty_repository.git("config", "merge.mlv.driver") == "mine %A"


def test_second_init_is_refused_and_changes_nothing(repo: Repository) -> None:
    (repo.root / ".git/info/exclude").write_text("# mine\n")
    before = repo.state()
    assert repo.mlv("init").error == (
        3,
        (
            f"error: there is an mlv store in {repo.root} already\n"
            "hint: record a run with `mlv run COMMAND`\n"
        ),
    )
    assert repo.state() == before


def test_init_in_a_linked_worktree_uses_the_same_store(repo: Repository) -> None:
    other = Repository(repo.root.parent / "other")
    repo.git("worktree", "add", "-q", str(other.root))
    assert other.mlv("init").code == 3
    repo.shell("true", name="first")
    assert [run.name for run in other.runs()] == ["first"]
