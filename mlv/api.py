"""What a training script imports: `import mlv`, then `mlv.start_run()` or `mlv.init()`.

Inside `mlv run` a run attaches to the one that is being recorded, and needs the
standard library alone. Elsewhere it records the script itself.
"""

from __future__ import annotations

import atexit
import os
import sys
from collections.abc import Collection, Iterable, Iterator, Mapping, MutableMapping
from typing import TYPE_CHECKING, Any, Protocol

from mlv.capture.journal import JournalWriter
from mlv.errors import UsageError

if TYPE_CHECKING:
    import pandas as pd
    from typing_extensions import Self

    from mlv.app.workspace import Workspace

_RUN_DIR = "MLV_RUN_DIR"
_DISABLED = "MLV_DISABLED"

_active: ActiveRun | None = None


class _Recorder(Protocol):
    """Records a script that was not started by `mlv run`."""

    directory: str

    def finish(self, *, failed: bool) -> None:
        """Seal the run."""


class ActiveRun:
    """A run that is going on.

    Logging never raises into the training and never waits for the disk longer than
    one write. May be used from several threads, and after a fork.

    Attributes:
        config: Params; setting one logs it.
        summary: Metrics without steps; setting one logs it.
    """

    def __init__(self, writer: JournalWriter | None, recorder: _Recorder | None = None) -> None:
        self._writer = writer
        self._recorder = recorder
        self._owner = os.getpid()
        self.config = _Logged(self.log_params)
        self.summary = _Logged(self._log_summary)

    def log(self, values: Mapping[str, Any], step: int | None = None) -> None:
        """Log metrics.

        Args:
            values: Numbers by name; NumPy and torch scalars are numbers too.
            step: Any whole number, in any order; None for the one after the last.
        """
        if self._writer is not None:
            self._writer.log(values, step)

    def log_metric(self, key: str, value: Any, step: int | None = None) -> None:
        """Log one metric, as `log` does."""
        self.log({key: value}, step)

    def log_metrics(self, metrics: Mapping[str, Any], step: int | None = None) -> None:
        """Log metrics, as `log` does."""
        self.log(metrics, step)

    def log_params(self, params: Mapping[str, Any] | None = None, /, **named: Any) -> None:
        """Log params, as a mapping or by name; nested ones keep their nesting."""
        if self._writer is not None:
            self._writer.log_params({**(params or {}), **named})

    def log_param(self, key: str, value: Any) -> None:
        """Log one param."""
        self.log_params({key: value})

    def log_artifact(self, path: str | os.PathLike[str]) -> None:
        """Declare a file or directory as an output; it is stored when the run ends."""
        if self._writer is not None:
            self._writer.add_artifact(os.fspath(path))

    def log_artifacts(self, directory: str | os.PathLike[str]) -> None:
        """Declare a directory as an output, as `log_artifact` does."""
        self.log_artifact(directory)

    def set_tag(self, key: str, value: object = None) -> None:
        """Tag the run with `key`, or with `key=value`."""
        self.set_tags([key if value is None else f"{key}={value}"])

    def set_tags(self, tags: Iterable[str] | Mapping[str, object]) -> None:
        """Tag the run."""
        if self._writer is not None:
            pairs = tags.items() if isinstance(tags, Mapping) else None
            words = [f"{key}={value}" for key, value in pairs] if pairs is not None else list(tags)
            self._writer.add_tags(words)

    def set_note(self, text: str) -> None:
        """Replace the note of the run."""
        if self._writer is not None:
            self._writer.set_note(text)

    def set_name(self, name: str) -> None:
        """Name the run."""
        if self._writer is not None:
            self._writer.set_name(name)

    def finish(self, *, failed: bool = False) -> None:
        """End the run; a second call does nothing.

        Inside `mlv run` the record is sealed when the command ends, here at once.

        Raises:
            MlvError: Outside `mlv run`: the record could not be sealed.
        """
        global _active  # noqa: PLW0603 - one run at a time is active in a process
        writer, self._writer = self._writer, None
        if writer is not None:
            writer.close()
        recorder, self._recorder = self._recorder, None
        if recorder is not None and os.getpid() == self._owner:
            os.environ.pop(_RUN_DIR, None)
            recorder.finish(failed=failed)
        if _active is self:
            _active = None

    def _log_summary(self, values: Mapping[str, Any]) -> None:
        if self._writer is not None:
            self._writer.log_summary(values)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: object
    ) -> None:
        clean = kind is None or (isinstance(error, SystemExit) and error.code in (None, 0))
        self.finish(failed=not clean)


class _Logged(MutableMapping[str, Any]):
    """A mapping that logs what is set in it; its keys are attributes too."""

    def __init__(self, send: Any) -> None:
        self.__dict__["_send"] = send
        self.__dict__["_values"] = {}

    def __getitem__(self, key: str) -> Any:
        return self.__dict__["_values"][key]

    def __setitem__(self, key: str, value: Any) -> None:
        self.__dict__["_values"][key] = value
        self.__dict__["_send"]({key: value})

    def __delitem__(self, key: str) -> None:
        del self.__dict__["_values"][key]

    def __iter__(self) -> Iterator[str]:
        return iter(self.__dict__["_values"])

    def __len__(self) -> int:
        return len(self.__dict__["_values"])

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError as error:
            raise AttributeError(name) from error

    def __setattr__(self, name: str, value: Any) -> None:
        self[name] = value


def start_run(
    name: str | None = None,
    *,
    tags: Collection[str] = (),
    note: str | None = None,
    params: Mapping[str, Any] | None = None,
) -> ActiveRun:
    """Start a run, or attach to the one that `mlv run` records.

    Args:
        name: What to call it; None for a random name.
        tags: Words to find it by.
        note: A remark for people.
        params: Params to log at once.

    Raises:
        UsageError: A run is active in this process already.
        NotARepositoryError, NoStoreError: Outside `mlv run`: there is nowhere to record.
        MlvError: Outside `mlv run`: the run cannot begin.
    """
    global _active  # noqa: PLW0603 - one run at a time is active in a process
    if _active is not None:
        raise UsageError(
            "a run is active in this process already", hint="finish it first: run.finish()"
        )
    run = _attach() or _record()
    if name is not None:
        run.set_name(name)
    if tags:
        run.set_tags(tags)
    if note is not None:
        run.set_note(note)
    if params:
        run.log_params(params)
    _active = run
    atexit.register(_finish_at_exit, run)
    return run


def init(
    project: str | None = None,
    *,
    name: str | None = None,
    config: Mapping[str, Any] | None = None,
    tags: Collection[str] = (),
    notes: str | None = None,
    group: str | None = None,
) -> ActiveRun:
    """Start a run, with the words of Weights & Biases.

    Args:
        project: Becomes the tag `project=...`; the repository is the project otherwise.
        name: What to call it.
        config: Params.
        tags: Words to find it by.
        notes: A remark for people.
        group: Becomes the tag `group=...`.

    Raises:
        MlvError: As `start_run`.
    """
    labels = [f"{key}={value}" for key, value in (("project", project), ("group", group)) if value]
    run = start_run(name, tags=[*tags, *labels], note=notes)
    run.config.update(config or {})
    return run


def active_run() -> ActiveRun | None:
    """Return the active run of this process, None when there is none."""
    return _active


def log(values: Mapping[str, Any], step: int | None = None) -> None:
    """Log metrics to the active run; see `ActiveRun.log`."""
    _require_active().log(values, step)


def log_metric(key: str, value: Any, step: int | None = None) -> None:
    """Log one metric to the active run."""
    _require_active().log({key: value}, step)


def log_metrics(metrics: Mapping[str, Any], step: int | None = None) -> None:
    """Log metrics to the active run."""
    _require_active().log(metrics, step)


def log_param(key: str, value: Any) -> None:
    """Log one param to the active run."""
    _require_active().log_params({key: value})


def log_params(params: Mapping[str, Any] | None = None, /, **named: Any) -> None:
    """Log params to the active run; see `ActiveRun.log_params`."""
    _require_active().log_params(params, **named)


def log_artifact(path: str | os.PathLike[str]) -> None:
    """Declare a file or directory as an output of the active run."""
    _require_active().log_artifact(path)


def log_artifacts(directory: str | os.PathLike[str]) -> None:
    """Declare a directory as an output of the active run."""
    _require_active().log_artifact(directory)


def set_tag(key: str, value: object = None) -> None:
    """Tag the active run."""
    _require_active().set_tag(key, value)


def set_tags(tags: Iterable[str] | Mapping[str, object]) -> None:
    """Tag the active run."""
    _require_active().set_tags(tags)


def finish() -> None:
    """End the active run, if there is one."""
    if _active is not None:
        _active.finish()


def runs(*, sort: str | None = None, limit: int | None = None) -> pd.DataFrame:
    """Return the recorded runs of this repository as a data frame, newest first.

    Args:
        sort: A column; a leading `-` sorts from high to low.
        limit: How many at most.

    Returns:
        One row a run, indexed by id; columns `name`, `status`, `started_at`,
        `duration_s`, `tags`, and `params.NAME` and `metrics.NAME` for all that occur.

    Raises:
        NotARepositoryError, NoStoreError: There is no store.
        UsageError: There is no such column to sort by.
    """
    from mlv.app.look.frame import runs_frame

    return runs_frame(_open_here(), sort=sort, limit=limit)


def _require_active() -> ActiveRun:
    return _active if _active is not None else start_run()


def _attach() -> ActiveRun | None:
    if os.environ.get(_DISABLED, "") not in ("", "0"):
        return ActiveRun(None)
    live = os.environ.get(_RUN_DIR)
    return ActiveRun(JournalWriter(live)) if live else None


def _record() -> ActiveRun:
    from mlv.app.record.script import record_script

    recorder = record_script(_open_here())
    os.environ[_RUN_DIR] = recorder.directory  # processes that the script starts attach to it
    return ActiveRun(JournalWriter(recorder.directory), recorder)


def _open_here() -> Workspace:
    from pathlib import Path

    from mlv.app.workspace import open_workspace
    from mlv.config import load_settings

    return open_workspace(Path.cwd(), load_settings(Path.cwd()))


def _finish_at_exit(run: ActiveRun) -> None:
    run.finish(failed=getattr(sys, "last_value", None) is not None)
