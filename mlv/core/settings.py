"""Settings of a project and of a clone, after files and flags were combined."""

from __future__ import annotations

from typing import Annotated

import msgspec

from mlv.core.link_type import LinkType
from mlv.core.run import Goal, MetricPolicy, Tolerance


class Strict(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A part of a configuration file, in which an unknown key is an error."""


class ToleranceSetting(Strict, frozen=True, kw_only=True):
    """How far a value that is made again may lie from the recorded one; at least 0.

    Attributes:
        abs: In the unit of the metric.
        rel: As a fraction of the recorded value.
    """

    abs: Annotated[float, msgspec.Meta(ge=0)] = 0.0
    rel: Annotated[float, msgspec.Meta(ge=0)] = 0.0


class MetricSetting(Strict, frozen=True, kw_only=True):
    """What `mlv.yaml` says of one metric.

    Attributes:
        goal: What counts as better.
        tolerance: How far it may differ when it is made again.
    """

    goal: Goal | None = None
    tolerance: ToleranceSetting | None = None


class StageSetting(Strict, frozen=True, kw_only=True):
    """A named command; paths are relative to the root of the worktree.

    Attributes:
        cmd: For the shell, at the root; a script of several lines ends with the first that fails.
        inputs: Files, directories, patterns and URLs that it reads.
        params: Params files, as `FILE` or `FILE:KEY,KEY`.
        outputs: Files and directories that it writes.
        metrics: Metrics files that it writes.
        tensorboard: Directory of TensorBoard event files.
        tolerance: How far each metric of the stage may differ when it is made again.
    """

    cmd: Annotated[str, msgspec.Meta(min_length=1, pattern=r"\S")]
    inputs: tuple[str, ...] = ()
    params: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()
    metrics: tuple[str, ...] = ()
    tensorboard: str | None = None
    tolerance: dict[str, ToleranceSetting] = {}


class CodeSetting(Strict, frozen=True, kw_only=True):
    """What becomes of code that is no part of a commit yet.

    Attributes:
        large_file_mib: A larger untracked file goes to the store instead of Git.
        untracked_mib: Past this much in all, the largest untracked files do.
        bundle: Whether a Git bundle of what no remote has is stored with each run.
    """

    large_file_mib: Annotated[float, msgspec.Meta(gt=0)] = 10
    untracked_mib: Annotated[float, msgspec.Meta(gt=0)] = 100
    bundle: bool = True


class Project(Strict, frozen=True, kw_only=True):
    """The content of `mlv.yaml`.

    Attributes:
        stages: Named commands.
        metrics: What is known of metrics beforehand.
        code: Limits of the code snapshot.
        allow_secrets: Names of flags, variables, params and files that look like secrets
            and are none.
    """

    stages: dict[str, StageSetting] = {}
    metrics: dict[str, MetricSetting] = {}
    code: CodeSetting = CodeSetting()
    allow_secrets: tuple[str, ...] = ()

    def policies(self, stage: str | None = None) -> dict[str, MetricPolicy]:
        """Return what the project says of its metrics, as run records hold it.

        Args:
            stage: The stage that is run; its tolerances go before those of all.
        """
        policies = {name: _policy(setting) for name, setting in self.metrics.items()}
        tolerances = self.stages[stage].tolerance if stage is not None else {}
        for name, tolerance in tolerances.items():
            known = policies.get(name, MetricPolicy())
            policies[name] = msgspec.structs.replace(known, tolerance=_tolerance(tolerance))
        return policies

    def goals(self) -> dict[str, Goal]:
        """Return the goals that the project states."""
        return {name: setting.goal for name, setting in self.metrics.items() if setting.goal}


class Local(Strict, frozen=True, kw_only=True):
    """The content of `.mlv/config.yaml`, which is of this clone alone."""

    link: LinkType = "auto"


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that can be configured.

    Attributes:
        project: `mlv.yaml` at the root of the worktree.
        local: `.mlv/config.yaml`.
    """

    project: Project = Project()
    local: Local = Local()


def _policy(setting: MetricSetting) -> MetricPolicy:
    tolerance = None if setting.tolerance is None else _tolerance(setting.tolerance)
    return MetricPolicy(goal=setting.goal, tolerance=tolerance)


def _tolerance(setting: ToleranceSetting) -> Tolerance:
    return Tolerance(abs=setting.abs, rel=setting.rel)
