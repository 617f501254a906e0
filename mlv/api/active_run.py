"""A run that is going on, as a training script sees it."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, MutableMapping
from typing import TYPE_CHECKING, Any, Protocol

from mlv.capture.journal import JournalWriter

if TYPE_CHECKING:
    from typing_extensions import Self


class Recorder(Protocol):
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

    def __init__(self, writer: JournalWriter | None, recorder: Recorder | None = None) -> None:
        self._writer = writer
        self._recorder = recorder
        self._owner = os.getpid()
        self._finished = False
        self.config = _Logged(self.log_params)
        self.summary = _Logged(self._log_summary)

    @property
    def finished(self) -> bool:
        """Whether the run has ended for this process; what is logged then goes nowhere."""
        return self._finished

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
        self._finished = True
        writer, self._writer = self._writer, None
        if writer is not None:
            writer.close()
        recorder, self._recorder = self._recorder, None
        if recorder is not None and os.getpid() == self._owner:
            recorder.finish(failed=failed)

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
