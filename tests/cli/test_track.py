from __future__ import annotations

import os
import stat
import subprocess
import sys

import pytest

from mlv.store.stable_read import file_state
from tests.support.repository import Repository, normalize


@pytest.fixture
def data(repo: Repository) -> Repository:
    """A directory of data that nobody tracks yet."""
    repo.write("data/a.csv", "1\n")
    repo.write("data/sub/b.csv", "22\n")
    return repo


def _seen_by_git(repo: Repository) -> list[str]:
    return [line[3:] for line in repo.git("status", "--porcelain", "-uall").splitlines()]


def test_track_writes_a_pointer_and_hides_the_data_from_git(data: Repository) -> None:
    done = data.mlv("track", "data/")
    assert (done.code, done.stderr) == (0, "")
    assert done.stdout.splitlines() == [
        "tracked data: 2 files, 5 B",
        "commit with `git add data.mlv .gitignore`",
    ]
    assert _seen_by_git(data) == [".gitignore", "data.mlv"]
    assert normalize(data.read("data.mlv")).splitlines() == [
        "# mlv keeps the data that belongs here: `mlv checkout` brings it back",
        "mlv: 1",
        "kind: dir",
        "digest: DIGEST",
        "size: 5",
        "files: 2",
        f"tree_size: {data.read('data.mlv').split()[-1]}",
    ]


def test_track_again_touches_nothing(data: Repository) -> None:
    data.mlv("track", "data")
    before = file_state((data.root / "data.mlv").stat())
    done = data.mlv("track")
    assert (done.code, done.stdout) == (0, "unchanged data: 2 files, 5 B\n")
    assert file_state((data.root / "data.mlv").stat()) == before


def test_track_without_a_path_stores_what_changed(data: Repository) -> None:
    data.write("model.pkl", "m")
    data.mlv("track", "data", "model.pkl")
    data.write("data/a.csv", "10\n")
    data.write("data/c.csv", "3\n")
    (data.root / "data/sub/b.csv").unlink()
    assert data.mlv("track").stdout.splitlines() == [
        "updated data: 2 files, 5 B (1 added, 1 modified, 1 removed)",
        "unchanged model.pkl: 1 B",
        "commit with `git add data.mlv`",
    ]
    assert [each["state"] for each in data.mlv("status", "--json").json["data"]] == ["clean"] * 2


def test_track_says_what_it_would_do_and_does_nothing(data: Repository) -> None:
    before = data.state()
    done = data.mlv("track", "data", "--dry-run")
    assert (done.code, done.stdout) == (0, "would track data: 2 files, 5 B\n")
    after = data.state()
    assert {path: after[path] for path in before} == before
    assert not (data.root / "data.mlv").exists()
    assert not list((data.root / ".mlv/packs").rglob("?" * 62))


def test_track_prints_json(data: Repository) -> None:
    done = data.mlv("track", "data", "--json")
    (tracked,) = done.json["data"]
    assert done.json["schema"] == "mlv-track 1"
    assert (tracked["path"], tracked["pointer"], tracked["before"]) == ("data", "data.mlv", None)
    assert tracked["n_added"] == tracked["after"]["n_files"] == 2
    assert done.json["ignore_files"] == [".gitignore"]


def test_track_expands_quoted_patterns_and_tracks_each_match(data: Repository) -> None:
    data.write("data/d.csv", "4\n")
    for state in ("tracked", "unchanged"):  # the second time, pointers lie among the matches
        done = data.mlv("track", "data/[ad]*")
        assert done.stdout.splitlines()[:2] == [
            f"{state} data/a.csv: 2 B",
            f"{state} data/d.csv: 2 B",
        ]
    assert data.read("data/.gitignore") == "# data that mlv tracks\n/a.csv\n/d.csv\n"
    assert data.mlv("track", "data/*.txt").error == (
        3,
        (
            f"error: nothing matches '{data.root}/data/*.txt'\n"
            "hint: check the pattern, and quote it so that the shell leaves it alone\n"
        ),
    )


def test_track_works_from_a_subdirectory_and_from_elsewhere(data: Repository) -> None:
    done = data.mlv("track", "a.csv", directory="data")
    assert done.stdout.splitlines() == [
        "tracked a.csv: 2 B",
        "commit with `git add a.csv.mlv .gitignore`",
    ]
    done = data.mlv("-C", str(data.root), "track", "data/sub", directory="..")
    assert done.stdout.splitlines()[0] == "tracked data/sub: 1 file, 3 B"


def test_track_of_a_pointer_means_its_data(data: Repository) -> None:
    data.mlv("track", "data")
    data.write("data/a.csv", "10\n")
    assert data.mlv("track", "data.mlv").stdout.startswith("updated data: ")


def test_track_of_a_part_tracks_all_of_it_and_says_so(data: Repository) -> None:
    data.mlv("track", "data")
    data.write("data/a.csv", "10\n")
    done = data.mlv("track", "data/sub")
    assert done.stderr == (
        "note: data/sub is part of the tracked data, so that is tracked as a whole\n"
    )
    assert done.stdout.startswith("updated data: ")


def test_track_names_every_problem_and_changes_nothing(data: Repository) -> None:
    data.write("inside/x", "1")
    data.mlv("track", "inside/x")
    data.write("link-target", "1")
    (data.root / "link").symlink_to("data")
    before = data.state()
    done = data.mlv(
        "track", "data", "dta", "../x", ".git/config", "link", "link/a.csv", "params.yaml", "inside"
    )
    assert (done.code, done.stdout) == (3, "")
    assert done.stderr.splitlines() == [
        "error: 7 problems:",
        "  there is nothing at 'dta' (did you mean 'data'?)",
        (
            f"  '{data.root.parent}/x' is outside the repository"
            " (copy or move the data into the repository first)"
        ),
        "  '.git/config' belongs to Git or to the store (name what is data: `mlv track data`)",
        (
            "  'link' is a symbolic link"
            " (Git keeps links itself; to track what it leads to, name that)"
        ),
        "  'link/a.csv' lies behind the symbolic link 'link' (track it where it really is)",
        (
            "  'inside' contains data that is tracked on its own: inside/x"
            " (first run `mlv untrack inside/x`)"
        ),
        (
            "  'params.yaml' is tracked by Git"
            " (take it out of Git, and keep it here: `git rm -r --cached -- params.yaml`)"
        ),
    ]
    assert data.state() == before


def test_track_refuses_a_pointer_that_git_ignores(data: Repository) -> None:
    data.write(".gitignore", "data/\n")
    assert data.mlv("track", "data/a.csv").error == (
        3,
        (
            "error: Git ignores 'data/a.csv.mlv', so the pointer could not be committed\n"
            "hint: see which rule does with `git check-ignore -v data/a.csv.mlv`, and narrow it\n"
        ),
    )


def test_track_of_a_directory_that_git_ignores_already_adds_no_second_rule(
    data: Repository,
) -> None:
    data.write(".gitignore", "/data\n")
    assert data.mlv("track", "data").code == 0
    assert data.read(".gitignore") == "/data\n"


def test_track_warns_when_another_rule_lets_git_see_the_data(data: Repository) -> None:
    data.write("data/.gitignore", "!*\n")
    data.mlv("track", "data/a.csv")
    data.write("data/.gitignore", data.read("data/.gitignore") + "!a.csv\n")
    done = data.mlv("track", "data/a.csv")
    assert done.stderr.splitlines() == [
        "warning: Git does not ignore data/a.csv: another rule brings it back",
        "hint: see which one with `git check-ignore -v --no-index data/a.csv`",
    ]


def test_track_warns_of_secrets_once(data: Repository) -> None:
    data.write("data/.env", "KEY=1\n")
    done = data.mlv("track", "data")
    assert (done.code, done.stderr.splitlines()[0]) == (
        0,
        "warning: data/.env looks like a secret, and whoever gets the data gets them",
    )
    data.write("data/prod.pem", "x")
    assert data.mlv("track").stderr.splitlines()[0].startswith("warning: data/prod.pem looks")


def test_track_of_missing_data_says_how_to_go_on(data: Repository) -> None:
    data.mlv("track", "data")
    (data.root / "data").rename(data.root / "elsewhere")
    hint = "bring it back with `mlv checkout data`, or give it up with `mlv untrack data`"
    assert data.mlv("track", "data").error == (
        3,
        f"error: the data of 'data.mlv' is not there\nhint: {hint}\n",
    )
    everything = data.mlv("track")
    assert (everything.code, everything.stdout) == (0, "")
    assert everything.stderr == f"warning: the data of 'data.mlv' is not there\nhint: {hint}\n"


def test_track_mends_a_pointer_that_a_merge_or_a_person_broke(data: Repository) -> None:
    data.mlv("track", "data")
    whole = data.read("data.mlv")
    data.write("data.mlv", "<<<<<<< HEAD\n" + whole)
    assert data.mlv("track").error == (
        3,
        (
            "error: data.mlv:1: a merge left its conflict here\n"
            "hint: take one side with `git checkout --ours -- data.mlv`,"
            " or run `mlv track data`\n"
        ),
    )
    assert data.mlv("track", "data").code == 0
    assert data.read("data.mlv") == whole


def test_track_follows_a_pointer_and_data_that_were_moved(data: Repository) -> None:
    data.mlv("track", "data")
    data.commit()
    data.git("mv", "data.mlv", "corpus.mlv")
    (data.root / "data").rename(data.root / "corpus")
    done = data.mlv("track")
    assert done.stdout.splitlines() == [
        "unchanged corpus: 2 files, 5 B",
        "commit with `git add .gitignore`",
    ]
    assert data.read(".gitignore") == "# data that mlv tracks\n/corpus\n"
    assert _seen_by_git(data) == [".gitignore", "data.mlv -> corpus.mlv"]


def test_track_before_the_first_commit(empty_repository: Repository) -> None:
    empty_repository.write("data/a", "1")
    empty_repository.mlv("init")
    assert empty_repository.mlv("track", "data").code == 0
    assert empty_repository.mlv("status").stdout.splitlines() == [
        "pointers that differ from HEAD:",
        "  new       data.mlv",
    ]


def test_track_without_a_store_says_how_to_make_one(bare_repository: Repository) -> None:
    assert bare_repository.mlv("track", "params.yaml").error == (
        3,
        (
            f"error: there is no mlv store in {bare_repository.root}\n"
            "hint: create one with `mlv init`\n"
        ),
    )


def test_track_with_nothing_tracked_says_so(repo: Repository) -> None:
    assert repo.mlv("track").error == (
        3,
        "error: nothing is tracked yet\nhint: name what to track: `mlv track data`\n",
    )


def test_track_keeps_strange_names_apart(repo: Repository) -> None:
    names = [b"new\nline", b"sp ace ", b"#hash", b"a*b[1]", b"\xff\xfe"]
    for name in names:
        repo.write(os.fsdecode(name), name)
    done = repo.mlv("track", "--", *names)
    assert (done.code, done.stderr) == (0, "")
    pointers = {name + b".mlv" for name in names}
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--others", "--exclude-standard"],
        cwd=repo.root,
        capture_output=True,
        check=True,
    ).stdout
    assert set(listed.split(b"\0")[:-1]) == {*pointers, b".gitignore"}
    assert [each["state"] for each in repo.mlv("status", "--json").json["data"]] == ["clean"] * 5


@pytest.mark.parametrize("link", ["hardlink", "symlink"])
def test_track_shares_files_with_the_store(data: Repository, link: str) -> None:
    data.write("data/empty", "")
    data.write("model.pkl", "m")
    done = data.mlv("track", "data", "model.pkl", "--link", link)
    assert (done.code, done.stderr) == (0, "")
    for name in ("data/a.csv", "data/sub/b.csv", "model.pkl"):
        found = (data.root / name).lstat()
        assert stat.S_ISLNK(found.st_mode) if link == "symlink" else found.st_nlink == 2
    assert [each["state"] for each in data.mlv("status", "--json").json["data"]] == ["clean"] * 2
    assert data.mlv("track").stdout.splitlines() == [
        "unchanged data: 3 files, 5 B",
        "unchanged model.pkl: 1 B",
    ]


def test_many_processes_track_at_the_same_time(repo: Repository) -> None:
    names = [f"set{n}" for n in range(6)]
    for name in names:
        repo.write(f"{name}/x", name)
    processes = [
        subprocess.Popen([sys.executable, "-m", "mlv", "track", "-q", name], cwd=repo.root)
        for name in names
    ]
    assert [process.wait() for process in processes] == [0] * len(names)
    rules = repo.read(".gitignore").splitlines()
    assert (rules[0], sorted(rules[1:])) == (
        "# data that mlv tracks",
        sorted(f"/{name}" for name in names),
    )
    assert [each["state"] for each in repo.mlv("status", "--json").json["data"]] == ["clean"] * 6


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("-x", "./-x.mlv"),
        (":x", "./:x.mlv"),
        ("a b", "'a b.mlv'"),
        ("a\nb", r"$'a\x0ab.mlv'"),
        ("\udce9", r"$'\xe9.mlv'"),
        ("a\\b", r"'a\b.mlv'"),
    ],
)
def test_what_to_commit_can_be_pasted(repo: Repository, name: str, shown: str) -> None:
    (repo.root / name).write_text("1\n")
    done = repo.mlv("track", "--", name)
    assert done.stdout.endswith(f"commit with `git add {shown} .gitignore`\n")
    command = done.stdout.split("`")[1]
    subprocess.run(["bash", "-c", command], cwd=repo.root, check=True)
    assert len(repo.git("diff", "--cached", "--name-only").splitlines()) == 2


@pytest.mark.parametrize(("length", "code"), [(251, 0), (252, 3)])
def test_a_name_that_is_too_long_for_a_pointer(repo: Repository, length: int, code: int) -> None:
    repo.write("x" * length, "1\n")
    assert repo.mlv("track", "x" * length).code == code
    assert (repo.root / ".gitignore").exists() == (code == 0)


def test_track_names_what_it_leaves_out(data: Repository) -> None:
    os.mkfifo(data.root / "data/pipe")
    data.write("data/sub/.git/HEAD", "ref: refs/heads/main\n")
    done = data.mlv("track", "data")
    assert done.code == 0
    assert "data/pipe, data/sub/.git are left out" in done.stderr
