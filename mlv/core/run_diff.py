"""How two runs differ."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Literal

import msgspec

from mlv.core.environment import Environment
from mlv.core.environment_diff import EnvironmentDiff, diff_environments
from mlv.core.goals import guess_goal
from mlv.core.params import ParamValue, flatten_params
from mlv.core.paths import RepoPath
from mlv.core.run import Goal, MetricPolicy, Run, Tolerance
from mlv.core.scalars import number_of, same_number
from mlv.core.tree import Fingerprint, TreeChange

Direction = Literal["better", "worse", "unknown"]
Role = Literal["input", "output"]
CodeStatus = Literal["added", "removed", "changed", "renamed"]


class MetricChange(msgspec.Struct, frozen=True, kw_only=True):
    """One metric that differs.

    Attributes:
        name: Its name.
        old, new: Its values; None where the run has no such metric.
        direction: Whether `new` is better, by the goal of the metric.
        within_tolerance: Whether the project's tolerance covers the change; None
            when it states none.
    """

    name: str
    old: float | None
    new: float | None
    direction: Direction
    within_tolerance: bool | None = None

    @property
    def delta(self) -> float | None:
        """`new - old`, where both are there."""
        return None if self.old is None or self.new is None else self.new - self.old


class ParamChange(msgspec.Struct, frozen=True, kw_only=True):
    """One param that differs; `in_old` and `in_new` tell absent from null."""

    name: str
    old: ParamValue
    new: ParamValue
    in_old: bool
    in_new: bool


class CodeChange(msgspec.Struct, frozen=True, kw_only=True):
    """One code file that differs; line counts are None for binary files."""

    path: RepoPath
    status: CodeStatus
    old_path: RepoPath | None = None
    added_lines: int | None = None
    removed_lines: int | None = None


class FileDiff(msgspec.Struct, frozen=True, kw_only=True):
    """An input or output that differs; `files` lists what differs inside a directory."""

    path: RepoPath
    role: Role
    old: Fingerprint | None
    new: Fingerprint | None
    files: tuple[TreeChange, ...] = ()


class RunDiff(msgspec.Struct, frozen=True, kw_only=True):
    """How `new` differs from `old`, part by part.

    Attributes:
        old, new: Names of the two, for people.
        patch: Text of the code changes, when it was asked for.
        command: The two command lines, when they differ.
        unknown: Parts that could not be compared, and why.
    """

    old: str
    new: str
    metrics: tuple[MetricChange, ...] = ()
    params: tuple[ParamChange, ...] = ()
    code: tuple[CodeChange, ...] = ()
    files: tuple[FileDiff, ...] = ()
    environment: EnvironmentDiff
    command: tuple[tuple[str, ...], tuple[str, ...]] | None = None
    patch: str | None = None
    unknown: tuple[str, ...] = ()

    @property
    def empty(self) -> bool:
        """Whether nothing differs."""
        parts = (self.metrics, self.params, self.code, self.files, self.command, self.unknown)
        return not any(parts) and self.environment.empty


def diff_runs(old: Run, new: Run) -> RunDiff:
    """Return how two records differ, as far as the records alone can tell.

    Code, the insides of directories and the environment need other objects; the
    caller adds them with `msgspec.structs.replace`.
    """
    return RunDiff(
        old=old.name,
        new=new.name,
        metrics=diff_metrics(old, new),
        params=diff_params(old, new),
        files=(
            *_diff_files("input", _inputs(old), _inputs(new)),
            *_diff_files("output", _outputs(old), _outputs(new)),
        ),
        environment=EnvironmentDiff(),
        command=None if _command(old) == _command(new) else (old.command.argv, new.command.argv),
    )


def diff_metrics(old: Run, new: Run) -> tuple[MetricChange, ...]:
    """Return the metrics whose last values differ, sorted by name; NaN equals NaN."""
    before = {name: number_of(metric.value) for name, metric in old.metrics.items()}
    after = {name: number_of(metric.value) for name, metric in new.metrics.items()}
    policies = {**old.metric_policies, **new.metric_policies}
    return tuple(
        _metric_change(name, before.get(name), after.get(name), policies.get(name, MetricPolicy()))
        for name in sorted(before.keys() | after.keys())
        if not _same(before.get(name), after.get(name))
    )


def diff_params(old: Run, new: Run) -> tuple[ParamChange, ...]:
    """Return the params that differ, sorted by name; 1 and 1.0 and true all differ."""
    before, after = flatten_params(old.params), flatten_params(new.params)
    changes = []
    for name in sorted(before.keys() | after.keys()):
        in_old, in_new = name in before, name in after
        old_value = before[name].value if in_old else None
        new_value = after[name].value if in_new else None
        if (in_old, _typed(old_value)) != (in_new, _typed(new_value)):
            changes.append(
                ParamChange(name=name, old=old_value, new=new_value, in_old=in_old, in_new=in_new)
            )
    return tuple(changes)


def diff_environment_records(old: Environment | None, new: Environment | None) -> EnvironmentDiff:
    """Return how two environments differ; nothing where one of them is not known."""
    return EnvironmentDiff() if old is None or new is None else diff_environments(old, new)


def within(old: float, new: float, tolerance: Tolerance) -> bool:
    """Tell whether `new` lies within `tolerance` of `old`: `|new - old| <= abs + rel * |old|`.

    Source: numpy.isclose, with the recorded value as the reference.
    """
    if same_number(old, new):
        return True
    if not (math.isfinite(old) and math.isfinite(new)):
        return False
    return abs(new - old) <= tolerance.abs + tolerance.rel * abs(old)


def _metric_change(
    name: str, old: float | None, new: float | None, policy: MetricPolicy
) -> MetricChange:
    covered = None
    if policy.tolerance is not None and old is not None and new is not None:
        covered = within(old, new, policy.tolerance)
    direction = _direction(old, new, policy.goal or guess_goal(name))
    return MetricChange(name=name, old=old, new=new, direction=direction, within_tolerance=covered)


def _direction(old: float | None, new: float | None, goal: Goal | None) -> Direction:
    if old is None or new is None or goal is None or math.isnan(old) or math.isnan(new):
        return "unknown"
    return "better" if (new > old) == (goal == "maximize") else "worse"


def _diff_files(
    role: Role,
    old: Mapping[RepoPath, Fingerprint | None],
    new: Mapping[RepoPath, Fingerprint | None],
) -> Iterable[FileDiff]:
    for path in sorted(old.keys() | new.keys()):
        before, after = old.get(path), new.get(path)
        if before != after or before is None:
            yield FileDiff(path=path, role=role, old=before, new=after)


def _inputs(run: Run) -> dict[RepoPath, Fingerprint | None]:
    return {each.path: each.fingerprint for each in run.inputs}


def _outputs(run: Run) -> dict[RepoPath, Fingerprint | None]:
    return {each.path: each.fingerprint for each in run.outputs}


def _command(run: Run) -> tuple[tuple[str, ...], str]:
    return (run.command.argv, run.command.directory)


def _same(old: float | None, new: float | None) -> bool:
    if old is None or new is None:
        return old is new
    return same_number(old, new)


def _typed(value: ParamValue) -> bytes:
    return msgspec.json.encode(value, order="sorted")
