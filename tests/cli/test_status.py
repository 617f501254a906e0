from __future__ import annotations

import pytest

from tests.support.repository import Repository


@pytest.fixture
def tracked(repo: Repository) -> Repository:
    """A directory and a file that are tracked and committed."""
    for name in ("a", "b", "c"):
        repo.write(f"data/{name}.csv", f"{name}\n")
    repo.write("data/run.sh", "echo\n")
    repo.write("model.pkl", "m")
    repo.mlv("track", "data", "model.pkl")
    repo.commit()
    return repo


def test_status_of_nothing_to_report_is_one_line(repo: Repository, tracked: Repository) -> None:
    done = tracked.mlv("status", "--exit-code")
    assert (done.code, done.stderr) == (0, "")
    assert done.stdout == "nothing differs: 2 tracked paths are clean\n"


def test_status_without_tracked_data_says_so(repo: Repository) -> None:
    done = repo.mlv("status")
    assert done.stdout == "nothing differs, and no data is tracked (see `mlv track --help`)\n"


def test_status_names_every_file_that_differs(tracked: Repository) -> None:
    tracked.write("data/a.csv", "changed\n")
    (tracked.root / "data/b.csv").unlink()
    (tracked.root / "data/c.csv").rename(tracked.root / "data/moved.csv")
    (tracked.root / "data/run.sh").chmod(0o755)
    tracked.write("data/new.csv", "n\n")
    (tracked.root / "model.pkl").unlink()
    done = tracked.mlv("status", "--exit-code")
    assert (done.code, done.stdout.splitlines()) == (
        1,
        [
            "data that differs from its pointer:",
            "  data",
            "    modified      data/a.csv",
            "    deleted       data/b.csv",
            "    renamed       data/c.csv -> data/moved.csv",
            "    new           data/new.csv",
            "    mode-changed  data/run.sh",
            "  (store it with `mlv track`, or go back with `mlv checkout`)",
            "data that is not there:",
            "  model.pkl",
            "  (bring it back with `mlv checkout`)",
        ],
    )


def test_status_of_a_file_that_became_a_link_or_a_directory(tracked: Repository) -> None:
    (tracked.root / "data/a.csv").unlink()
    (tracked.root / "data/a.csv").symlink_to("b.csv")
    (tracked.root / "model.pkl").unlink()
    tracked.write("model.pkl/x", "m")
    data, model = tracked.mlv("status", "--json").json["data"]
    assert [each["state"] for each in data["files"]] == ["type-changed"]
    assert model["state"] == "modified"


def test_status_of_a_path_from_a_subdirectory_shows_paths_from_there(tracked: Repository) -> None:
    tracked.write("data/a.csv", "changed\n")
    tracked.write("data/b.csv", "changed\n")
    assert tracked.mlv("status", "a.csv", directory="data").stdout.splitlines()[:3] == [
        "data that differs from its pointer:",
        "  a.csv",
        "    modified      a.csv",
    ]


def test_status_of_a_typo_names_the_nearest(tracked: Repository) -> None:
    assert tracked.mlv("status", "dta").error == (
        3,
        "error: there is no tracked data at 'dta'\nhint: did you mean 'data'?\n",
    )


def test_status_shows_pointers_that_differ_from_head(tracked: Repository) -> None:
    tracked.write("data/a.csv", "changed\n")
    tracked.write("more", "1")
    tracked.mlv("track", "data", "more")
    (tracked.root / "model.pkl.mlv").unlink()
    assert tracked.mlv("status").stdout.splitlines() == [
        "pointers that differ from HEAD:",
        "  modified  data.mlv",
        "  deleted   model.pkl.mlv",
        "  new       more.mlv",
    ]


def test_status_shows_params_that_differ_from_head_and_from_the_last_run(
    repo: Repository,
) -> None:
    repo.write("params.yaml", "lr: 0.2\ndepth: 3\n")
    repo.shell("true", name="first")
    repo.write("params.yaml", "lr: 0.3\n")
    done = repo.mlv("status", "--exit-code")
    assert (done.code, done.stdout.splitlines()) == (
        1,
        [
            "params that differ from HEAD:",
            "  lr: 0.1 -> 0.3  (params.yaml)",
            "params that differ from run first:",
            "  depth: 3 -> (none)  (params.yaml)",
            "  lr: 0.2 -> 0.3  (params.yaml)",
        ],
    )


def test_status_prints_json(tracked: Repository) -> None:
    tracked.write("data/a.csv", "changed\n")
    assert tracked.mlv("status", "--json").json == {
        "schema": "mlv-status 1",
        "data": [
            {
                "path": "data",
                "state": "modified",
                "stored": True,
                "files": [{"path": "data/a.csv", "state": "modified", "old_path": None}],
            },
            {"path": "model.pkl", "state": "clean", "stored": True, "files": []},
        ],
        "pointers": [],
        "broken": {},
        "params_since_head": [],
        "params_since_run": [],
        "last_run": None,
        "live_runs": [],
        "cut_short": [],
    }


def test_status_names_a_pointer_that_cannot_be_read(tracked: Repository) -> None:
    tracked.write("data.mlv", "mlv: 1\nkind: directory\n")
    done = tracked.mlv("status", "--exit-code")
    assert (done.code, done.stderr) == (1, "")
    assert done.stdout.splitlines()[:2] == [
        "pointers that cannot be read:",
        "  data.mlv:2: kind: invalid enum value 'directory'",
    ]


def test_status_knows_data_that_another_clone_has_stored(tracked: Repository) -> None:
    clone = Repository(tracked.root.parent / "clone")
    tracked.git("clone", "-q", str(tracked.root), str(clone.root))
    clone.mlv("init", "-q")
    clone.write("model.pkl", "m")
    assert clone.mlv("status").stdout.splitlines() == [
        "data that is not in the store here:",
        "  data",
        "  model.pkl  (there)",
        "  (store what is there with `mlv fsck --repair`)",
    ]


def test_status_changes_nothing(tracked: Repository) -> None:
    tracked.write("data/a.csv", "changed\n")
    before = tracked.state()
    tracked.mlv("status")
    assert tracked.state() == before
