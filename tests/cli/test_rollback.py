from __future__ import annotations

from tests.support.repository import Repository, normalize


def test_rollback_and_undo_say_what_they_did(story: Repository) -> None:
    done = story.mlv("rollback", "first")
    assert (done.code, done.stdout.splitlines()) == (
        0,
        [
            "replaced code.py",
            "replaced data/a.csv",
            "created data/b.csv",
            "replaced metrics.in",
            "replaced metrics.json",
            "created old.py",
            "replaced out.txt",
            "replaced params.yaml",
            "the worktree is now that of run first; `mlv undo` takes it back",
        ],
    )
    assert done.stderr == "note: 1 file that the run does not know was left as is: new.py\n"
    undone = story.mlv("undo")
    assert (undone.code, undone.stderr) == (0, "")
    assert [line.replace("restored", "replaced") for line in undone.stdout.splitlines()[:8]] == [
        "replaced code.py",
        "replaced data/a.csv",
        "removed data/b.csv",
        "replaced metrics.in",
        "replaced metrics.json",
        "removed old.py",
        "replaced out.txt",
        "replaced params.yaml",
    ]
    assert normalize(undone.stdout).splitlines()[8:] == [
        "undid DIGEST: set files to those of run first",
        "`mlv undo DIGEST` does it again",
    ]


def test_rollback_prints_its_plan(story: Repository) -> None:
    story.write("params.yaml", "mine\n")
    before = story.state()
    done = story.mlv("rollback", "first", "--dry-run")
    assert done.stdout.splitlines()[-3:] == [
        "replace out.txt",
        "replace params.yaml  (its present content is in no commit and in no run)",
        "leave new.py",
    ]
    assert story.state() == before


def test_rollback_refuses_to_lose_work(story: Repository) -> None:
    story.write("params.yaml", "mine\n")
    before = story.state()
    assert story.mlv("rollback", "first").error == (
        3,
        (
            "error: changes that no commit and no run holds would be replaced: params.yaml\n"
            "hint: commit or record them, or go on with --overwrite (`mlv undo` brings them back)\n"
        ),
    )
    assert story.state() == before
    assert story.mlv("rollback", "first", "--overwrite", "-q").code == 0


def test_rollback_of_paths_from_a_subdirectory(story: Repository) -> None:
    done = story.mlv("rollback", "first", "a.csv", directory="data")
    assert done.stdout.splitlines()[0] == "replaced a.csv"
    assert story.read("code.py") == "x = 2\n"


def test_rollback_that_has_nothing_to_do_says_so(story: Repository) -> None:
    assert (
        story.mlv("rollback", "second").stdout
        == "nothing to do: the files are those of run second already\n"
    )


def test_rollback_as_json(story: Repository) -> None:
    plan = story.mlv("rollback", "first", "out.txt", "--dry-run", "--json").json
    assert plan["schema"] == "mlv-rollback-plan 1"
    assert plan["files"] == [{"path": "out.txt", "action": "replace", "unsaved": False}]
    done = story.mlv("rollback", "first", "out.txt", "--json", "--reason", "to look").json
    assert done["schema"] == "mlv-rollback 1"
    undone = story.mlv("undo", "--json").json
    assert undone["schema"] == "mlv-undo 1"


def test_op_log_lists_what_was_done(story: Repository) -> None:
    story.mlv("rollback", "first", "--reason", "to look")
    story.mlv("undo")
    lines = normalize(story.mlv("op", "log").stdout).splitlines()
    words = [line.split("  ")[-1].strip() for line in lines]
    assert len(lines) == 5
    assert "undo" in lines[1]
    assert "(to look)" in lines[2]
    assert words[2] == "undone"
    assert words[3:] == ["record run second", "record run first"]


def test_undo_of_nothing_says_so(repo: Repository) -> None:
    assert repo.mlv("undo").error == (
        3,
        "error: there is nothing to undo\nhint: see what was done with `mlv op log`\n",
    )
