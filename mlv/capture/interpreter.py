"""The Python that a command runs on: which it is, and what is installed for it.

Asking an interpreter means starting it. The answer is kept, and holds as long as neither
the interpreter nor any package on its path has changed, so that a second time costs a
few milliseconds.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path

import msgspec

from mlv.capture.probe import MARK
from mlv.capture.redact import redact_text
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
    "PYENV_ROOT",
    "HOME",
)
_WATCHED_SUFFIXES = (".dist-info", ".egg-info", ".egg-link", ".pth")
_RACY_NS = 2_000_000_000
"""What changed this short a time ago may change again within the same tick."""


class InterpreterFacts(msgspec.Struct, frozen=True, kw_only=True):
    """An interpreter on this machine.

    Attributes:
        executable: What it calls itself, `sys.executable`.
        prefix: Where its packages are; its virtual environment when it has one.
        base_prefix: Where it is installed.
        interpreter: What a record says of it.
    """

    executable: str
    prefix: str
    base_prefix: str
    interpreter: Interpreter


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


class _Cached(msgspec.Struct, frozen=True, kw_only=True):
    """An answer, and the state of everything that it depends on."""

    facts: InterpreterFacts
    watched: dict[str, str]


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
    cache = None if cache_dir is None else cache_dir / f"python-{_key_of(python, cwd, env)}.json"
    cached = None if cache is None else _load(cache)
    if cached is not None:
        return cached.facts
    now_ns = time.time_ns()
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
        watched = [*answer.path, *_switches(python, cwd, env), str(python.resolve())]
        stamps = {path: _stamp(path) for path in watched}
        if all(newest_ns < now_ns - _RACY_NS for _, newest_ns in stamps.values()):
            watched_stamps = {path: stamp for path, (stamp, _) in stamps.items()}
            _save(cache, _Cached(facts=facts, watched=watched_stamps))
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


def _key_of(python: Path, cwd: Path, env: Mapping[str, str]) -> str:
    parts = [str(python), *(f"{name}={env.get(name)}" for name in _DECIDING_VARIABLES)]
    if _is_shim(python):
        parts.append(str(cwd))
    return _hash("\0".join(parts))


def _switches(python: Path, cwd: Path, env: Mapping[str, str]) -> list[str]:
    """Name the files by which pyenv chooses a version."""
    if not _is_shim(python):
        return []
    root = env.get("PYENV_ROOT") or str(Path(env.get("HOME", "/")) / ".pyenv")
    places = [directory / ".python-version" for directory in (cwd, *cwd.parents)]
    return [str(place) for place in (*places, Path(root) / "version")]


def _is_shim(python: Path) -> bool:
    try:
        with python.open("rb") as file:
            return file.read(2) == b"#!"
    except OSError:
        return False


def _stamp(path: str) -> tuple[str, int]:
    """Return a text that changes with what the probe reads there, and its newest time."""
    try:
        if not Path(path).is_dir():
            modified_ns = Path(path).stat().st_mtime_ns
            return str(modified_ns), modified_ns
        with os.scandir(path) as entries:
            found = sorted(
                (entry.name, entry.stat().st_mtime_ns)
                for entry in entries
                if entry.name.endswith(_WATCHED_SUFFIXES)
            )
    except OSError:
        return "", 0
    return _hash(repr(found)), max((modified_ns for _, modified_ns in found), default=0)


def _hash(text: str) -> str:
    return hashlib.blake2b(text.encode(errors="surrogateescape"), digest_size=8).hexdigest()


def _load(cache: Path) -> _Cached | None:
    try:
        cached = msgspec.json.decode(cache.read_bytes(), type=_Cached)
    except (OSError, msgspec.MsgspecError):
        return None
    if any(_stamp(path)[0] != stamp for path, stamp in cached.watched.items()):
        return None
    return cached


def _save(cache: Path, cached: _Cached) -> None:
    temporary = cache.with_name(f"{cache.name}-{time.monotonic_ns()}")
    try:
        cache.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_bytes(msgspec.json.encode(cached))
        temporary.replace(cache)
    except OSError:  # a cache that cannot be written is only slow
        return
