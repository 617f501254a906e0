"""Which Python a command will probably run on, as far as its words tell."""

from __future__ import annotations

import os
import re
import shlex
from itertools import dropwhile
from pathlib import Path, PurePath

from mlv.app.record.begin import RunRequest
from mlv.capture.execution.executable import resolve_executable
from mlv.capture.surroundings.interpreter import find_interpreter
from mlv.errors import MlvError

_PYTHON = re.compile(r"(python|pypy)[0-9.]*")
_OPERATORS = frozenset(";&|<>()`$\n")
_ASSIGNMENT = re.compile(r"[A-Za-z_]\w*=.*", re.DOTALL)
_LAUNCHERS = frozenset(
    "accelerate conda env hatch mpiexec mpirun nice nohup numactl pdm pixi poetry srun stdbuf"
    " taskset time torchrun uv".split()
)
"""Programs that do nothing but start another one."""
_SHELLS = frozenset(("sh", "bash", "dash", "zsh"))


def find_pythons(root: Path, request: RunRequest, executable: Path) -> list[Path]:
    """Return the interpreters that a command may run on, the likeliest first.

    Empty when the program is Python itself, or a script of Python.

    Args:
        root: Root of the worktree.
        request: The command.
        executable: Its program.
    """
    if find_interpreter(executable, request.directory, os.environ) is not None:
        return []
    found = []
    for word in _words(request):
        if _PYTHON.fullmatch(PurePath(word).name):
            path = _resolve(word, request.directory)
            found += [path] if path else []
    environment = os.environ.get("VIRTUAL_ENV")
    places = [root / ".venv", *([Path(environment)] if environment else [])]
    found += [place / "bin" / "python" for place in places if (place / "bin" / "python").exists()]
    for name in ("python", "python3"):
        path = _resolve(name, request.directory)
        found += [path] if path else []
    return list(dict.fromkeys(found))


def runs_python_alone(request: RunRequest, executable: Path) -> bool:
    """Tell whether a command is one Python program, so that the observer sees all its code."""
    if find_interpreter(executable, request.directory, os.environ) is not None:
        return True
    words = _words(request)
    simple = bool(words) and _OPERATORS.isdisjoint(_line(request))
    return simple and _PYTHON.fullmatch(PurePath(words[0]).name) is not None


def find_unseen_program(request: RunRequest, executable: Path) -> str | None:
    """Return the name of a program that reads files out of sight, if the command is one.

    Python is watched, and a launcher such as `uv run` reads no data.
    """
    if runs_python_alone(request, executable):
        return None
    words = _words(request)
    if words and _OPERATORS.isdisjoint(_line(request)) and PurePath(words[0]).name in _LAUNCHERS:
        rest = [PurePath(word).name for word in words[1:]]
        if any(_PYTHON.fullmatch(word) or word.endswith(".py") for word in rest):
            return None
    return executable.name


def _words(request: RunRequest) -> list[str]:
    """Return the words of a command; those of the line that it gives to a shell, if it does."""
    line = _line(request)
    if not line:
        return list(request.argv)
    try:
        words = shlex.split(line, comments=True)
    except ValueError:
        return []
    return list(dropwhile(_ASSIGNMENT.fullmatch, words))


def _line(request: RunRequest) -> str:
    argv = request.argv
    if PurePath(argv[0]).name not in _SHELLS or "-c" not in argv[1:3]:
        return ""
    place = argv.index("-c") + 1
    return argv[place].strip().replace("\\\n", " ") if place < len(argv) else ""


def _resolve(word: str, directory: Path) -> Path | None:
    try:
        return resolve_executable(word, directory, os.environ.get("PATH"))
    except MlvError:
        return None
