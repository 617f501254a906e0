"""The Python that a command runs on: which it is, and what is installed for it.

Asking an interpreter means starting it. The answer is kept, and holds as long as neither
the interpreter nor any package on its path has changed, so that a second time costs a
few milliseconds.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import msgspec

from mlv.capture.redact import redact_text
from mlv.capture.surroundings.interpreter_cache import InterpreterCache, InterpreterFacts
from mlv.capture.surroundings.probe import MARK
from mlv.core.environment import Distribution, Interpreter

_PROBE = Path(__file__).parent / "probe.py"
_PROBE_TIMEOUT_S = 60
_PYTHON_NAME = re.compile(r"(python|pypy)[0-9.]*t?d?")
_LONG_SHEBANG = re.compile(rb"^'''exec' \"?([^\"\n]+?)\"? \"\$0\"", re.MULTILINE)
"""How installers write a first line that would be too long, or that has blanks in it."""

_DECIDING_VARIABLES = (
    "PYTHONPATH",
    "PYTHONHOME",
    "PYTHONNOUSERSITE",
    "PYTHONUSERBASE",
    "VIRTUAL_ENV",
    "CONDA_PREFIX",
    "PYENV_VERSION",
    "ASDF_PYTHON_VERSION",
    "MISE_PYTHON_VERSION",
    "PYENV_ROOT",
    "HOME",
)
_VERSION_FILES = (".python-version", ".tool-versions", "mise.toml", ".mise.toml")
"""By these, pyenv, asdf and mise choose the Python that their shims start."""


class _Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What the probe prints."""

    implementation: str
    version: str
    platform: str
    executable: str
    prefix: str
    base_prefix: str
    path: tuple[str, ...]
    distributions: tuple[Distribution, ...]


def find_interpreter(executable: Path, cwd: Path, env: Mapping[str, str]) -> Path | None:
    """Return the Python that a program runs on, or None if it is not Python.

    That is the program itself, or what the first line of a script names. A launcher such
    as `make` or `uv` starts a Python of its own choice: the observer tells which it was.

    Args:
        executable: The program, as `resolve_executable` returned it.
        cwd: Where it runs.
        env: Its environment.
    """
    if _PYTHON_NAME.fullmatch(executable.name):
        return executable
    try:
        with executable.open("rb") as file:
            start = file.read(4096)
    except OSError:
        return None
    if not start.startswith(b"#!"):
        return None
    long = _LONG_SHEBANG.search(start)
    if long:
        words = [long[1].decode(errors="surrogateescape")]
    else:
        words = start[2:].split(b"\n", 1)[0].decode(errors="surrogateescape").split()
    if words and Path(words[0]).name == "env":
        words = [word for word in words[1:] if not word.startswith("-") and "=" not in word]
    if not words or not _PYTHON_NAME.fullmatch(Path(words[0]).name):
        return None
    if "/" in words[0]:
        return cwd / words[0]
    found = shutil.which(words[0], path=env.get("PATH"))
    return None if found is None else cwd / found


def read_interpreter(
    python: Path, *, cwd: Path, env: Mapping[str, str], cache_dir: Path | None = None
) -> InterpreterFacts | None:
    """Return what an interpreter says of itself, or None if it cannot be asked.

    Args:
        python: The interpreter, a link in a virtual environment, or a shim of pyenv.
        cwd: Where the command runs; decides which version a shim starts.
        env: Environment of the command, without the observer in it.
        cache_dir: Where answers are kept; None for nowhere.
    """
    cache = None
    if cache_dir is not None:
        cache = InterpreterCache(cache_dir, _question(python, cwd, env))
    known = None if cache is None else cache.find()
    if known is not None:
        return known
    asked_ns = time.time_ns()
    answer = _ask(python, cwd, env)
    if answer is None:
        return None
    facts = InterpreterFacts(
        executable=answer.executable,
        prefix=answer.prefix,
        base_prefix=answer.base_prefix,
        interpreter=Interpreter(
            implementation=answer.implementation,
            version=answer.version,
            platform=answer.platform,
            distributions=tuple(_redact(each) for each in answer.distributions),
        ),
    )
    if cache is not None:
        cache.keep(facts, _watched(python, answer, cwd, env), asked_ns=asked_ns)
    return facts


def _ask(python: Path, cwd: Path, env: Mapping[str, str]) -> _Answer | None:
    try:
        done = subprocess.run(
            [python, _PROBE],
            cwd=cwd,
            env=env,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_PROBE_TIMEOUT_S,
            check=True,
        )
        # What stands before may come from a `sitecustomize` or a `.pth` file.
        text = done.stdout.decode(errors="replace").rpartition("\n" + MARK)[2]
        return msgspec.json.decode(text, type=_Answer)
    except (OSError, subprocess.SubprocessError, msgspec.MsgspecError):
        return None


def _redact(distribution: Distribution) -> Distribution:
    if distribution.source is None:
        return distribution
    return msgspec.structs.replace(distribution, source=redact_text(distribution.source))


def _question(python: Path, cwd: Path, env: Mapping[str, str]) -> list[str]:
    parts = [str(python), str(python.resolve())]
    parts += [f"{name}={env.get(name)}" for name in _DECIDING_VARIABLES]
    entries = env.get("PYTHONPATH", "").split(os.pathsep)
    if _is_shim(python) or not all(entry.startswith("/") for entry in entries if entry):
        parts.append(str(cwd))
    return parts


def _watched(python: Path, answer: _Answer, cwd: Path, env: Mapping[str, str]) -> Iterator[str]:
    yield from answer.path
    yield str(Path(answer.prefix) / "pyvenv.cfg")
    yield str(python.resolve())
    yield str(Path(answer.executable).resolve())
    if _is_shim(python):
        home = Path(env.get("HOME", "/"))
        yield str(Path(env.get("PYENV_ROOT") or home / ".pyenv") / "version")
        for directory in dict.fromkeys((cwd, *cwd.parents, home)):
            yield from (str(directory / name) for name in _VERSION_FILES)


def _is_shim(python: Path) -> bool:
    """Tell whether a file is only called Python, and chooses one when it is started."""
    resolved = python.resolve()
    if not _PYTHON_NAME.fullmatch(resolved.name):
        return True
    try:
        with resolved.open("rb") as file:
            return file.read(2) == b"#!"
    except OSError:
        return False
