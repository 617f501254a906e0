"""What the record of a run says: its end, inputs, outputs, params, metrics, printed output."""

from __future__ import annotations

import sys
from typing import Any

import pytest

from mlv.app.look.listing import list_runs
from mlv.app.look.showing import read_console
from mlv.core.params import flatten_params
from mlv.core.run import Input, Run
from mlv.errors import (
    CommandNotExecutableError,
    CommandNotFoundError,
    MissingFileError,
    MlvError,
    UnreadableFileError,
    UsageError,
)
from mlv.worktree.fingerprint import HashOnly, fingerprint
from tests.support.repository import Repository


def _end(run: Run) -> tuple[str, int | None, int | None]:
    return run.status, run.exit_code, run.signal


@pytest.mark.parametrize(
    ("script", "end"),
    [
        ("true", ("finished", 0, None)),
        ("exit 3", ("failed", 3, None)),
        ("kill -TERM $$", ("killed", None, 15)),
        ("kill -KILL $$", ("killed", None, 9)),
    ],
)
def test_run_records_how_the_command_ended(
    repo: Repository, script: str, end: tuple[str, int | None, int | None]
) -> None:
    repo.shell(script)
    assert [_end(run) for run in repo.runs()] == [end]


def test_run_keeps_printed_output_byte_for_byte(repo: Repository) -> None:
    repo.run(
        sys.executable,
        "-c",
        "import sys; sys.stdout.buffer.write(bytes(range(256))); print('oops', file=sys.stderr)",
    )
    assert read_console(repo.open(), "last") == {"stdout": bytes(range(256)), "stderr": b"oops\n"}


def test_run_records_declared_input_and_output(repo: Repository) -> None:
    repo.write(".gitignore", "data/\nout/\n")
    repo.write("data/a.csv", "1\n")
    run = repo.shell("mkdir out; cp data/a.csv out/b.csv", inputs=["data"], outputs=["out"])
    found = [(each.path, each.source, each.fingerprint.n_files) for each in run.outputs]
    assert [(each.path, each.source) for each in run.inputs] == [("data", "declared")]
    assert found == [("out", "declared", 1)]


def test_run_says_which_declared_output_was_not_written(repo: Repository) -> None:
    run = repo.shell("true", outputs=["model.pkl"])
    assert run.outputs == ()
    assert run.problems == ("output model.pkl was declared, but the command did not write it",)


def test_run_flags_an_input_that_changed_meanwhile(repo: Repository) -> None:
    path = repo.write("data.csv", "before\n")
    before = fingerprint(path, HashOnly())
    run = repo.shell("echo after > data.csv", inputs=["data.csv"])
    after = fingerprint(path, HashOnly())
    assert run.inputs == (
        Input(path=run.inputs[0].path, source="declared", fingerprint=before, changed=True,
              after=after),
    )  # fmt: skip
    assert run.problems == (
        (
            "input data.csv changed (while the command ran):"
            f" {before.digest[:12]} -> {after.digest[:12]}"
        ),
    )


def test_run_flags_an_input_that_is_gone(repo: Repository) -> None:
    repo.write("data.csv", "before\n")
    run = repo.shell("rm data.csv", inputs=["data.csv"])
    assert (run.inputs[0].changed, run.inputs[0].after) == (True, None)
    assert "-> gone" in run.problems[0]


def test_run_does_not_flag_an_input_that_was_only_touched(repo: Repository) -> None:
    repo.write("data.csv", "same\n")
    run = repo.shell("echo same > data.csv", inputs=["data.csv"])
    assert (run.inputs[0].changed, run.problems) == (False, ())


def test_run_names_the_source_of_each_param(repo: Repository) -> None:
    repo.write("train.py", "import mlv\nmlv.start_run().log_params({'depth': 3})\n")
    run = repo.run(sys.executable, "train.py", "--epochs", "5")
    found = {name: (p.value, p.source) for name, p in flatten_params(run.params).items()}
    assert found == {
        "lr": (0.1, "params.yaml"),
        "epochs": (5, "command"),
        "depth": (3, "api"),
    }


def test_run_reads_only_the_named_keys_of_a_params_file(repo: Repository) -> None:
    repo.write("p.yaml", "train: {lr: 0.1, decay: 0}\nseed: 1\nother: 2\n")
    run = repo.shell("true", params=("p.yaml:train.lr,seed",))
    assert [(s.name, s.values) for s in run.params] == [
        ("p.yaml", {"train": {"lr": 0.1}, "seed": 1})
    ]


def test_run_reads_metrics_that_the_command_wrote(repo: Repository) -> None:
    run = repo.shell("""echo '{"accuracy": 0.5, "test": {"loss": 2}}' > metrics.json""")
    assert {name: (m.value, m.source) for name, m in run.metrics.items()} == {
        "accuracy": (0.5, "metrics.json"),
        "test.loss": (2, "metrics.json"),
    }
    assert [(each.path, each.source) for each in run.outputs] == [("metrics.json", "observed")]


def test_run_does_not_take_metrics_of_an_earlier_run_for_its_own(repo: Repository) -> None:
    repo.shell("""echo '{"accuracy": 0.5}' > metrics.json""")
    run = repo.shell("true")
    assert (run.metrics, run.problems) == ({}, ())


def test_run_says_that_a_named_metrics_file_was_not_written(repo: Repository) -> None:
    repo.write("m.json", '{"accuracy": 0.5}')
    run = repo.shell("true", metrics=["m.json"])
    assert run.metrics == {}
    assert run.problems == ("metrics file m.json was not written by the command",)


def test_run_says_where_a_metrics_file_is_malformed(repo: Repository) -> None:
    run = repo.shell("echo '{\"accuracy\": }' > metrics.json")
    assert run.status == "finished"
    assert [problem.split(": ")[0] for problem in run.problems] == ["metrics.json:1:14"]


def test_run_records_the_series_of_the_api(repo: Repository) -> None:
    repo.write(
        "train.py",
        """\
        import mlv
        with mlv.start_run() as run:
            for step, loss in enumerate([3.0, float("nan"), 1.0]):
                run.log({"loss": loss}, step=step)
        """,
    )
    run = repo.run(sys.executable, "train.py")
    assert (run.series["loss"].steps, run.series["loss"].values) == ((0, 1, 2), (3.0, "nan", 1.0))
    assert (run.metrics["loss"].value, run.metrics["loss"].lowest) == (1.0, 1.0)


def test_run_snapshot_holds_uncommitted_untracked_and_binary_code(repo: Repository) -> None:
    repo.write("params.yaml", "lr: 0.2\n")
    repo.write("new.py", "x = 1\n")
    repo.write("weights.bin", bytes(range(256)))
    run = repo.shell("true")
    show = [repo.git("show", f"{run.code.snapshot}:{name}") for name in ("params.yaml", "new.py")]
    assert show == ["lr: 0.2", "x = 1"]
    assert repo.open().git.tree_files(run.code.snapshot).keys() == {
        ".gitattributes",
        "new.py",
        "params.yaml",
        "weights.bin",
    }
    assert (run.code.dirty, run.code.untracked) == (True, ("new.py", "weights.bin"))


def test_run_leaves_index_worktree_and_stash_as_they_were(repo: Repository) -> None:
    repo.write("params.yaml", "lr: 0.3\n")
    repo.git("stash")
    repo.write("params.yaml", "lr: 0.2\n")
    repo.git("add", "params.yaml")
    repo.write("params.yaml", "lr: 0.4\n")
    repo.write("new.py", "x = 1\n")
    before = repo.state()
    repo.shell("true")
    after = repo.state()
    changed = {path for path in before.keys() | after.keys() if before.get(path) != after.get(path)}
    assert {path for path in changed if not path.startswith((".mlv/", ".git/refs/mlv"))} == set()


def test_run_of_the_same_code_has_the_same_tree(repo: Repository) -> None:
    first = repo.shell("echo 1 > out.txt", outputs=["out.txt"])
    second = repo.shell("echo 1 > out.txt", outputs=["out.txt"])
    assert (first.code.dirty, second.code.dirty) == (False, False)
    assert first.code.tree == second.code.tree


def test_run_in_a_subdirectory_records_paths_from_the_root(repo: Repository) -> None:
    repo.write("sub/params.yaml", "depth: 2\n")
    run = repo.shell("pwd; echo x > out.txt", directory="sub", outputs=["sub/out.txt"])
    assert (run.command.directory, run.outputs[0].path) == ("sub", "sub/out.txt")
    assert [source.name for source in run.params] == ["sub/params.yaml"]
    assert read_console(repo.open(), "last")["stdout"] == f"{repo.root / 'sub'}\n".encode()


def test_run_redacts_a_secret_in_the_command(repo: Repository) -> None:
    run = repo.run("true", "--password", "hunter2")
    assert "hunter2" not in " ".join(run.command.argv)
    assert b"hunter2" not in b"".join(content for _, content in repo.state().values())


def test_run_lists_a_secret_file_as_left_out(repo: Repository) -> None:
    repo.write(".env", "TOKEN=1\n")
    run = repo.shell("true")
    assert [(each.path, each.reason) for each in run.code.left_out] == [(".env", "secret")]


@pytest.mark.parametrize(
    ("argv", "request_", "error", "message"),
    [
        (("nonesuch",), {}, CommandNotFoundError, "command 'nonesuch' not found"),
        (
            ("./params.yaml",),
            {},
            CommandNotExecutableError,
            "cannot execute './params.yaml': permission denied",
        ),
        (("true",), {"inputs": ["a", "b"]}, MissingFileError, "inputs 'a', 'b' are not there"),
        (
            ("true",),
            {"params": ("nope.yaml",)},
            MissingFileError,
            "params file 'nope.yaml' is not there",
        ),
        (
            ("true",),
            {"params": ("params.yaml:lr,depth",)},
            MissingFileError,
            "params file 'params.yaml' has no key 'depth'",
        ),
        (
            ("true",),
            {"params": ("bad.yaml",)},
            UnreadableFileError,
            "bad.yaml:2:6: mapping values are not allowed in this context",
        ),
        (
            ("true",),
            {"name": "last~2"},
            UsageError,
            "a run cannot be called 'last~2': that means another run already",
        ),
        (
            ("true", "\udcff"),
            {},
            UsageError,
            "'\\udcff' is not UTF-8 text, so it cannot be recorded",
        ),
    ],
)
def test_run_refuses_and_changes_nothing(
    repo: Repository,
    argv: tuple[str, ...],
    request_: dict[str, Any],
    error: type[MlvError],
    message: str,
) -> None:
    repo.write("bad.yaml", "lr: 0.1\n  bad: [\n")
    before = repo.state()
    with pytest.raises(error) as caught:
        repo.run(*argv, **request_)
    assert caught.value.message == message
    assert repo.state() == before


def test_run_forgets_a_command_that_could_not_start(repo: Repository) -> None:
    repo.write("broken.sh", "#!/nonesuch/sh\n", mode=0o755)
    with pytest.raises(CommandNotExecutableError) as caught:
        repo.run("./broken.sh")
    assert caught.value.message == (
        "cannot execute './broken.sh': the interpreter that its first line names does not exist"
    )
    assert list_runs(repo.open(), limit=None, reproductions=True).runs == ()
    assert repo.git("for-each-ref", "refs/mlv") == ""
