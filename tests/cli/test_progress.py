"""Progress bars: on a terminal, after a second, and nowhere else."""

from __future__ import annotations

import os
import re
import subprocess
import sys

import pytest

_PROGRAM = """
import sys
from mlv.cli.render import progress
progress._PATIENCE_S = float(sys.argv[1])
from mlv.cli.session import TerminalReporter
reporter = TerminalReporter(quiet="quiet" in sys.argv)
with reporter.progress("reading [data]", 2000, sys.argv[2]) as counted:
    counted.advance(1500)
    sys.stdin.readline()
print("end", file=sys.stderr)
"""
_ESCAPE = re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]")


def _watch(*arguments: str, until: str) -> str:
    """Return what a person sees until a text appears, after which the work ends."""
    ours, theirs = os.openpty()
    with subprocess.Popen(
        [sys.executable, "-c", _PROGRAM, *arguments],
        stdin=subprocess.PIPE,
        stderr=theirs,
        env={**os.environ, "COLUMNS": "120", "TERM": "xterm"},
    ) as process:
        os.close(theirs)
        assert process.stdin is not None
        shown = ""
        if until == "end":
            process.stdin.close()
        while True:
            try:
                shown += os.read(ours, 4096).decode()
            except OSError:  # the last one who wrote to the terminal has gone
                break
            if until in shown and not process.stdin.closed:
                process.stdin.close()
    os.close(ours)
    assert process.returncode == 0
    return shown


@pytest.fixture(autouse=True)
def _no_ci(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("CI", "NO_COLOR"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize(
    ("unit", "counts"),
    [("files", "1,500 of 2,000 files"), ("bytes", "1.5 KiB of 2.0 KiB")],
)
def test_bar_shows_what_how_far_how_fast_and_how_long(unit: str, counts: str) -> None:
    shown = _ESCAPE.sub("", _watch("0", unit, until="/s"))
    rate = r"[\d,]+ files/s" if unit == "files" else r"[\d.]+ \w+/s"
    assert re.search(rf"reading \[data\] .*{counts} {rate} (-:--:--|\d:\d\d:\d\d)", shown)


def test_bar_has_no_colour_when_nobody_wants_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    assert not re.search(r"\x1b\[[0-9;]*3[0-9]", _watch("0", "files", until="/s"))


@pytest.mark.parametrize(
    ("arguments", "variable"), [(("9",), None), (("0", "quiet"), None), (("0",), "CI")]
)
def test_no_bar_for_short_work_when_quiet_and_in_ci(
    arguments: tuple[str, ...], variable: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    if variable:
        monkeypatch.setenv(variable, "1")
    patience, *rest = arguments
    assert _watch(patience, "files", *rest, until="end") == "end\r\n"
