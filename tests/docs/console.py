"""Find the commands of a documentation page and execute them in order.

A block of the kind `console` is a session: a line that begins with `$ ` is a command, lines
that begin with `> ` continue it, and what follows is what it prints. Each printed line must
occur in the real output, in that order; `...` stands for anything, and white space does not
count. A command must exit with 0, or with N after `<!-- exit: N -->` on the line before the block.

Pages show output as it was printed. What differs from one execution to the next need not be
the same: names and ids of runs, digests, times, sizes, and figures that were measured.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

from mlv.core.ids import format_run_name

_FENCE = re.compile(r"^(?:<!-- exit: (\d+) -->\n)?```console\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_END_OF_STEP = "\x1e"

_N_RUN_NAMES = 64 * 64
"""At least as many as there are."""

_RUN_NAMES = frozenset(format_run_name(number) for number in range(_N_RUN_NAMES))
_VARYING = (
    ("TIME", re.compile(r"\b\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\b|\b\d+ (?:s|min|h|d) ago\b")),
    ("DURATION", re.compile(r"\b\d+\.\ds\b")),
    ("SIZE", re.compile(r"\b\d+(?:\.\d)? (?:B|KiB|MiB)(?!\w)")),
    ("RUN", re.compile(r"\b01[g-hjkmnp-tv-z][0-9a-hjkmnp-tv-z]{4,23}\b")),
    ("DIGEST", re.compile(r"\b(?=[0-9a-f]*\d)[0-9a-f]{7,64}\b")),
    ("FIGURE", re.compile(r"\b\d+\.\d{4,}\b|(?<!\S)[-+]\d+\.\d+\b")),
)
_NAME = re.compile(r"\b[a-z]+-[a-z]+\b")


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """One command of a page."""

    command: str
    printed: tuple[str, ...]
    exit_code: int


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What a command did."""

    output: str
    exit_code: int


def read_steps(page: str) -> list[Step]:
    """Return the commands of a page, in order.

    Raises:
        ValueError: A block begins with something else than a command.
    """
    return [
        step for code, block in _FENCE.findall(page) for step in _read_block(block, int(code or 0))
    ]


def execute_steps(
    steps: Sequence[Step], *, directory: Path, variables: Mapping[str, str]
) -> list[Outcome]:
    """Execute the commands in one shell that starts in `directory`; later ones follow a failure."""
    mark = f"status=$?; printf '\\n{_END_OF_STEP}%d\\n' $status; (exit $status)"
    script = "".join(f"{step.command}\n{mark}\n" for step in steps)
    done = subprocess.run(
        ["bash", "-c", script],
        cwd=directory,
        env=dict(variables),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    outputs = re.split(rf"\n{_END_OF_STEP}(\d+)\n", done.stdout)
    return [
        Outcome(output=output, exit_code=int(code))
        for output, code in zip(outputs[::2], outputs[1::2], strict=False)
    ]


def find_problems(steps: Sequence[Step], outcomes: Sequence[Outcome]) -> list[str]:
    """Say where the page and the truth differ."""
    if len(steps) != len(outcomes):
        return [f"{len(steps)} commands on the page, but {len(outcomes)} were executed"]
    problems = []
    for step, outcome in zip(steps, outcomes, strict=True):
        if outcome.exit_code != step.exit_code:
            problems.append(f"$ {step.command}\nexited with {outcome.exit_code}:\n{outcome.output}")
        elif missing := _find_missing_line(step.printed, outcome.output):
            problems.append(f"$ {step.command}\ndid not print {missing!r}:\n{outcome.output}")
    return problems


def _read_block(block: str, exit_code: int) -> list[Step]:
    commands: list[str] = []
    printed: list[list[str]] = []
    for line in block.splitlines():
        if line.startswith("$ "):
            commands.append(line[2:])
            printed.append([])
        elif not commands:
            raise ValueError(f"a console block begins with {line!r} instead of a command")
        elif line.startswith("> ") and not printed[-1]:
            commands[-1] += f"\n{line[2:]}"
        elif line.strip():
            printed[-1].append(line)
    return [
        Step(command=command, printed=tuple(lines), exit_code=exit_code)
        for command, lines in zip(commands, printed, strict=True)
    ]


def _find_missing_line(expected: Sequence[str], output: str) -> str | None:
    lines = iter(_squeeze(line) for line in output.splitlines())
    for wanted in expected:
        parts = (re.escape(part) for part in _squeeze(wanted).split("..."))
        pattern = re.compile(".*".join(parts))
        if not any(pattern.fullmatch(line) for line in lines):
            return wanted
    return None


def _squeeze(line: str) -> str:
    for kind, pattern in _VARYING:
        line = pattern.sub(kind, line)
    line = _NAME.sub(lambda found: "NAME" if found[0] in _RUN_NAMES else found[0], line)
    return " ".join(line.split())
