from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.repository import Repository, normalize


def test_run_passes_output_through_byte_for_byte(repo: Repository) -> None:
    script = "import sys; sys.stdout.buffer.write(bytes(range(256))); sys.stderr.write('oops\\n')"
    done = repo.mlv("run", "-q", sys.executable, "-c", script)
    assert done.stdout.encode("utf-8", "surrogateescape") == bytes(range(256))
    assert (done.code, done.stderr) == (0, "oops\n")


def test_run_passes_input_through(repo: Repository) -> None:
    assert repo.mlv("run", "-q", "cat", stdin="hello").stdout == "hello"


@pytest.mark.parametrize(
    ("script", "code"), [("exit 0", 0), ("exit 3", 3), ("kill -TERM $$", 143), ("kill -9 $$", 137)]
)
def test_run_exits_as_the_command_does(repo: Repository, script: str, code: int) -> None:
    assert repo.mlv("run", "sh", "-c", script).code == code


def test_run_says_what_it_recorded(repo: Repository) -> None:
    repo.write("data.csv", "1\n")
    script = "cp data.csv out.csv; echo '{\"accuracy\": 0.5}' > metrics.json; echo 2 > data.csv"
    done = repo.mlv(
        "run", "-n", "first", "-i", "data.csv", "-o", "out.csv", "-o", "no", "-t", "a", "--note",
        "hm", "sh", "-c", script,
    )  # fmt: skip
    run = repo.find("first")
    (changed,) = run.inputs
    assert changed.fingerprint is not None
    assert changed.after is not None
    assert normalize(done.stderr).splitlines() == [
        "warning: input data.csv changed (while the command ran): DIGEST -> DIGEST",
        "warning: output no was declared, but the command did not write it",
        "note: recorded run first: finished in 0.0s, 1 input, 2 outputs, accuracy 0.5",
    ]
    assert f"{changed.fingerprint.digest[:12]} -> {changed.after.digest[:12]}" in done.stderr
    assert (run.tags, run.note) == (("a",), "hm")


def test_run_leaves_options_after_the_command_to_it(repo: Repository) -> None:
    done = repo.mlv("run", "-q", "echo", "-n", "--json", "-i", "x")
    assert done.stdout == "--json -i x"
    assert repo.find("last").command.argv == ("echo", "-n", "--json", "-i", "x")


def test_run_takes_paths_from_where_it_is(repo: Repository) -> None:
    repo.write("sub/data.csv", "1\n")
    repo.mlv("run", "-q", "-i", "data.csv", "true", directory="sub")
    repo.mlv("-C", "sub", "run", "-q", "-i", "data.csv", "true")
    assert [[each.path for each in run.inputs] for run in repo.runs()] == [["sub/data.csv"]] * 2


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("nonesuch",), 127, "error: command 'nonesuch' not found\n"),
        (
            ("./params.yaml",),
            126,
            (
                "error: cannot execute './params.yaml': permission denied\n"
                "hint: chmod +x ROOT/params.yaml\n"
            ),
        ),
        (
            ("-i", "nope", "true"),
            125,
            "error: input 'nope' is not there\nhint: check the paths given with --input\n",
        ),
        (
            ("-p", "bad.yaml", "true", "--json"),
            125,
            "error: bad.yaml:2:6: mapping values are not allowed in this context\n",
        ),
        ((), 125, "error: missing argument 'COMMAND'\nhint: see `mlv run --help`\n"),
        (("--qxz", "true"), 125, "error: no such option: --qxz\nhint: see `mlv run --help`\n"),
        (
            ("--metrisc", "true"),
            125,
            "error: no such option: --metrisc\nhint: did you mean --metrics?\n",
        ),
    ],
)
def test_run_that_cannot_begin(
    repo: Repository, arguments: tuple[str, ...], code: int, message: str
) -> None:
    repo.write("bad.yaml", "lr: 0.1\n  bad: [\n")
    done = repo.mlv("run", *arguments)
    assert done.error == (code, message.replace("ROOT", str(repo.root)))
    assert repo.runs() == ()


def test_run_outside_a_repository(own_environment: None, tmp_path: Path) -> None:
    done = Repository(tmp_path).mlv("run", "true")
    assert done.error == (
        125,
        (
            f"error: '{tmp_path}' is not inside a Git repository\n"
            "hint: create one with `git init`, or use `mlv -C DIR`\n"
        ),
    )


def test_run_without_a_store(bare_repository: Repository) -> None:
    before = bare_repository.state()
    done = bare_repository.mlv("run", "true")
    assert done.error == (
        125,
        (
            f"error: there is no mlv store in {bare_repository.root}\n"
            "hint: create one with `mlv init`\n"
        ),
    )
    assert bare_repository.state() == before


def test_run_without_a_commit(empty_repository: Repository) -> None:
    empty_repository.initialize()
    assert empty_repository.mlv("run", "-q", "true").code == 0
    shown = empty_repository.mlv("log", "--json").json["runs"][0]
    assert (shown["code"], shown["dirty"]) == (None, True)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_run_ends_the_command_and_is_recorded(
    repo: Repository, number: signal.Signals
) -> None:
    ready = repo.root.parent / "ready"
    os.mkfifo(ready)
    argv = [sys.executable, "-m", "mlv", "run", "-q", "sh", "-c", f"echo > {ready}; exec sleep 60"]
    with subprocess.Popen(argv, cwd=repo.root, start_new_session=True) as process:
        ready.read_text()
        os.killpg(process.pid, number)
        assert process.wait() == 128 + number
    assert [(run.status, run.signal) for run in repo.runs()] == [("killed", number)]


def test_runs_at_the_same_time_are_all_recorded(repo: Repository) -> None:
    gate = repo.root.parent / "gate"
    os.mkfifo(gate)
    argv = [sys.executable, "-m", "mlv", "run", "-q"]
    started = [
        subprocess.Popen([*argv, "-n", f"r{n}", "sh", "-c", f"cat {gate}"], cwd=repo.root)
        for n in range(3)
    ]
    with gate.open("w"):
        pass
    for _ in range(2):  # whoever came too late for the first opening waits for another
        while any(process.poll() is None for process in started):
            try:
                os.close(os.open(gate, os.O_WRONLY | os.O_NONBLOCK))
            except OSError:
                os.sched_yield()
    assert [process.wait() for process in started] == [0, 0, 0]
    assert {run.name for run in repo.runs()} == {"r0", "r1", "r2"}


def test_make_that_runs_python_is_observed(repo: Repository) -> None:
    repo.write(".gitignore", "a.csv\nb.csv\n")
    repo.write("a.csv", "1\n")
    repo.write("train.py", "open('b.csv', 'w').write(open('a.csv').read())\n")
    repo.write("Makefile", f"all:\n\t@{sys.executable} train.py\n")
    assert repo.mlv("run", "-q", "make").code == 0
    run = repo.find("last")
    assert ([i.path for i in run.inputs], [o.path for o in run.outputs]) == (["a.csv"], ["b.csv"])


def _breaker(repo: Repository) -> str:
    """Return a line of shell that makes it impossible to seal the run."""
    return f"mv {repo.root}/.mlv/objects {repo.root}/.mlv/away; touch {repo.root}/.mlv/objects"


@pytest.mark.parametrize(("end", "code"), [("exit 0", 3), ("exit 4", 4), ("kill -9 $$", 137)])
def test_run_that_cannot_be_sealed_exits_as_the_command_did_if_that_failed(
    repo: Repository, end: str, code: int
) -> None:
    done = repo.mlv("run", "-q", "-n", "it", "sh", "-c", f"{_breaker(repo)}; {end}")
    assert done.code == code
    assert done.stderr.startswith("error: the command ended, but its record was not sealed: ")
    assert "`mlv recover`" in done.stderr
    (repo.root / ".mlv/objects").unlink()
    (repo.root / ".mlv/away").rename(repo.root / ".mlv/objects")
    assert repo.mlv("recover").stdout.startswith("sealed run it as ")
    assert repo.find("it").status != "lost"
