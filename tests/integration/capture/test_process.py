from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest

from mlv.capture.execution.executable import resolve_executable
from mlv.capture.execution.kept_log import LIMIT_BYTES, finish_log
from mlv.capture.execution.process import Execution, Outcome, execute
from mlv.capture.execution.streams import Passthrough
from mlv.errors import CommandNotExecutableError

PYTHON = sys.executable

EXECUTE = """
import json, os, sys
from pathlib import Path
from mlv.capture.execution.executable import resolve_executable
from mlv.capture.execution.process import Execution, execute

live, *argv = sys.argv[1:]
execution = Execution(
    argv=argv,
    executable=resolve_executable(argv[0], Path.cwd(), os.environ["PATH"]),
    cwd=Path.cwd(),
    env=dict(os.environ),
)
outcome = execute(execution, live=Path(live))
status = Path("/proc/self/status").read_text()
Path(live, "peak_kib").write_text(status.partition("VmHWM:")[2].split()[0])
Path(live, "outcome").write_text(
    json.dumps([outcome.exit_code, outcome.signal, list(outcome.received)])
)
"""

Execute = Callable[..., Outcome]


@pytest.fixture
def live(tmp_path: Path) -> Path:
    path = tmp_path / "live"
    path.mkdir()
    return path


@pytest.fixture
def run(tmp_path: Path, live: Path) -> Execute:
    """Execute a command, its output passed on to `passed.out` and `passed.err`."""

    def _run(*argv: str, env: dict[str, str] | None = None) -> Outcome:
        with (
            (tmp_path / "passed.out").open("wb") as out,
            (tmp_path / "passed.err").open("wb") as err,
        ):
            return execute(
                Execution(
                    argv=argv,
                    executable=resolve_executable(argv[0], tmp_path, os.environ["PATH"]),
                    cwd=tmp_path,
                    env=dict(os.environ) if env is None else env,
                ),
                live=live,
                passthrough=Passthrough(stdout=out.fileno(), stderr=err.fileno()),
            )

    return _run


class Recorder:
    """A process that executes a command, as `mlv run` does."""

    def __init__(self, live: Path, script: str, **options: object) -> None:
        self.live = live
        self.ready, child_ready = os.pipe()
        env = os.environ | {"READY": str(child_ready)}
        self.process = subprocess.Popen(  # type: ignore[call-overload]
            [PYTHON, "-c", EXECUTE, str(live), PYTHON, "-c", textwrap.dedent(script)],
            env=env,
            pass_fds=[child_ready],
            **options,
        )
        os.close(child_ready)

    def await_ready(self) -> bytes:
        return os.read(self.ready, 100)

    def outcome(self) -> str:
        assert self.process.wait(timeout=30) == 0
        os.close(self.ready)
        return (self.live / "outcome").read_text()


def test_exit_code_is_that_of_the_command(run: Execute) -> None:
    outcome = run("sh", "-c", "exit 3")

    assert (outcome.exit_code, outcome.signal) == (3, None)


def test_signal_that_ended_the_command_is_told(run: Execute) -> None:
    outcome = run("sh", "-c", "kill -KILL $$")

    assert (outcome.exit_code, outcome.signal) == (None, signal.SIGKILL)


def test_environment_and_directory_are_those_given(run: Execute, tmp_path: Path) -> None:
    run("sh", "-c", 'echo "$NAME $PWD"', env={"NAME": "value"})

    assert (tmp_path / "passed.out").read_text() == f"value {tmp_path}\n"


def test_output_is_passed_on_and_kept_unchanged(run: Execute, live: Path, tmp_path: Path) -> None:
    code = "import sys; sys.stdout.buffer.write(bytes(range(256))); sys.stderr.write('e\\r\\n\\n')"

    run(PYTHON, "-c", code)

    assert (tmp_path / "passed.out").read_bytes() == bytes(range(256))
    assert (live / "stdout.log").read_bytes() == bytes(range(256))
    assert (tmp_path / "passed.err").read_bytes() == b"e\r\n\n"
    assert (live / "stderr.log").read_bytes() == b"e\r\n\n"


def test_large_output_is_passed_on_whole_and_kept_in_part(live: Path) -> None:
    size = 200 * 1024 * 1024
    script = f"""
    import os
    block = b"".join(b"%015d\\n" % n for n in range(4096))
    for _ in range({size} // len(block)):
        os.write(1, block)
    """
    reader, writer = os.pipe()
    counted = subprocess.Popen(["wc", "-c"], stdin=reader, stdout=subprocess.PIPE)
    recorder = Recorder(live, script, stdout=writer)
    os.close(reader)
    os.close(writer)
    printed = counted.communicate()[0]

    kept = finish_log(live / "stdout.log").size_bytes
    assert (recorder.outcome(), int(printed)) == ("[0, null, []]", size)
    assert 2 * LIMIT_BYTES < kept < 2 * LIMIT_BYTES + 100
    assert int((live / "peak_kib").read_text()) < 64 * 1024
    assert sorted(path.name for path in live.glob("stdout.log*")) == ["stdout.log"]


def test_process_left_behind_does_not_hold_up_the_end(run: Execute, tmp_path: Path) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)

    # The one left behind keeps our pipe open until somebody opens the fifo.
    outcome = run("sh", "-c", "(cat fifo; :) & echo started")

    assert outcome.exit_code == 0
    assert (tmp_path / "passed.out").read_text() == "started\n"
    os.close(os.open(fifo, os.O_WRONLY))


def test_last_words_of_a_process_left_behind_are_kept(run: Execute, live: Path) -> None:
    run("sh", "-c", "(while kill -0 $$ 2>/dev/null; do :; done; echo late) & exit 0")

    assert (live / "stdout.log").read_text() == "late\n"


def test_broken_pipe_reaches_the_command(live: Path) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "wb") as out:
        outcome = execute(
            Execution(
                argv=["yes"],
                executable=resolve_executable("yes", live, os.environ["PATH"]),
                cwd=live,
                env=dict(os.environ),
            ),
            live=live,
            passthrough=Passthrough(stdout=out.fileno()),
        )

    assert outcome.signal == signal.SIGPIPE


@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP", "SIGUSR1", "SIGUSR2"])
def test_signal_sent_to_the_recorder_reaches_the_command(live: Path, name: str) -> None:
    recorder = Recorder(live, 'import os; os.write(int(os.environ["READY"]), b"x"); input()',
                        stdin=subprocess.PIPE)  # fmt: skip
    recorder.await_ready()
    number = getattr(signal, name)

    recorder.process.send_signal(number)

    assert recorder.outcome() == f"[null, {number}, [{number}]]"
    assert recorder.process.stdin is not None
    recorder.process.stdin.close()


def test_interrupt_without_a_terminal_reaches_the_command(live: Path) -> None:
    script = """
    import os, sys
    try:
        os.write(int(os.environ["READY"]), b"x")
        input()
    except KeyboardInterrupt:
        sys.exit(5)
    """
    recorder = Recorder(live, script, stdin=subprocess.PIPE, start_new_session=True)
    recorder.await_ready()

    recorder.process.send_signal(signal.SIGINT)

    assert recorder.outcome() == "[5, null, [2]]"
    assert recorder.process.stdin is not None
    recorder.process.stdin.close()


def test_command_starts_with_default_signals(run: Execute, tmp_path: Path) -> None:
    code = (
        "import signal\n"
        "for s in (signal.SIGTERM, signal.SIGHUP, signal.SIGPIPE, signal.SIGWINCH):\n"
        "    print(s.name, open('/proc/self/status').read().split('SigIgn:')[1].split()[0])"
    )
    run("sh", "-c", f'exec {PYTHON} -S -c "$0"', code)

    lines = (tmp_path / "passed.out").read_text().splitlines()
    # Python itself ignores these two. Real-time signals are whoever started us's to ignore,
    # and `make` does.
    ignored = 1 << (signal.SIGPIPE - 1) | 1 << (signal.SIGXFSZ - 1)
    ordinary = (1 << (signal.SIGRTMIN - 3)) - 1
    assert {int(line.split()[1], 16) & ordinary for line in lines} == {ignored}


def test_descriptors_handed_to_us_are_handed_on(run: Execute, tmp_path: Path) -> None:
    reader, writer = os.pipe()
    os.write(writer, b"handed on")
    os.close(writer)
    os.set_inheritable(reader, True)  # noqa: FBT003

    run("cat", f"/dev/fd/{reader}")

    os.close(reader)
    assert (tmp_path / "passed.out").read_text() == "handed on"


def test_ignored_hangup_stays_ignored(live: Path) -> None:
    script = """
    import os, signal
    print(signal.getsignal(signal.SIGHUP) == signal.SIG_IGN)
    """
    recorder = Recorder(
        live,
        script,
        preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN),
        stdout=subprocess.DEVNULL,
    )

    assert recorder.outcome() == "[0, null, []]"
    assert (live / "stdout.log").read_text() == "True\n"


def test_handlers_are_restored(run: Execute) -> None:
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGCHLD, signal.SIGWINCH)
    before = [signal.getsignal(number) for number in numbers]

    run("true")

    assert [signal.getsignal(number) for number in numbers] == before


def _descriptors() -> set[str]:
    return {path.name for path in Path("/proc/self/fd").iterdir()}


def test_descriptors_are_closed(run: Execute) -> None:
    before = _descriptors()

    run("true")

    assert _descriptors() == before


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("\0\0not a program", "neither a program nor a script"),
        ("#!/nonexistent/python\n", "interpreter that its first line names does not exist"),
    ],
)
def test_file_that_cannot_be_executed_is_told_with_the_reason(
    run: Execute, tmp_path: Path, content: str, reason: str
) -> None:
    script = tmp_path / "script"
    script.write_text(content)
    script.chmod(0o755)

    with pytest.raises(CommandNotExecutableError, match=reason):
        run("./script")
