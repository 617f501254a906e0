"""Settings of a project and of a clone, after files and flags were combined."""

from __future__ import annotations

from typing import Annotated

import msgspec

from mlv.core.link_type import LinkType
from mlv.core.run import Goal, MetricPolicy, Tolerance


class Strict(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A part of a configuration file, in which an unknown key is an error."""


class ToleranceSetting(Strict, frozen=True, kw_only=True):
    """`tolerance: {abs: 0.01, rel: 0.02}`; both are at least 0."""

    abs: Annotated[float, msgspec.Meta(ge=0)] = 0.0
    rel: Annotated[float, msgspec.Meta(ge=0)] = 0.0


class MetricSetting(Strict, frozen=True, kw_only=True):
    """What `mlv.yaml` says of one metric."""

    goal: Goal | None = None
    tolerance: ToleranceSetting | None = None


class Project(Strict, frozen=True, kw_only=True):
    """The content of `mlv.yaml`."""

    metrics: dict[str, MetricSetting] = {}

    def policies(self) -> dict[str, MetricPolicy]:
        """Return what the project says of its metrics, as run records hold it."""
        return {name: _policy(setting) for name, setting in self.metrics.items()}

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
    tolerance = None
    if setting.tolerance is not None:
        tolerance = Tolerance(abs=setting.tolerance.abs, rel=setting.tolerance.rel)
    return MetricPolicy(goal=setting.goal, tolerance=tolerance)
