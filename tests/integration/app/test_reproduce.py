"""Make a run again: every verdict, and what must stay as it is."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from mlv.app.publish import read_invocation
from mlv.app.reporter import SilentReporter
from mlv.app.reproduce.preflight import Blocker
from mlv.app.reproduce.reproducing import (
    ReproduceRequest,
    ReproduceResult,
    plan_reproduction,
    reproduce,
)
from mlv.core.run import Reproduction, Run, Tolerance
from mlv.errors import NotPossibleError
from tests.support.repository import Repository
from tests.support.stored_objects import remove_object

# The first execution leaves a mark outside the repository; later ones come out differently.
_DRIFT = "test -e {mark} && d=1 || d=0; touch {mark}; "


def _reproduce(repo: Repository, reference: str = "last", **request: Any) -> ReproduceResult:  # noqa: ANN401
    workspace = repo.open()
    asked = ReproduceRequest(reference=reference, **request)
    invocation = read_invocation(workspace, ("mlv", "reproduce", reference))
    return reproduce(workspace, asked, invocation, SilentReporter())


def _results(result: ReproduceResult) -> dict[str, str]:
    assert result.comparison is not None
    found = {metric.name: str(metric.result) for metric in result.comparison.metrics}
    return found | {output.path: output.result for output in result.comparison.outputs}


@pytest.fixture
def drifting(repo: Repository, tmp_path: Path) -> Run:
    """A run whose loss and log are a little different when it is made again."""
    drift = _DRIFT.format(mark=tmp_path / "mark")
    return repo.shell(f"""{drift} echo "{{\\"loss\\": 0.50$d}}" > metrics.json""")


def test_reproduce_finds_a_run_identical(repo: Repository) -> None:
    run = repo.shell("cat params.yaml > out.txt; echo '{\"a\": 1}' > metrics.json; exit 3",
                     outputs=["out.txt"])  # fmt: skip
    repo.write("params.yaml", "lr: 9\n")
    result = _reproduce(repo)
    assert (result.verdict, result.kept) == ("identical", None)
    assert _results(result) == {
        "a": "identical",
        "metrics.json": "identical",
        "out.txt": "identical",
    }
    assert result.reproduction is not None
    assert result.reproduction.reproduction == Reproduction(original=run.id, verdict="identical")


@pytest.mark.parametrize(
    ("tolerance", "verdict"),
    [
        (None, "diverged"),
        (Tolerance(abs=0.01), "equivalent"),
        (Tolerance(rel=0.01), "equivalent"),
        (Tolerance(abs=0.0001, rel=0.0001), "diverged"),
    ],
)
def test_reproduce_judges_metrics_by_tolerance(
    repo: Repository, drifting: Run, tolerance: Tolerance | None, verdict: str
) -> None:
    assert _reproduce(repo, tolerance=tolerance).verdict == verdict


def test_reproduce_takes_the_tolerance_that_was_recorded(repo: Repository, tmp_path: Path) -> None:
    repo.write("mlv.yaml", "metrics: {loss: {tolerance: {abs: 0.01}}}\n")
    drift = _DRIFT.format(mark=tmp_path / "mark")
    repo.shell(f"""{drift} echo "{{\\"loss\\": 0.50$d}}" > metrics.json""")
    (repo.root / "mlv.yaml").unlink()
    result = _reproduce(repo)
    assert result.comparison is not None
    assert result.verdict == "equivalent"
    assert result.comparison.metrics[0].tolerance_source == "recorded with the run"


def test_reproduce_keeps_the_worktree_of_a_diverged_run(repo: Repository, drifting: Run) -> None:
    result = _reproduce(repo)
    assert result.kept is not None
    assert (result.kept / "metrics.json").read_text() == '{"loss": 0.501}\n'
    assert result.comparison is not None
    assert result.comparison.reasons == ("metric loss is different",)


def test_reproduce_says_when_an_output_is_missing_or_extra(
    repo: Repository, tmp_path: Path
) -> None:
    repo.write(
        "train.py",
        f"""\
        from pathlib import Path
        mark = Path({str(tmp_path / "mark")!r})
        Path("b.txt" if mark.exists() else "a.txt").write_text("x")
        mark.touch()
        """,
    )
    repo.run(sys.executable, "train.py")
    result = _reproduce(repo)
    assert result.verdict == "diverged"
    assert _results(result) == {"a.txt": "missing", "b.txt": "extra"}


def test_reproduce_finds_that_the_command_fails(repo: Repository, tmp_path: Path) -> None:
    drift = _DRIFT.format(mark=tmp_path / "mark")
    repo.shell(f"{drift} echo x > out.txt; exit $d", outputs=["out.txt"])
    result = _reproduce(repo)
    assert result.verdict == "failed"
    assert result.comparison is not None
    assert result.comparison.reasons == ("the command ended with 1; when recorded it ended with 0",)


def test_reproduce_has_nothing_to_compare(repo: Repository) -> None:
    repo.shell("true")
    assert _reproduce(repo).verdict == "inconclusive"


def test_reproduce_names_all_that_is_in_the_way(repo: Repository) -> None:
    repo.write("mlv.yaml", "code: {bundle: false}\n")
    repo.write(".gitignore", "data\n")
    repo.write("data/a", "1\n")
    repo.write("data/b", "2\n")
    repo.write("new.py", "x = 1\n")
    run = repo.run("cat", "--token", "hunter2", "data/a", inputs=["data/a", "data/b"])
    for each in run.inputs:
        assert each.fingerprint is not None
        remove_object(repo.root / ".mlv", each.fingerprint.digest)
    repo.git("update-ref", "-d", f"refs/mlv/runs/{run.id}")
    repo.git("gc", "--quiet", "--prune=now")
    result = _reproduce(repo)
    assert result.verdict == "cannot-run"
    message = (
        f"Git no longer has the code snapshot {run.code.snapshot[:12]}, and no bundle of it was"
        " stored (fetch it from another clone: `git fetch CLONE 'refs/mlv/*:refs/mlv/*'`)"
    )
    assert result.blockers == (
        Blocker(code="code.snapshot_missing", message=message),
        Blocker(code="data.missing", message="the store has no content for data/a"),
        Blocker(code="data.missing", message="the store has no content for data/b"),
        Blocker(code="secret.missing", message="a secret in the command line was not recorded"),
    )
    assert len(repo.runs()) == 1


def test_reproduce_refuses_an_input_outside_that_changed(repo: Repository, tmp_path: Path) -> None:
    data = tmp_path / "data.csv"
    data.write_text("1\n")
    repo.shell(f"cp {data} out.txt", inputs=[str(data)], outputs=["out.txt"])
    assert _reproduce(repo).verdict == "identical"
    data.write_text("2\n")
    assert [blocker.code for blocker in _reproduce(repo).blockers] == ["data.hash_mismatch"]
    data.unlink()
    assert [blocker.code for blocker in _reproduce(repo).blockers] == ["data.external_unreachable"]


def test_reproduce_uses_the_recorded_script_and_not_the_present_one(repo: Repository) -> None:
    repo.write("train.sh", "#!/bin/sh\necho one > out.txt\n", mode=0o755)
    repo.run("./train.sh", outputs=["out.txt"])
    repo.write("train.sh", "#!/bin/sh\necho two > out.txt\n")
    assert _reproduce(repo).verdict == "identical"
    (repo.root / "train.sh").unlink()
    assert _reproduce(repo).verdict == "identical"


def test_reproduce_uses_a_program_that_git_ignores(repo: Repository) -> None:
    repo.write(".gitignore", "bin/\n")
    repo.write("bin/tool", "#!/bin/sh\necho one > out.txt\n", mode=0o755)
    repo.run("bin/tool", outputs=["out.txt"])
    assert _reproduce(repo).verdict == "identical"


def test_reproduce_brings_back_ignored_inputs_and_uncommitted_code(repo: Repository) -> None:
    repo.write(".gitignore", "data/\n")
    repo.write("data/a.csv", "1\n")
    repo.write("train.py", "open('out.txt', 'w').write(open('data/a.csv').read() + 'v1')\n")
    repo.run(sys.executable, "train.py")
    repo.write("data/a.csv", "2\n")
    repo.write("train.py", "raise SystemExit(1)\n")
    result = _reproduce(repo)
    assert (result.verdict, _results(result)) == ("identical", {"out.txt": "identical"})


def test_reproduce_does_not_take_committed_outputs_for_its_own(repo: Repository) -> None:
    repo.write("out.txt", "old\n")
    repo.commit()
    mark = repo.root.parent / "mark"
    repo.shell(f"test -e {mark} || echo old > out.txt; touch {mark}", outputs=["out.txt"])
    result = _reproduce(repo)
    assert _results(result) == {"out.txt": "missing"}


def test_reproduce_works_for_a_run_in_a_subdirectory(repo: Repository) -> None:
    repo.write("sub/a.txt", "1\n")
    repo.shell("cp a.txt b.txt; pwd", directory="sub", outputs=["sub/b.txt"])
    result = _reproduce(repo)
    assert result.verdict == "identical"
    assert result.reproduction is not None
    assert result.reproduction.command.directory == "sub"


def test_reproduce_leaves_the_dirty_worktree_and_no_git_worktree(repo: Repository) -> None:
    repo.shell("echo 1 > out.txt", outputs=["out.txt"])
    repo.write("params.yaml", "lr: 5\n")
    repo.write("out.txt", "mine\n")
    repo.write("new.py", "x = 1\n")
    repo.git("add", "new.py")
    before = repo.state()
    _reproduce(repo)
    after = repo.state()
    changed = {path for path in before.keys() | after.keys() if before.get(path) != after.get(path)}
    assert {path for path in changed if not path.startswith(".mlv/")} <= {".git/worktrees"}
    assert repo.git("worktree", "list").count("\n") == 0
    assert list((repo.root / ".mlv/live").iterdir()) == []


def test_reproduction_does_not_count_as_last(repo: Repository) -> None:
    run = repo.shell("echo 1 > out.txt", outputs=["out.txt"])
    _reproduce(repo)
    assert len(repo.runs()) == 2
    assert (repo.find("last").id, repo.find("HEAD").id) == (run.id, run.id)


def test_reproduction_is_identical_to_one_with_series(repo: Repository, tmp_path: Path) -> None:
    repo.write(
        "train.py",
        f"""\
        import mlv
        from pathlib import Path
        mark = Path({str(tmp_path / "mark")!r})
        for step in range(2000):
            mlv.log({{"loss": 1 / (step + 1) + (step == 7 and mark.exists())}}, step=step)
        mark.touch()
        """,
    )
    repo.run(sys.executable, "train.py")
    result = _reproduce(repo)
    assert result.comparison is not None
    assert result.verdict == "diverged"
    assert result.comparison.metrics[0].first_different_step == 7


def test_plan_does_nothing(repo: Repository) -> None:
    repo.shell("echo 1 > out.txt", outputs=["out.txt"])
    before = repo.state()
    assert plan_reproduction(repo.open(), "last").blockers == ()
    assert repo.state() == before


def test_reproduce_reads_the_same_keys_of_a_params_file(repo: Repository) -> None:
    repo.write("conf.yaml", "lr: 1\nother: 2\n")
    repo.commit()
    run = repo.shell("echo 1 > out.txt", outputs=["out.txt"], params=("conf.yaml:lr",))
    result = _reproduce(repo)
    assert run.params[0].keys == ("lr",)
    assert result.reproduction is not None
    assert result.reproduction.params[0].values == {"lr": 1}


def test_reproduce_of_a_nested_run_names_the_outermost(repo: Repository) -> None:
    repo.write(
        "sweep.py",
        "import mlv\n"
        "with mlv.start_run():\n"
        "    with mlv.start_run('trial', nested=True):\n"
        "        with mlv.start_run('part', nested=True) as run:\n"
        "            run.log({'loss': 1.0})\n",
    )
    outermost = repo.run(sys.executable, "sweep.py")
    with pytest.raises(NotPossibleError) as caught:
        plan_reproduction(repo.open(), "part")
    assert caught.value.hint == f"mlv reproduce {outermost.name}"
