"""From the words of `mlv run` to a run request, by way of the stages of `mlv.yaml`."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from mlv.app.launch.order import RunOrder
from mlv.app.record.begin import RunRequest
from mlv.app.workspace import Workspace
from mlv.core.settings import StageSetting
from mlv.errors import MissingFileError, UsageError
from mlv.worktree.paths import is_url

_ARGUMENTS = re.compile(r"\$[@*1-9]|\$\{[@*1-9]")
_NO_END = re.compile(r"[;&|<>()\n]|(^|\s)#")
"""What makes a script more than one command to whose end words can be added."""

_PATTERN = re.compile(r"[*?\[]")
_NO_STAGE = StageSetting(cmd="true")


def request_of(workspace: Workspace, order: RunOrder) -> RunRequest:
    """Return what is to be recorded.

    A stage runs at the root of the worktree; what the command line declares is added to
    what `mlv.yaml` declares.

    Raises:
        UsageError: Words follow the name of a stage that has no place for them, or a tag
            is empty.
        MissingFileError: A file that `mlv.yaml` declares is not there.
    """
    if not all(tag.strip() for tag in order.tags):
        raise UsageError("a tag is empty", hint="write for example `-t baseline`")
    name = find_stage(workspace.settings.project.stages, order)
    stage = _NO_STAGE if name is None else workspace.settings.project.stages[name]
    root, here = workspace.root, order.directory
    if name is not None and not order.isolated:
        _check_files(name, stage, root)
    inputs = [*_split(stage.inputs, root), *_split(order.inputs, here)]
    boards = () if stage.tensorboard is None else (stage.tensorboard,)
    return RunRequest(
        argv=order.words if name is None else _stage_command(name, stage, order.words[1:]),
        directory=here if name is None else root,
        name=order.name,
        tags=order.tags,
        note=order.note,
        inputs=tuple(each for each in inputs if isinstance(each, Path)),
        urls=tuple(each for each in inputs if isinstance(each, str)),
        outputs=_paths(stage.outputs, root) + _paths(order.outputs, here),
        params=(*stage.params, *_params(order, moved=name is not None)),
        metrics=_paths(stage.metrics, root) + _paths(order.metrics, here),
        tensorboard=_paths(boards, root) + _paths(order.tensorboard, here),
        stage=name,
        observe=order.observe != "none",
        strace=order.observe == "strace",
        system=order.system,
        store_external=order.store_external,
        require_clean=order.require_clean,
        allow_secrets=order.allow_secrets,
    )


def find_stage(stages: Mapping[str, StageSetting], order: RunOrder) -> str | None:
    """Return the name of the stage that is asked for, None for a command."""
    return order.words[0] if order.words[0] in stages and not order.is_command else None


def _check_files(name: str, stage: StageSetting, root: Path) -> None:
    """Refuse files that `mlv.yaml` declares and that are not there."""
    inputs = [path for path in _split(stage.inputs, root) if isinstance(path, Path)]
    missing = [("input", os.path.relpath(path, root)) for path in inputs if not path.exists()]
    for text in stage.params:
        file = text if ":" not in text or (root / text).exists() else text.rpartition(":")[0]
        missing += [] if (root / file).exists() else [("params file", file)]
    if missing:
        what, path = missing[0]
        message = f"{what} {path!r} of stage {name!r} is not there"
        raise MissingFileError(message, hint=f"see the stage {name!r} in mlv.yaml")


def _stage_command(name: str, stage: StageSetting, words: tuple[str, ...]) -> tuple[str, ...]:
    """Return the command of a stage; words after its name go where `$@` is, or to its end."""
    script = stage.cmd.strip()
    # A script of several lines ends with the first that fails, so that no run is called
    # finished of which a part failed.
    shell = ("sh", "-e", "-c") if "\n" in script.replace("\\\n", "") else ("sh", "-c")
    if not words:
        return (*shell, script)
    if _ARGUMENTS.search(script):
        return (*shell, script, name, *words)
    if _NO_END.search(script.replace("\\\n", "")):
        message = f"stage {name!r} is more than one command, so {shlex.join(words)!r} has no place"
        raise UsageError(message, hint='write "$@" where it belongs in the cmd of the stage')
    return (*shell, f"{script} {shlex.join(words)}")


def _split(texts: Iterable[str], base: Path) -> Iterator[Path | str]:
    """Yield the inputs that texts name: URLs as text, all others as paths."""
    import glob

    for text in texts:
        if is_url(text):
            yield text
            continue
        found = []
        if _PATTERN.search(text) and not (base / text).exists():
            found = sorted(glob.glob(text, root_dir=base, recursive=True))  # noqa: PTH207
        yield from (base / each for each in found or [text])


def _paths(texts: Iterable[str], base: Path) -> tuple[Path, ...]:
    return tuple(base / text for text in texts)


def _params(order: RunOrder, *, moved: bool) -> tuple[str, ...]:
    """Return declared params files as seen from where the command runs."""
    return tuple(str(order.directory / text) for text in order.params) if moved else order.params
