"""Params, from files and from the flags of the command itself.

Reading a command line without knowing the program is a guess, made to be right for
what training scripts use: `--lr 0.1`, `--lr=0.1`, `lr=0.1`, `model.depth=3`, `--amp`,
`--layers 64 64 32`. Positional words are left alone.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path, PurePath

from mlv.capture.documents import Plain, read_document
from mlv.capture.redact import redact_value
from mlv.core.scalars import scalar_of
from mlv.errors import UnreadableFileError

_PYTHON = re.compile(r"(python|pypy)[0-9.]*(\.exe)?|ipython[0-9]?")
_LAUNCHERS = frozenset(
    "torchrun accelerate deepspeed uv uvx poetry pdm hatch pixi conda mamba micromamba mpirun "
    "mpiexec srun env time nice nohup taskset numactl coverage xvfb-run sh bash dash zsh".split()
)
"""Commands that start another: what stands before the script is theirs."""

_SHELLS = frozenset(("sh", "bash", "dash", "zsh"))
_PYTHON_OPTIONS_WITH_VALUE = frozenset(("-W", "-X", "--check-hash-based-pycs"))
_FLAG = re.compile(r"--?([A-Za-z][A-Za-z0-9_.-]*)(?:=(.*))?", re.DOTALL)
_ASSIGNMENT = re.compile(r"\+{0,2}([A-Za-z_][A-Za-z0-9_./@-]*)=(.*)", re.DOTALL)
_INTEGER = re.compile(r"[-+]?(0|[1-9][0-9]*)")
_FLOAT = re.compile(
    r"[-+]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][-+]?[0-9]+)?|[-+]?(inf|nan)", re.IGNORECASE
)
_WORDS: dict[str, bool | None] = {"true": True, "false": False, "null": None, "none": None}
_MAX_DIGITS = 4000


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

    A flag without a value is True; one that is given several times has a list of its
    values; a value that looks like a secret is `"***"`.

    >>> params_from_argv(["python", "-u", "train.py", "--lr", "1e-3", "model.depth=3", "--amp"])
    {'lr': 0.001, 'model': {'depth': 3}, 'amp': True}
    """
    params: dict[str, Plain] = {}
    words = list(argv[_first_own_word(argv) :])
    while words:
        word = words.pop(0)
        if word == "--":
            break
        flag = _FLAG.fullmatch(word)
        assignment = _ASSIGNMENT.fullmatch(word)
        if flag:
            name, text = flag.groups()
            _add(params, name, _value_after(name, words) if text is None else _typed(name, text))
        elif assignment and not ("/" in assignment[1] and "/" in assignment[2]):
            _add(params, assignment[1], _typed(assignment[1], assignment[2]))
    return params


def parse_argument(text: str) -> Plain:
    """Return the text of one value as number, truth value, None, or the text itself.

    >>> [parse_argument(text) for text in ("3", "1e-3", "true", "null", "007", "adam")]
    [3, 0.001, True, None, '007', 'adam']
    """
    if len(text) <= _MAX_DIGITS:
        if _INTEGER.fullmatch(text):
            return int(text)
        if _FLOAT.fullmatch(text) and not re.fullmatch("0[0-9]+", text):
            return scalar_of(float(text))
    return _WORDS.get(text.lower(), text) if text.lower() in _WORDS else text


def _first_own_word(argv: Sequence[str]) -> int:
    names = [PurePath(word).name for word in argv]
    if not names or not (_PYTHON.fullmatch(names[0]) or names[0] in _LAUNCHERS):
        return 1
    if names[0] in _SHELLS and "-c" in argv[1:3]:
        return len(argv)
    for index, name in enumerate(names):
        if _PYTHON.fullmatch(name):
            return _after_python(argv, index + 1)
        if name.endswith(".py"):
            return index + 1
        if argv[index] == "-m" and names[0] not in _SHELLS:
            return index + 2
    return 1


def _after_python(argv: Sequence[str], index: int) -> int:
    while index < len(argv) and argv[index].startswith("-"):
        if argv[index] in ("-m", "-c"):
            return index + 2
        index += 2 if argv[index] in _PYTHON_OPTIONS_WITH_VALUE else 1
    return index + 1


def _value_after(name: str, words: list[str]) -> Plain:
    """Take the words that belong to a flag: one, or all of a row of numbers."""
    if not words or not _is_value(words[0]):
        return True
    first = _typed(name, words.pop(0))
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


def _typed(name: str, text: str) -> Plain:
    return parse_argument(redact_value(name, text))


def _add(params: dict[str, Plain], name: str, value: Plain) -> None:
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
