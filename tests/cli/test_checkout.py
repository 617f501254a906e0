from __future__ import annotations

import shutil

import pytest

from tests.support.repository import Repository, read_tree


@pytest.fixture
def versions(repo: Repository) -> Repository:
    """Two committed versions of a directory; the second is checked out and clean."""
    repo.write("data/a.csv", "1\n")
    repo.write("data/b.csv", "2\n")
    repo.write("data/sub/c.csv", "3\n")
    repo.mlv("track", "data")
    repo.commit("one")
    repo.git("tag", "v1")
    repo.write("data/a.csv", "10\n")
    (repo.root / "data/b.csv").rename(repo.root / "data/moved.csv")
    shutil.rmtree(repo.root / "data/sub")
    (repo.root / "data/empty").mkdir()
    (repo.root / "data/link").symlink_to("a.csv")
    repo.mlv("track")
    repo.commit("two")
    return repo


def _data(repo: Repository) -> dict[str, tuple[int, bytes]]:
    return read_tree(repo.root / "data")


def test_checkout_follows_git_to_another_version_and_back(versions: Repository) -> None:
    second = _data(versions)
    versions.git("checkout", "-q", "v1")
    done = versions.mlv("checkout")
    assert (done.code, done.stderr) == (0, "")
    assert done.stdout.splitlines() == [
        "updated data: 2 created, 1 replaced, 3 removed",
        "`mlv undo` takes it back",
    ]
    assert {name: content for name, (_, content) in _data(versions).items()} == {
        "a.csv": b"1\n",
        "b.csv": b"2\n",
        "sub": b"",
        "sub/c.csv": b"3\n",
    }
    versions.git("checkout", "-q", "main")
    assert versions.mlv("checkout", "-q").code == 0
    assert _data(versions) == second


def test_checkout_brings_back_what_was_deleted_and_says_when_there_is_nothing_to_do(
    versions: Repository,
) -> None:
    before = _data(versions)
    shutil.rmtree(versions.root / "data")
    assert versions.mlv("checkout").stdout.splitlines()[0] == "created data: 3 files, 10 B"
    assert _data(versions) == before
    done = versions.mlv("checkout")
    assert done.stdout == "nothing to do: the data is as its pointers say\n"
    assert len(versions.open().operations.read()) == 1


def test_checkout_of_a_revision_sets_the_pointer_as_well(versions: Repository) -> None:
    done = versions.mlv("checkout", "--rev", "v1")
    assert done.stdout.splitlines() == [
        "updated data: 2 created, 1 replaced, 3 removed",
        "set data.mlv",
        "`mlv undo` takes it back",
    ]
    assert versions.git("diff", "--stat", "v1", "--", "data.mlv") == ""
    assert versions.mlv("status").stdout.splitlines() == [
        "pointers that differ from HEAD:",
        "  modified  data.mlv",
    ]


def test_checkout_of_a_part_of_a_revision_leaves_the_pointer(versions: Repository) -> None:
    done = versions.mlv("checkout", "sub", "a.csv", "--rev", "v1", directory="data")
    assert done.stdout.splitlines() == [
        "updated a.csv: 1 replaced",
        "created sub: 1 file, 2 B",
        "`mlv undo` takes it back",
    ]
    assert (versions.read("data/a.csv"), versions.read("data/sub/c.csv")) == ("1\n", "3\n")
    assert versions.git("status", "--porcelain") == ""


@pytest.mark.parametrize("arguments", [[], ["--rev", "v1"], ["data/a.csv", "--rev", "v1"]])
def test_undo_of_a_checkout_brings_everything_back(
    versions: Repository, arguments: list[str]
) -> None:
    versions.write("data/a.csv", "work of a day\n")
    versions.write("data/new.csv", "kept\n")
    (versions.root / "data/moved.csv").unlink()
    before = read_tree(versions.root / "data"), versions.read("data.mlv")
    assert versions.mlv("checkout", "--force", *arguments).code == 0
    assert _data(versions) != before[0]
    undone = versions.mlv("undo")
    assert undone.code == 0, undone.stderr
    assert (_data(versions), versions.read("data.mlv")) == before
    assert versions.mlv("undo", undone.stdout.split("`mlv undo ")[1].split("`")[0]).code == 0
    assert _data(versions) != before[0]


def test_checkout_refuses_to_lose_work_and_force_keeps_it_for_undo(versions: Repository) -> None:
    versions.write("data/a.csv", "work of a day\n")
    before = versions.state()
    assert versions.mlv("checkout").error == (
        3,
        (
            "error: changes that are not stored would be lost: data/a.csv\n"
            "hint: keep them with `mlv track`, or go on with --force"
            " (`mlv undo` brings them back)\n"
        ),
    )
    assert versions.state() == before
    assert versions.mlv("checkout", "--force").code == 0
    assert versions.read("data/a.csv") == "10\n"
    versions.mlv("undo")
    assert versions.read("data/a.csv") == "work of a day\n"


def test_checkout_leaves_new_files_and_says_so(versions: Repository) -> None:
    versions.write("data/new.csv", "new\n")
    versions.write("data/fresh/x", "x")
    done = versions.mlv("checkout", "--rev", "v1")
    assert done.code == 0
    assert done.stderr == ("note: 2 new files were left as is: data/fresh/x, data/new.csv\n")
    assert (versions.read("data/new.csv"), versions.read("data/fresh/x")) == ("new\n", "x")
    assert versions.mlv("undo").code == 0
    assert versions.read("data/a.csv") == "10\n"


def test_checkout_refuses_when_new_files_are_in_the_way(versions: Repository) -> None:
    versions.write("data/sub", "not a directory\n")
    assert (
        versions.mlv("checkout", "--rev", "v1")
        .error[1]
        .startswith("error: changes that are not stored would be lost: data/sub\n")
    )


def test_checkout_prints_its_plan(versions: Repository) -> None:
    versions.write("data/a.csv", "work\n")
    versions.write("data/new.csv", "new\n")
    before = versions.state()
    done = versions.mlv("checkout", "--rev", "v1", "--dry-run")
    assert done.stdout.splitlines() == [
        "replace data/a.csv  (its present content is not stored)",
        "create data/b.csv",
        "remove data/empty",
        "remove data/link",
        "remove data/moved.csv",
        "create data/sub/c.csv",
        "leave data/new.csv",
        "set data.mlv",
    ]
    assert versions.state() == before


def test_checkout_names_all_that_the_store_does_not_have(versions: Repository) -> None:
    clone = Repository(versions.root.parent / "clone")
    versions.git("clone", "-q", str(versions.root), str(clone.root))
    clone.mlv("init", "-q")
    clone.write("data/mine", "x")
    before = clone.state()
    assert clone.mlv("checkout").error == (
        3,
        (
            "error: the content of 1 path is not in the store: data\n"
            "hint: look for another copy of this `.mlv` store\n"
        ),
    )
    assert clone.state() == before


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["dta"], "there is no tracked data at 'dta'\nhint: did you mean 'data'?"),
        (["data/nope"], "the pointer 'data.mlv' has no 'data/nope'\n"),
        (["data", "--rev", "v9"], "Git knows no revision 'v9'\n"),
        (["--rev", "v1~1"], "nothing is tracked at v1~1\n"),
        (["/elsewhere"], "'/elsewhere' is outside the repository\n"),
    ],
)
def test_checkout_of_what_is_not_there_says_so(
    versions: Repository, arguments: list[str], message: str
) -> None:
    code, shown = versions.mlv("checkout", *arguments).error
    assert (code, shown.removeprefix("error: ").startswith(message)) == (3, True), shown


def test_checkout_of_a_pointer_edited_by_hand_says_what_is_wrong(versions: Repository) -> None:
    versions.write("data.mlv", versions.read("data.mlv").replace("kind: dir", "kind: directory"))
    code, shown = versions.mlv("checkout").error
    assert (code, shown.splitlines()[0]) == (
        3,
        "error: data.mlv:3: kind: invalid enum value 'directory'",
    )


def test_checkout_of_a_directory_that_holds_pointers(versions: Repository) -> None:
    versions.write("sets/one", "1")
    versions.write("sets/two", "2")
    versions.mlv("track", "sets/one", "sets/two")
    for name in ("one", "two"):
        (versions.root / "sets" / name).unlink()
    versions.write("data/a.csv", "work\n")
    assert versions.mlv("checkout", "sets").stdout.splitlines()[:2] == [
        "created sets/one: 1 B",
        "created sets/two: 1 B",
    ]


def test_checkout_writes_the_ignore_rule_of_a_pointer_that_was_moved(versions: Repository) -> None:
    versions.git("mv", "data.mlv", "corpus.mlv")
    assert versions.mlv("checkout").code == 0
    assert versions.read("corpus/a.csv") == "10\n"
    assert versions.read(".gitignore").splitlines()[1:] == ["/data", "/corpus"]


def test_checkout_makes_the_links_that_were_asked_for(versions: Repository) -> None:
    shutil.rmtree(versions.root / "data")
    assert versions.mlv("checkout", "--link", "hardlink").code == 0
    assert (versions.root / "data/a.csv").stat().st_nlink == 2
    assert versions.mlv("status", "--exit-code").code == 0


def test_checkout_changes_how_files_share_their_bytes(versions: Repository) -> None:
    before = versions.read("data/a.csv")
    for link, n_links in (("hardlink", 2), ("copy", 1)):
        done = versions.mlv("checkout", "--link", link)
        assert (done.code, done.stderr) == (0, "")
        assert (versions.root / "data/a.csv").stat().st_nlink == n_links
        assert versions.read("data/a.csv") == before


def test_checkout_keeps_the_link_type_of_the_settings(versions: Repository) -> None:
    versions.write(".mlv/config.yaml", "link: hardlink\n")
    shutil.rmtree(versions.root / "data")
    versions.mlv("checkout")
    assert (versions.root / "data/a.csv").stat().st_nlink == 2
    versions.write(".mlv/config.yaml", "lnk: hardlink\n")
    assert versions.mlv("checkout").error == (
        3,
        "error: .mlv/config.yaml:1: unknown key 'lnk'\nhint: did you mean 'link'?\n",
    )


def test_checkout_of_a_revision_makes_directories_that_are_gone(versions: Repository) -> None:
    versions.write("deep/er/x", "x")
    versions.mlv("track", "deep/er/x")
    versions.commit()
    shutil.rmtree(versions.root / "deep")
    assert versions.mlv("checkout", "--rev", "HEAD", "deep/er").code == 0
    assert versions.read("deep/er/x") == "x"
    assert versions.read("deep/er/.gitignore") == "# data that mlv tracks\n/x\n"
    assert versions.git("status", "--porcelain") == ""


def test_checkout_prints_json(versions: Repository) -> None:
    done = versions.mlv("checkout", "--rev", "v1", "--json").json
    assert (done["schema"], done["pointers"]) == ("mlv-checkout 1", ["data.mlv"])
    assert done["operation"]["operation"]["change"]["kind"] == "change-data"
    assert [each["path"] for each in done["data"]] == ["data"]


def test_undo_refuses_when_data_was_edited_since(versions: Repository) -> None:
    versions.mlv("checkout", "--rev", "v1")
    versions.write("data/b.csv", "edited\n")
    before = versions.state()
    assert versions.mlv("undo").error == (
        3,
        (
            "error: files were edited since: data/b.csv\n"
            "hint: go on with `mlv undo --overwrite`, which can be undone as well\n"
        ),
    )
    assert versions.state() == before
    assert versions.mlv("undo", "--overwrite").code == 0
    assert versions.read("data/a.csv") == "10\n"


def test_undo_of_a_checkout_that_was_cut_short_goes_back(versions: Repository) -> None:
    before = _data(versions)
    versions.mlv("checkout", "--rev", "v1")
    # As after a kill in the middle: some files are of the version before.
    versions.write("data/a.csv", "10\n")
    (versions.root / "data/link").symlink_to("a.csv")
    assert versions.mlv("undo").code == 0
    assert _data(versions) == before
