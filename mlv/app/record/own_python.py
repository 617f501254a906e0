"""Which of the Pythons of a run is the one that ran the user's own code."""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum
from pathlib import Path

from mlv.capture.observing.observe import ObservedProcess

_CODE_SUFFIXES = (".py", ".ipynb")
_KERNELS = ("ipykernel_launcher", "ipykernel")
_OPTIONS_WITH_VALUE = "WX"


class _Rank(IntEnum):
    """What a process ran; the lowest counts, and of those the first."""

    OWN_CODE = 0
    LAUNCHER = 1
    """A tool that was given the user's code, such as `torchrun train.py`."""

    INLINE = 2
    TOOL = 3


def choose_process(
    processes: Sequence[ObservedProcess], root: Path, directory: Path
) -> ObservedProcess | None:
    """Return the process whose Python counts as that of the command.

    Args:
        processes: All that were seen, in the order in which they started.
        root: Root of the worktree.
        directory: Where the command ran.
    """
    return min(processes, key=lambda each: _rank(each, root, directory), default=None)


def _rank(process: ObservedProcess, root: Path, directory: Path) -> _Rank:
    kind, program = _parse(process.argv)
    if kind == "module":
        places = [program.replace(".", "/") + end for end in (".py", "/__main__.py")]
        own = program in _KERNELS or any(
            _is_own(place, process, root, directory) for place in places
        )
    else:
        own = kind == "script" and _is_own(program, process, root, directory)
    if own:
        return _Rank.OWN_CODE
    words = (word for word in process.argv[1:] if word.endswith(_CODE_SUFFIXES))
    if any(_is_own(word, process, root, directory) for word in words):
        return _Rank.LAUNCHER
    return _Rank.INLINE if kind == "inline" else _Rank.TOOL


def _is_own(name: str, process: ObservedProcess, root: Path, directory: Path) -> bool:
    """Tell whether a name is that of a file of the worktree, and of no environment in it."""
    environments = (process.prefix, process.base_prefix)
    for place in (directory, root, root / "src"):
        path = place / name
        if path.is_file() and path.is_relative_to(root):
            return not any(path.is_relative_to(each) for each in environments if each)
    return False


def _parse(argv: Sequence[str]) -> tuple[str, str]:
    """Return what a Python command line executes: script, module or inline code, and which.

    Source: https://docs.python.org/3/using/cmdline.html
    """
    words = iter(argv[1:])
    for word in words:
        if word == "-" or not word.startswith("-"):
            return ("inline", "") if word == "-" else ("script", word)
        if word == "--check-hash-based-pycs":
            next(words, "")
        for place, letter in enumerate(word[1:], start=2) if word[1] != "-" else ():
            if letter == "c":
                return "inline", ""
            if letter == "m":
                return "module", word[place:] or next(words, "")
            if letter in _OPTIONS_WITH_VALUE:
                if not word[place:]:
                    next(words, "")
                break
    return "inline", ""
