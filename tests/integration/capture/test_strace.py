from __future__ import annotations

import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from mlv.capture.observing.strace import strace_argv
from mlv.errors import NotPossibleError
from tests.integration.capture.conftest import Scratch

PYTHON = sys.executable


@pytest.fixture
def traced(scratch: Scratch) -> Scratch:
    """Return a worktree, where this machine has a `strace` that works."""
    if shutil.which("strace") is None:
        pytest.skip("strace is not installed")
    scratch.observed_env()
    try:
        strace_argv(["true"], Path("/bin/true"), scratch.live)
    except NotPossibleError as error:
        pytest.skip(error.message)
    return scratch


def run(scratch: Scratch, *argv: str, kill: signal.Signals | None = None) -> int:
    """Run a command under `strace`, and return its exit code."""
    program = Path(shutil.which(argv[0]) or argv[0])
    traced, strace = strace_argv(argv, program, scratch.live)
    process = subprocess.Popen(
        traced,
        executable=strace,
        cwd=scratch.root,
        env=scratch.observed_env(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    if kill is not None:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        process.send_signal(kill)
    _, complaints = process.communicate()
    assert "strace" not in complaints
    return process.returncode


def test_what_a_shell_reads_and_writes_is_seen(traced: Scratch) -> None:
    traced.write("data.csv", "1\n")
    traced.write("steps.sh", "cat data.csv > tmp; mv tmp out; cp out gone; rm gone; exit 7")

    code = run(traced, "sh", "steps.sh")

    assert (code, traced.reads(), traced.writes()) == (7, {"steps.sh", "data.csv"}, {"out"})
    assert traced.observations().processes == ()


def test_what_native_code_opens_is_seen(traced: Scratch) -> None:
    traced.write("data.csv", "a,b\n1,2\n")
    traced.write(
        "native.py",
        """
        import pyarrow.csv, pyarrow.parquet
        table = pyarrow.csv.read_csv("data.csv")
        pyarrow.parquet.write_table(table, "out.parquet")
        pyarrow.parquet.read_table("out.parquet")
        """,
    )

    assert run(traced, PYTHON, "native.py") == 0

    assert (traced.reads(), traced.writes()) == ({"data.csv"}, {"out.parquet"})
    assert len(traced.observations().processes) == 1


def test_python_under_strace_tells_one_story(traced: Scratch) -> None:
    info = traced.write("data.csv").stat()
    traced.write(
        "main.py",
        """
        import os, subprocess
        open("data.csv").close()
        open("tmp", "w").close()
        subprocess.run(["mv", "tmp", "moved"])
        os.rename("moved", "out")
        os.mkdir("d")
        open("d/x", "w").close()
        os.rename("d", "kept")
        """,
    )

    run(traced, PYTHON, "main.py")

    assert traced.writes() == {"out", "kept/x"}
    assert {
        each.ino for path, each in traced.observations().reads.items() if path == "data.csv"
    } == {info.st_ino}


def test_signal_reaches_the_command(traced: Scratch) -> None:
    script = "trap 'exit 5' TERM; echo ready; while :; do sleep 0.01; done"
    assert run(traced, "sh", "-c", script, kill=signal.SIGTERM) == 5


def test_killed_command_looks_killed(traced: Scratch) -> None:
    script = ": > out; echo ready; while :; do sleep 0.01; done"
    assert run(traced, "sh", "-c", script, kill=signal.SIGKILL) == -signal.SIGKILL
    assert traced.writes() == {"out"}


def test_missing_strace_is_named_with_what_installs_it(
    scratch: Scratch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(scratch.root))
    with pytest.raises(NotPossibleError, match=r"^strace is not installed$") as caught:
        strace_argv(["true"], Path("/bin/true"), scratch.live)
    assert caught.value.hint == "sudo apt install strace"


def test_strace_that_may_not_trace_says_so(
    scratch: Scratch, monkeypatch: pytest.MonkeyPatch
) -> None:
    refusal = "strace: ptrace(PTRACE_SEIZE): Operation not permitted"
    program = scratch.write("bin/strace", f"#!/bin/sh\necho '{refusal}' >&2; exit 1\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(program.parent), prepend=":")

    with pytest.raises(NotPossibleError, match=r"ptrace.* Operation not permitted") as caught:
        strace_argv(["true"], Path("/bin/true"), scratch.live)
    assert "strace: " not in caught.value.message
    assert caught.value.hint is not None
    assert "SYS_PTRACE" in caught.value.hint


def test_strace_without_seccomp_does_without(
    scratch: Scratch, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = '#!/bin/sh\ncase "$*" in *--seccomp-bpf*) echo no >&2; exit 1;; esac\n'
    program = scratch.write("bin/strace", script)
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(program.parent), prepend=":")

    argv, found = strace_argv(["true", "x"], Path("/bin/true"), scratch.live)

    assert found == program
    assert "--seccomp-bpf" not in argv
    assert argv[-1] == "x"
