"""A run that is going on, as a training script sees it."""

from __future__ import annotations

import os
import threading

from mlv.api import open_runs
from mlv.api.attaching import Attaching
from mlv.api.ending import Ending, ending_of, unwatch_exit
from mlv.api.guard import never_raises, say
from mlv.capture.execution.run_directory import NESTED

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any, Protocol

    from typing_extensions import Self

    from mlv.api.logged import Logged
    from mlv.api.run_journal import RunJournal

    class Recorder(Protocol):
        """Records a script that was not started by `mlv run`."""

        @property
        def name(self) -> str:
            """What the run is called, unless the script names it."""

        def finish(self, *, exit_code: int | None, signal: int | None) -> None:
            """Seal the run."""


_PLAIN_NUMBERS = frozenset((float, int, bool))


class ActiveRun(Attaching):
    """A run that is going on.

    Logging never raises into the training and never waits for the disk longer than
    one write. May be used from several threads, and after a fork.

    Attributes:
        id: That of the run; empty when nothing is recorded.
        name: What it was called; None while that is not known here.
        parent: The run of this process in which it was started.
        finished: Whether it has ended for this process; what is logged then goes nowhere.
        is_nested: Whether it is inside another run, of whichever process.
        is_implicit: Whether it began only because something was logged.
        is_block: Whether a `with` block will end it.
        place: Its directory, also when it has ended; None when nothing is recorded.
    """

    def __init__(
        self,
        journal: RunJournal | None,
        *,
        recorder: Recorder | None = None,
        parent: ActiveRun | None = None,
        starts_nested: bool = False,
    ) -> None:
        self.place = None if journal is None else journal.directory
        outer, _, self.id = (self.place or "").rpartition("/")
        self.is_nested = outer.endswith(f"/{NESTED}")
        self.name: str | None = None if recorder is None else recorder.name
        self.parent = parent
        self.finished = False
        self.is_implicit = False
        self.is_block = False
        self._journal = journal
        self._recorder = recorder
        self._starts_nested = starts_nested
        self._owner = os.getpid()
        self._logged: dict[str, Logged] = {}
        self._ending = threading.RLock()

    @property
    def directory(self) -> str | None:
        """Where what is logged goes; None when it goes nowhere."""
        return None if self.finished else self.place

    @property
    def is_inherited(self) -> bool:
        """Whether it was started before this process was forked."""
        return os.getpid() != self._owner

    @property
    def config(self) -> Logged:
        """Params; setting one logs it, and `config.update` takes all that `log_params` takes."""
        return self._find_logged("config", self.log_params)

    @property
    def summary(self) -> Logged:
        """Metrics without steps; setting one logs it."""
        return self._find_logged("summary", self.log_summary)

    def log(
        self, values: Mapping[str, Any], step: int | None = None, *, commit: bool | None = None
    ) -> None:
        """Log metrics.

        Args:
            values: Numbers by name; NumPy and torch scalars are numbers too. Those of a nested
                mapping get names such as `train/loss`.
            step: Any whole number, in any order; None for the one after the last.
            commit: False to stay at this step, so that the next call adds to it.
        """
        journal = self._journal
        if journal is None:
            return
        try:
            for value in values.values():
                if type(value) not in _PLAIN_NUMBERS and hasattr(value, "keys"):
                    from mlv.api.values import flatten_metrics

                    values = dict(flatten_metrics(values))
                    break
            if commit is None or commit:
                journal.log(values, step)
            else:
                journal.log_here(values, step)
            if journal.hurries is not False:
                journal.hurry()
        except Exception as error:  # noqa: BLE001 - anything at all may be passed
            self.note_problem("log", error)

    @never_raises
    def log_metric(self, key: str, value: Any, step: int | None = None) -> None:
        """Log one metric, as `log` does."""
        self.log({key: value}, step)

    @never_raises
    def log_metrics(self, metrics: Mapping[str, Any], step: int | None = None) -> None:
        """Log metrics, as `log` does."""
        self.log(metrics, step)

    @never_raises
    def log_params(self, params: Any = None, /, **named: Any) -> None:
        """Log params; nested ones keep their nesting.

        Args:
            params: A mapping, a data class, an `argparse.Namespace`, or another object with
                params as attributes. What JSON cannot hold becomes text.
            named: Further params.
        """
        if self._journal is not None:
            from mlv.api.values import params_of

            found = params_of(named)
            self._journal.log_params(found if params is None else {**params_of(params), **found})

    @never_raises
    def log_param(self, key: str, value: Any) -> None:
        """Log one param."""
        self.log_params({key: value})

    @never_raises
    def log_summary(self, values: Mapping[str, Any]) -> None:
        """Set metrics that have one value and no steps."""
        from mlv.api.values import flatten_metrics, number_of

        numbers = {}
        for name, value in flatten_metrics(values):
            try:
                numbers[name] = number_of(value)
            except Exception as error:  # noqa: BLE001 - it is the user's own
                self.note_problem(f"summary {name!r}", error)
        if self._journal is not None:
            self._journal.log_summary(numbers)

    @never_raises
    def log_artifact(self, path: str | os.PathLike[str], artifact_path: str | None = None) -> None:
        """Declare a file or directory as an output; it is stored when the run ends.

        Args:
            path: Where it is.
            artifact_path: Has no meaning here: an output is recorded by its own path.
        """
        del artifact_path
        if self._journal is not None:
            self._journal.add_artifact(os.fspath(path))

    @never_raises
    def log_artifacts(
        self, directory: str | os.PathLike[str], artifact_path: str | None = None
    ) -> None:
        """Declare a directory as an output, as `log_artifact` does."""
        self.log_artifact(directory, artifact_path)

    @never_raises
    def set_tag(self, key: str, value: object = None) -> None:
        """Tag the run with `key`, or with `key=value`."""
        self.set_tags([key] if value is None else {key: value})

    @never_raises
    def set_tags(self, tags: Any) -> None:
        """Tag the run with words, or with `key=value` for each item of a mapping."""
        if self._journal is not None:
            from mlv.api.values import tags_of

            self._journal.add_tags(tags_of(tags))

    @never_raises
    def set_note(self, text: str) -> None:
        """Replace the note of the run."""
        if self._journal is not None:
            from mlv.api.values import text_of

            self._journal.set_note(text_of(text))

    @never_raises
    def set_name(self, name: str) -> None:
        """Name the run."""
        from mlv.api.values import text_of

        self.name = text_of(name)
        if self._journal is not None:
            self._journal.set_name(self.name)

    @never_raises
    def rewind(self, step: int) -> None:
        """Go back to a step: what was logged of it and of later ones no longer counts."""
        if self._journal is not None:
            self._journal.rewind(step)

    @never_raises
    def resume(self, run: str, step: int | None = None) -> None:
        """Go on from an earlier run, whose series are put before those of this one.

        Args:
            run: Reference of the earlier run.
            step: The first step of it that does not count; None for the first one that this
                run logs, series by series.
        """
        if self._journal is not None:
            self._journal.resume(run, step)

    def finish(self, exit_code: int | None = None, *, failed: bool = False) -> None:
        """End the run, and those inside it; a second call does nothing.

        Inside `mlv run` the record is sealed when the command ends, here at once. A record
        that cannot be sealed is kept, and `mlv recover` seals it later.

        Args:
            exit_code: Anything but 0 means that it failed.
            failed: The same in another word.
        """
        self.end(Ending(exit_code or int(failed)))

    def end(self, ending: Ending) -> None:
        """End the run, as `finish` does."""
        with self._ending:
            if self.finished:
                return
            for inner in open_runs.runs_inside(self):
                inner.end(ending)
            self.finished = True
            journal, self._journal = self._journal, None
            recorder, self._recorder = self._recorder, None
            if journal is not None:
                if self._starts_nested and not self.is_inherited:
                    journal.end(failed=ending.failed)
                journal.close()
            if recorder is not None and not self.is_inherited:
                if open_runs.list_open() == [self]:
                    unwatch_exit()
                _seal(recorder, ending)
            # Last, so that what another thread logs meanwhile starts no run of its own.
            open_runs.leave(self)

    def note_problem(self, what: str, error: BaseException) -> None:
        """Note in the record that something could not be logged."""
        from mlv.api.values import text_of

        if self._journal is not None:
            self._journal.add_problem(f"{what}: {text_of(error) or type(error).__name__}")

    def _find_logged(self, kind: str, send: Any) -> Logged:
        from mlv.api.logged import Logged

        found = self._logged.get(kind)
        return self._logged.setdefault(kind, Logged(send)) if found is None else found

    def __enter__(self) -> Self:
        self.is_block = True
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: object
    ) -> None:
        self.end(ending_of(error))

    def __repr__(self) -> str:
        state = "finished" if self.finished else "active"
        return f"<mlv.ActiveRun {self.name or self.id[:10] or 'disabled'}, {state}>"

    def _repr_html_(self) -> str:
        from mlv.api.notebook import run_as_html

        return run_as_html(self)


def _seal(recorder: Recorder, ending: Ending) -> None:
    try:
        recorder.finish(exit_code=None if ending.signal else ending.exit_code, signal=ending.signal)
    except Exception as error:  # noqa: BLE001 - the training has ended well, and its work is safe
        hint = "seal it later with `mlv recover`"
        say(f"the run was not sealed: {error}; {hint}")
