from __future__ import annotations

import fcntl
import os
import signal
import struct
import subprocess
import sys
import termios
from pathlib import Path

import pytest

from tests.integration.capture.test_process import EXECUTE

PYTHON = sys.executable


class Terminal:
    """A terminal with a recorder in its foreground, and the command below that."""

    def __init__(self, live: Path, *argv: str) -> None:
        self.live = live
        self.leader, self.follower = os.openpty()
        self.resize(40, 100)
        self.seen = b""
        self.process = subprocess.Popen(
            [PYTHON, "-c", EXECUTE, str(live), *argv],
            stdin=self.follower,
            stdout=self.follower,
            stderr=self.follower,
            start_new_session=True,
            preexec_fn=_take_terminal,  # noqa: PLW1509 - there are no threads here
        )
        os.close(self.follower)

    def resize(self, rows: int, columns: int) -> None:
        fcntl.ioctl(self.leader, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def read_until(self, text: bytes) -> bytes:
        while text not in self.seen:
            self.seen += os.read(self.leader, 4096)
        return self.seen

    def type(self, data: bytes) -> None:
        os.write(self.leader, data)

    def outcome(self) -> str:
        try:
            while True:
                self.seen += os.read(self.leader, 4096)
        except OSError:  # closed by the other side
            pass
        assert self.process.wait(timeout=30) == 0, self.seen
        os.close(self.leader)
        return (self.live / "outcome").read_text()


def _take_terminal() -> None:
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


@pytest.fixture
def live(tmp_path: Path) -> Path:
    path = tmp_path / "live"
    path.mkdir()
    return path


def test_command_has_a_terminal_of_the_same_size(live: Path) -> None:
    code = "import os, sys; print(os.isatty(1), os.isatty(2), os.get_terminal_size(1))"

    terminal = Terminal(live, PYTHON, "-c", code)

    assert terminal.outcome() == "[0, null, []]"
    expected = b"True True os.terminal_size(columns=100, lines=40)"
    assert terminal.seen == expected + b"\r\n"
    assert (live / "stdout.log").read_bytes() == expected + b"\n"


def test_both_streams_are_kept_in_one_log_in_order(live: Path) -> None:
    terminal = Terminal(live, "sh", "-c", "for n in 1 2 3; do echo out$n; echo err$n >&2; done")

    terminal.outcome()

    assert (live / "stdout.log").read_text() == "out1\nerr1\nout2\nerr2\nout3\nerr3\n"
    assert not (live / "stderr.log").exists()


def test_interrupt_from_the_terminal_arrives_once_and_is_survived(live: Path) -> None:
    code = """
import signal, sys
n = 0
def count(*_):
    global n
    n += 1
signal.signal(signal.SIGINT, count)
print("ready", flush=True)
input()
print("interrupts:", n)
sys.exit(4)
"""
    terminal = Terminal(live, PYTHON, "-c", code)
    terminal.read_until(b"ready")

    terminal.type(b"\x03")
    terminal.read_until(b"^C")
    terminal.type(b"go on\n")

    assert terminal.outcome() == "[4, null, [2]]"
    assert b"interrupts: 1" in terminal.seen


def test_change_of_the_window_reaches_the_command(live: Path) -> None:
    code = """
import os, signal
def tell(*_):
    print(os.get_terminal_size(1), flush=True)
signal.signal(signal.SIGWINCH, tell)
print("ready", flush=True)
input()
"""
    terminal = Terminal(live, PYTHON, "-c", code)
    terminal.read_until(b"ready")

    terminal.resize(50, 120)

    terminal.read_until(b"columns=120, lines=50")
    terminal.type(b"\n")
    assert terminal.outcome() == "[0, null, []]"


def test_quit_from_the_terminal_ends_the_command_alone(live: Path) -> None:
    terminal = Terminal(live, PYTHON, "-c", "print('ready', flush=True); input()")
    terminal.read_until(b"ready")

    terminal.type(b"\x1c")

    assert terminal.outcome() == f"[null, {signal.SIGQUIT.value}, [{signal.SIGQUIT.value}]]"
