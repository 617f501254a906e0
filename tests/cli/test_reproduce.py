from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from mlv.core.digest import digest_of
from tests.support.repository import Repository, normalize
from tests.support.stored_objects import remove_object

_DRIFT = 'test -e {mark} && d=1 || d=0; touch {mark}; echo "{{\\"loss\\": 0.50$d}}" > metrics.json'


@pytest.fixture
def drifting(repo: Repository, tmp_path: Path) -> Repository:
    repo.shell(_DRIFT.format(mark=tmp_path / "mark"), name="first")
    return repo


def test_reproduce_prints_the_verdict(story: Repository) -> None:
    done = story.mlv("reproduce", "first")
    assert (done.code, done.stderr) == (0, "oops\n")
    assert [line.split() for line in done.stdout.splitlines()] == [
        ["hello"],
        ["metric", "recorded", "reproduced", "result", "tolerance"],
        ["accuracy", "0.5", "0.5", "identical", "0", "(exact)"],
        ["loss", "1", "1", "identical", "0", "(exact)"],
        [],
        ["output", "result"],
        ["metrics.json", "identical"],
        ["out.txt", "identical"],
        [],
        "verdict: identical (run first came out the same, bit for bit)".split(),
    ]


def test_reproduce_says_why_it_diverged_and_where_the_files_are(drifting: Repository) -> None:
    done = drifting.mlv("reproduce", "first")
    assert done.code == 1
    assert done.stdout.splitlines()[-2:] == [
        "  metric loss is different",
        "verdict: diverged (run first came out differently)",
    ]
    kept = Path(done.stderr.removeprefix("its files are in ").strip())
    assert (kept / "metrics.json").read_text() == '{"loss": 0.501}\n'


@pytest.mark.parametrize(
    ("options", "code"),
    [(["--rtol", "0.01"], 0), (["--atol", "0.01"], 0), (["--atol", "1", "--require-identical"], 1)],
)
def test_reproduce_takes_tolerances(drifting: Repository, options: list[str], code: int) -> None:
    done = drifting.mlv("reproduce", "first", *options)
    assert (done.code, done.stdout.splitlines()[-1]) == (
        code,
        "verdict: equivalent (run first came out the same within its tolerances)",
    )


def test_reproduce_as_json_prints_nothing_else(story: Repository) -> None:
    done = story.mlv("reproduce", "first", "--json", "--keep")
    found = done.json
    assert (done.code, done.stderr) == (0, "hello\noops\n")
    assert (found["schema"], found["verdict"]) == ("mlv-reproduction 1", "identical")
    shutil.rmtree(found["kept"])


def test_reproduce_plan(story: Repository) -> None:
    done = story.mlv("reproduce", "first", "--plan")
    assert (done.code, done.stdout) == (0, "run first can be reproduced here\n")
    found = story.mlv("reproduce", "first", "--plan", "--json").json
    assert found["blockers"] == []


def test_reproduce_that_cannot_run_gives_all_reasons(story: Repository) -> None:
    run = story.find("second")
    (each,) = run.inputs
    assert each.fingerprint is not None
    for data in (b"10\n", b"3\n"):
        remove_object(story.root / ".mlv", digest_of(data))
    for bundle in run.code.bundles:
        remove_object(story.root / ".mlv", bundle.digest)
    story.git("update-ref", "-d", f"refs/mlv/runs/{run.id}")
    story.git("gc", "--quiet", "--prune=now")
    done = story.mlv("reproduce", "second")
    assert (done.code, done.stderr) == (3, "")
    assert normalize(done.stdout).splitlines() == [
        (
            "  code.snapshot_missing: Git no longer has the code snapshot DIGEST, and the store no"
            " longer has its bundles (fetch it from another clone:"
            " `git fetch CLONE 'refs/mlv/*:refs/mlv/*'`)"
        ),
        "  data.missing: the store has no content for data/a.csv",
        "  data.missing: the store has no content for data/c.csv",
        "verdict: cannot-run (run second cannot be run here)",
    ]
    assert story.mlv("reproduce", "second", "--plan").code == 3


def test_reproduce_of_a_failing_command(repo: Repository, tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    repo.shell(f"test -e {mark} && exit 2; touch {mark} out.txt", outputs=["out.txt"])
    done = repo.mlv("reproduce", "last")
    assert done.code == 5
    line = "  the command ended with 2; when recorded it ended with 0"
    assert line in done.stdout.splitlines()


def test_reproduce_with_nothing_to_compare(repo: Repository) -> None:
    repo.shell("true", name="first")
    done = repo.mlv("reproduce", "last")
    assert (done.code, done.stdout.splitlines()) == (
        4,
        [
            "  the run has neither metrics nor outputs to compare",
            "verdict: inconclusive (nothing of run first could be compared)",
        ],
    )


def test_reproduce_leads_absolute_paths_of_the_worktree_to_the_snapshot(repo: Repository) -> None:
    script = repo.write("train.sh", "echo 1 > out.txt\n")
    repo.run("sh", str(script), outputs=["out.txt"])
    repo.write("train.sh", "echo 2 > out.txt\n")
    repo.write("out.txt", "mine\n")

    done = repo.mlv("reproduce", "last")

    assert (done.code, done.stderr) == (0, "")
    assert repo.read("out.txt") == "mine\n"
