"""Params, from files and from the flags of the command itself.

Reading a command line without knowing the program is a guess, made to be right for
what training scripts use: `--lr 0.1`, `--lr=0.1`, `lr=0.1`, `model.depth=3`, `--amp`,
`--layers 64 64 32`, `--opt '{"lr": 0.1}'`. Positional words are left alone.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Sequence
from pathlib import Path, PurePath

from mlv.capture.documents.documents import Plain, read_document, to_plain
from mlv.core.scalars import scalar_of
from mlv.errors import UnreadableFileError

_PYTHON = re.compile(r"(python|pypy)[0-9.]*(\.exe)?|ipython[0-9]?")
_LAUNCHERS = frozenset(
    "torchrun accelerate deepspeed uv uvx poetry pdm hatch pixi conda mamba micromamba mpirun "
    "mpiexec srun env time nice nohup taskset numactl coverage xvfb-run sh bash dash zsh".split()
)
"""Commands that start another: what stands before the script is theirs."""

_LAUNCHER_MODULES = frozenset(
    "torch.distributed.run torch.distributed.launch accelerate.commands.launch coverage cProfile "
    "profile pdb trace debugpy kernprof memory_profiler pyinstrument deepspeed.launcher.runner "
    "horovod.runner.launch".split()
)
"""Modules that do the same, after `python -m`."""

_SHELLS = frozenset(("sh", "bash", "dash", "zsh"))
_SHELL_LINE = re.compile(r"-[a-z]*c")
_SHELL_SIGNS = frozenset(";&|<>()`$\n")
_PYTHON_OPTIONS_WITH_VALUE = frozenset(("-W", "-X", "--check-hash-based-pycs"))
_FLAG = re.compile(r"--?([A-Za-z][A-Za-z0-9_.-]*)(?:=(.*))?", re.DOTALL)
_ASSIGNMENT = re.compile(r"\+{0,2}(~?[A-Za-z_][A-Za-z0-9_./@-]*)=(.*)", re.DOTALL)
_REMOVAL = re.compile(r"~[A-Za-z_][A-Za-z0-9_.@-]*")
_INTEGER = re.compile(r"[-+]?(0|[1-9][0-9]*)")
_FLOAT = re.compile(
    r"[-+]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][-+]?[0-9]+)?|[-+]?(inf|nan)", re.IGNORECASE
)
_JSON = re.compile(r"\[.*\]|\{.*\}", re.DOTALL)
_WORDS: dict[str, bool | None] = {"true": True, "false": False, "null": None, "none": None}
_MAX_DIGITS = 4000
_MAX_JSON = 100_000


def read_params_file(path: Path, name: str) -> dict[str, Plain]:
    """Return the params of a YAML, JSON or TOML file, nested as in the file.

    Values are what JSON can hold: dates are ISO text, sets sorted lists, bytes base64
    text, NaN and the infinities `"nan"`, `"inf"` and `"-inf"`. An empty file has none.

    Args:
        path: The file; its suffix tells the format.
        name: What messages call it.

    Raises:
        MissingFileError: There is no such file.
        StorageError: The file cannot be read.
        UnreadableFileError: The file is malformed (the message begins with
            `name:line:column:`), too large, or not a mapping at the top.
    """
    document = read_document(path, name)
    if document is None:
        return {}
    if not isinstance(document, dict):
        kind = "a list" if isinstance(document, list) else "a single value"
        message = f"{name}:1:1: expected names and values at the top, found {kind}"
        raise UnreadableFileError(message)
    return document


def params_from_argv(argv: Sequence[str]) -> dict[str, Plain]:
    """Return the params of a command line, in the order given; dotted names are nested.

    A flag without a value is True, `--no-amp` as well: what it means is up to the program.
    One that is given several times has a list of its values. Secrets are still in them.

    >>> params_from_argv(["python", "-u", "train.py", "--lr", "1e-3", "model.depth=3", "--amp"])
    {'lr': 0.001, 'model': {'depth': 3}, 'amp': True}
    """
    params: dict[str, Plain] = {}
    words = _own_words(list(argv))
    while words:
        word = words.pop(0)
        if word == "--":
            break
        flag = _FLAG.fullmatch(word)
        assignment = _ASSIGNMENT.fullmatch(word)
        if flag:
            name, text = flag.groups()
            value = _value_after(words) if text is None else parse_argument(text)
            _add(params, name, value=value)
        elif assignment and not ("/" in assignment[1] and "/" in assignment[2]):
            _add(params, assignment[1], value=parse_argument(assignment[2]))
        elif _REMOVAL.fullmatch(word):  # as Hydra removes a default
            _add(params, word, value=True)
    return params


def parse_argument(text: str) -> Plain:
    """Return the text of one value as number, truth value, None, JSON, or the text itself.

    >>> [parse_argument(text) for text in ("3", "1e-3", "true", "null", "007", "adam", "[1, 2]")]
    [3, 0.001, True, None, '007', 'adam', [1, 2]]
    """
    if len(text) <= _MAX_DIGITS:
        if _INTEGER.fullmatch(text):
            return int(text)
        if _FLOAT.fullmatch(text) and not re.fullmatch("0[0-9]+", text):
            return scalar_of(float(text))
    if text.lower() in _WORDS:
        return _WORDS[text.lower()]
    return _parse_json(text) if _JSON.fullmatch(text) else text


def _parse_json(text: str) -> Plain:
    """Return what a JSON value holds; the text itself when it is none."""
    if len(text) > _MAX_JSON:
        return text
    try:
        return to_plain(json.loads(text), "argument")
    except (ValueError, RecursionError, UnreadableFileError):
        return text


def _own_words(argv: list[str]) -> list[str]:
    """Return the words that are the program's own, without those of what starts it."""
    names = [PurePath(word).name for word in argv]
    if not names:
        return []
    if names[0] in _SHELLS:
        line = next((i for i, word in enumerate(argv[:3]) if i and _SHELL_LINE.fullmatch(word)), 0)
        if line:
            return _words_of_line(argv[line + 1] if line + 1 < len(argv) else "")
    if not (_PYTHON.fullmatch(names[0]) or names[0] in _LAUNCHERS):
        return argv[1:]
    index, module = 0, ""
    while index < len(argv):
        if _PYTHON.fullmatch(names[index]):
            index, module = _after_python(argv, index + 1)
        elif argv[index] == "-m" and names[0] not in _SHELLS:
            module = argv[index + 1] if index + 1 < len(argv) else ""
            index += 2
        elif names[index].endswith(".py"):
            return argv[index + 1 :]
        else:
            index += 1
            continue
        if module not in _LAUNCHER_MODULES:
            return argv[index:]
    return argv[1:]


def _words_of_line(line: str) -> list[str]:
    """Return the program's own words of one simple command; none of a whole script."""
    line = line.replace("\\\n", " ").strip()
    if not _SHELL_SIGNS.isdisjoint(line):
        return []
    try:
        return _own_words(shlex.split(line, comments=True))
    except ValueError:  # a quote that is not closed
        return []


def _after_python(argv: Sequence[str], index: int) -> tuple[int, str]:
    """Return where the words after a script or module begin, and the name of the module."""
    while index < len(argv) and argv[index].startswith("-"):
        if argv[index] in ("-m", "-c"):
            module = argv[index + 1] if argv[index] == "-m" and index + 1 < len(argv) else ""
            return index + 2, module
        index += 2 if argv[index] in _PYTHON_OPTIONS_WITH_VALUE else 1
    return index + 1, ""


def _value_after(words: list[str]) -> Plain:
    """Take the words that belong to a flag: one, or all of a row of numbers."""
    if not words or not _is_value(words[0]):
        return True
    first = parse_argument(words.pop(0))
    row = [first]
    while _is_number(row[-1]) and words and _is_number(parse_argument(words[0])):
        row.append(parse_argument(words.pop(0)))
    return row if len(row) > 1 else first


def _is_value(word: str) -> bool:
    if _ASSIGNMENT.fullmatch(word):
        return False
    return not word.startswith("-") or word == "-" or _is_number(parse_argument(word))


def _is_number(value: Plain) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _add(params: dict[str, Plain], name: str, *, value: Plain) -> None:
    *parents, last = name.split(".")
    place = params
    for parent in parents:
        inner = place.setdefault(parent, {})
        if not isinstance(inner, dict):  # both `model=resnet` and `model.depth=3`
            place, last = params, name
            break
        place = inner
    if last not in place:
        place[last] = value
        return
    earlier = place[last]
    place[last] = [*(earlier if isinstance(earlier, list) else [earlier]), value]
