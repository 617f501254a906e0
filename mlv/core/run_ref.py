"""Run references: what a person types where a run is asked for.

    last, last~2        the newest run, and the one two before it
    best:accuracy       the run with the best value of a metric
    worst:loss          the one with the worst
    tag:baseline        the newest run with a tag
    calm-otter          a name
    01kb3v9             the beginning of an id

Reproductions are not counted by `last`, `best`, `worst` and `tag`. A run that a script started
inside another one is no command of its own, so `last` does not count it; `best` does.
"""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence

import msgspec

from mlv.core.goals import guess_goal
from mlv.core.ids import RunId, shorten_ids
from mlv.core.run import Goal, Run
from mlv.core.scalars import number_of
from mlv.errors import AmbiguousRunError, NoSuchRunError, UsageError

_LAST = re.compile(r"last(?:~(\d*))?")
_SHOWN_CANDIDATES = 5


class RunSet(msgspec.Struct, frozen=True, kw_only=True):
    """The runs that a reference may mean.

    Attributes:
        runs: Oldest first.
        goals: Goal of a metric, where the project states one.
    """

    runs: tuple[Run, ...]
    goals: Mapping[str, Goal] = {}

    @property
    def originals(self) -> tuple[Run, ...]:
        """The runs that are not reproductions, oldest first."""
        return tuple(run for run in self.runs if run.kind == "run")

    @property
    def commands(self) -> tuple[Run, ...]:
        """Those of them that were not started inside another run, oldest first."""
        return tuple(run for run in self.originals if run.parent is None)


def resolve_run(text: str, known: RunSet) -> Run:
    """Return the run that `text` means.

    Raises:
        NoSuchRunError: None does.
        AmbiguousRunError: Several do; the message lists them.
        UsageError: `text` asks for the best value of a metric without a known goal.
    """
    for prefix, resolve in _PREFIXES.items():
        if text.startswith(prefix):
            return resolve(text.removeprefix(prefix), known)
    if match := _LAST.fullmatch(text):
        return _resolve_last(text, int(match.group(1) or "~" in text), known)
    return _resolve_name(text, known)


def means_something_else(name: str) -> bool:
    """Tell whether `name`, as a reference, would never be looked up as a run's name.

    >>> means_something_else("last"), means_something_else("tag:x"), means_something_else("a")
    (True, True, False)
    """
    return bool(_LAST.fullmatch(name)) or name.startswith(tuple(_PREFIXES))


def _resolve_last(text: str, n_back: int, known: RunSet) -> Run:
    runs = known.commands
    if n_back >= len(runs):
        count = {0: "no run is recorded yet", 1: "only 1 run is recorded"}
        reason = count.get(len(runs), f"only {len(runs)} runs are recorded")
        hint = "record one with `mlv run COMMAND`" if not runs else "list them with `mlv log`"
        message = f"there is no run {text!r}: {reason}"
        raise NoSuchRunError(message, hint=hint)
    return runs[-1 - n_back]


def _resolve_name(text: str, known: RunSet) -> Run:
    lowered = text.lower()
    named = [run for run in known.runs if run.name == text]
    found = named or [run for run in known.runs if lowered and run.id.startswith(lowered)]
    return _only(text, found, known)


def _resolve_tag(tag: str, known: RunSet) -> Run:
    found = [run for run in known.originals if tag in run.tags]
    if not found:
        message = f"no run has the tag {tag!r}"
        raise NoSuchRunError(message, hint="list runs with `mlv log`")
    return found[-1]


def _resolve_best(metric: str, known: RunSet) -> Run:
    return _resolve_extreme(metric, known, best=True)


def _resolve_worst(metric: str, known: RunSet) -> Run:
    return _resolve_extreme(metric, known, best=False)


def _resolve_extreme(metric: str, known: RunSet, *, best: bool) -> Run:
    def value_of(run: Run) -> float:
        return number_of(run.metrics[metric].value)

    runs = known.originals
    comparable = [run for run in runs if metric in run.metrics and not math.isnan(value_of(run))]
    if not comparable:
        names = sorted({name for run in runs for name in run.metrics})
        message = f"no run has a value of the metric {metric!r}"
        raise NoSuchRunError(message, hint=_nearest(metric, names) or "list runs with `mlv log`")
    goal = known.goals.get(metric) or guess_goal(metric)
    if goal is None:
        message = f"mlv does not know whether a high or a low {metric!r} is better"
        hint = f"say so in mlv.yaml: metrics: {{{metric}: {{goal: maximize}}}}"
        raise UsageError(message, hint=hint)
    choose = max if (goal == "maximize") == best else min
    return choose(comparable, key=value_of)


def _only(text: str, found: Sequence[Run], known: RunSet) -> Run:
    if len(found) == 1:
        return found[0]
    if found:
        short = shorten_ids(run.id for run in known.runs)
        message = f"run {text!r} is ambiguous: it matches {_enumerate(found, short)}"
        hint = "give more characters, or list runs with `mlv log --limit 20`"
        raise AmbiguousRunError(message, hint=hint)
    names = [run.name for run in known.runs]
    message = f"there is no run {text!r}"
    hint = _nearest(text, names) or "list runs with `mlv log`"
    if not known.runs:
        message, hint = f"{message}: no run is recorded yet", "record one with `mlv run COMMAND`"
    raise NoSuchRunError(message, hint=hint)


def _enumerate(runs: Sequence[Run], short: Mapping[RunId, str]) -> str:
    shown = [f"{short[run.id]} ({run.name})" for run in runs[:_SHOWN_CANDIDATES]]
    if len(runs) > _SHOWN_CANDIDATES:
        shown.append(f"{len(runs) - _SHOWN_CANDIDATES} more")
    return f"{', '.join(shown[:-1])} and {shown[-1]}"


def _nearest(text: str, names: Iterable[str]) -> str | None:
    matches = difflib.get_close_matches(text, list(names), n=1)
    return f"did you mean {matches[0]!r}?" if matches else None


_PREFIXES: Mapping[str, Callable[[str, RunSet], Run]] = {
    "best:": _resolve_best,
    "worst:": _resolve_worst,
    "tag:": _resolve_tag,
}
