"""The run record: everything that mlv knows about one finished execution.

Source: docs/reference/store-format.md, "Run records".
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

import msgspec

from mlv.core.digest import DigestField
from mlv.core.ids import RunIdField
from mlv.core.paths import RepoPath
from mlv.core.scalars import Scalar
from mlv.core.tree import Fingerprint

ParamTree = dict[str, Any]
"""Params as they were read: nested, with JSON values only."""

Source = Literal["declared", "observed", "both"]
"""How mlv came to know of an input or output."""

Status = Literal["finished", "failed", "killed", "preempted", "lost"]
"""How a run ended; `preempted` when a scheduler asked it to stop, `lost` when nobody was
there to see it."""

RunKind = Literal["run", "reproduction"]

Goal = Literal["minimize", "maximize"]


API = "api"
"""Source of params and metrics that came through the Python API instead of a file."""


def first_schema() -> Literal[1]:
    """Return 1, as a factory: a plain default would be left out of the record."""
    return 1


class Record(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True
):
    """What all parts of a record share: frozen, strict, and short where a default holds."""


class Content(Record, frozen=True, kw_only=True):
    """An object, with the size that it must have."""

    digest: DigestField
    size_bytes: int


class Command(Record, frozen=True, kw_only=True):
    """What was executed.

    Attributes:
        argv: The words of the command, secrets redacted.
        directory: Where it ran.
        executable: Absolute path of the program that the first word stood for.
        stage: Name of the stage in `mlv.yaml`, if it was one.
    """

    argv: tuple[str, ...]
    directory: RepoPath = RepoPath(".")
    executable: str
    stage: str | None = None


class LeftOut(Record, frozen=True, kw_only=True):
    """A file that the snapshot does not hold, and why.

    Attributes:
        path: Where it is.
        size_bytes: Its size.
        reason: `large`, `secret`, or another word for why.
        fingerprint: Present when the store holds the file instead.
    """

    path: RepoPath
    size_bytes: int
    reason: str
    fingerprint: Fingerprint | None = None


class Submodule(Record, frozen=True, kw_only=True):
    """A repository inside the repository.

    Attributes:
        path: Where it is checked out.
        commit: What is checked out there; empty when nothing is.
        url: Where it comes from, credentials stripped.
        dirty: Whether it holds changes that no commit has; those are not recorded.
    """

    path: RepoPath
    commit: str
    url: str | None = None
    dirty: bool = False


class Code(Record, frozen=True, kw_only=True):
    """The code of a run, uncommitted and untracked files included.

    Attributes:
        snapshot: Git commit that holds the files exactly as they were.
        tree: Its tree; equal trees are equal code.
        commit: What HEAD was; empty before the first commit.
        branch: The branch that was checked out; None when HEAD was detached.
        remotes: Name and URL of each Git remote, credentials stripped.
        dirty: Whether the files differed from `commit`.
        untracked: Files in the snapshot that Git did not track.
        left_out: Files that the snapshot does not hold.
        submodules: Repositories inside this one, as they were.
        bundles: Git bundles that bring the snapshot back, to be fetched in this order;
            the first stands on commits that a Git remote had, or on none.
        used: Files of the snapshot that the command was seen to import or open, with
            their Git blob ids.
    """

    snapshot: str
    tree: str
    commit: str
    branch: str | None = None
    remotes: dict[str, str] = {}
    dirty: bool = False
    untracked: tuple[RepoPath, ...] = ()
    left_out: tuple[LeftOut, ...] = ()
    submodules: tuple[Submodule, ...] = ()
    bundles: tuple[Content, ...] = ()
    used: dict[RepoPath, str] = {}


class Input(Record, frozen=True, kw_only=True):
    """A file or directory that the command read.

    Attributes:
        path: Where it is; absolute when it lies outside the repository, or a URL.
        source: How mlv knows.
        fingerprint: What it held before the command could change it; None when
            it had been changed before mlv could look.
        changed: Whether it changed while the command ran.
        after: What it held when the command had ended, if it changed and is there.
        stored: Whether the store holds its bytes.
        partial: Whether it is a directory of which only the files that were read are listed;
            others may lie beside them.
    """

    path: RepoPath
    source: Source
    fingerprint: Fingerprint | None
    changed: bool = False
    after: Fingerprint | None = None
    stored: bool = True
    partial: bool = False


class Listing(Record, frozen=True, kw_only=True):
    """The names in a directory, less outputs and what is ignored.

    Attributes:
        names: Digest of the sorted names.
        deep: Whether the names of all that lies below count as well.
    """

    names: DigestField
    deep: bool = False


class Output(Record, frozen=True, kw_only=True):
    """A file or directory that the command wrote.

    Attributes:
        path: Where it is.
        source: How mlv knows.
        fingerprint: What it held when the command had ended.
    """

    path: RepoPath
    source: Source
    fingerprint: Fingerprint


class ParamSource(Record, frozen=True, kw_only=True):
    """Params from one place.

    Attributes:
        name: Path of a params file, `command` for flags, `api` for `log_params`.
        values: As they were, nested.
        file: Fingerprint of the params file.
        keys: Dotted names of the only keys that count; empty for all of the file.
    """

    name: str
    values: ParamTree
    file: Fingerprint | None = None
    keys: tuple[str, ...] = ()


class Metric(Record, frozen=True, kw_only=True):
    """A named result: its last value, and a summary of the values before.

    Attributes:
        value: The newest value.
        source: Path of the metrics file, or `api`.
        n_values: How many values were logged.
        step: Step of `value`.
        first, lowest, highest: Of all values, when there were several.
        lowest_step, highest_step: The first steps at which those were reached.
    """

    value: Scalar
    source: str
    n_values: int = 1
    step: int | None = None
    first: Scalar | None = None
    lowest: Scalar | None = None
    highest: Scalar | None = None
    lowest_step: int | None = None
    highest_step: int | None = None


class Series(Record, frozen=True, kw_only=True):
    """The values of a metric over steps.

    Attributes:
        steps: Shape `(n,)`, in the order in which they were logged.
        values: Shape `(n,)`.
        times_s: Shape `(n,)`, seconds since the run began; empty where they are not known.
    """

    steps: tuple[int, ...]
    values: tuple[Scalar, ...]
    times_s: tuple[float, ...]


class Tolerance(Record, frozen=True, kw_only=True):
    """How far a reproduced metric may lie from the recorded one.

    Attributes:
        abs: Largest difference, in the unit of the metric.
        rel: Largest difference, as a fraction of the recorded value.
    """

    abs: float = 0.0
    rel: float = 0.0


class MetricPolicy(Record, frozen=True, kw_only=True):
    """What is known of a metric beforehand, frozen at the time of the run."""

    goal: Goal | None = None
    tolerance: Tolerance | None = None


class Reproduction(Record, frozen=True, kw_only=True):
    """Which run a reproduction repeated, and with what result."""

    original: RunIdField
    verdict: str


class Run(Record, frozen=True, kw_only=True, tag_field="type", tag="run"):
    """One execution of a command, sealed.

    Attributes:
        id, name, tags, note: What it is called, and what people said of it at the start.
        kind: `run`, or `reproduction` of another.
        status: How it ended.
        exit_code: Of the command; None when a signal ended it.
        signal: Number of the signal that ended it.
        started_at: UTC.
        duration_s: Wall-clock time of the command.
        user, host: Who ran it, and where.
        environment: The environment record.
        observed: Whether inputs and outputs were watched, and not only declared.
        listed: Directories of which the command asked for the names.
        helpers: Programs other than Python that watched processes started; nobody knows what
            those read.
        native_readers: Modules that open files out of sight, imported by code of the worktree.
        parent: The run inside which this one was started, by `start_run(nested=True)`.
        resumed: The run that this one goes on from; its series begin with those of that run.
        determinism: Seeds and switches that make results repeatable, as the frameworks in
            the command's process reported them when it ended, such as `torch.seed`.
        series: Short series; long ones are in the object `series_file`.
        system: Use of the machine, summarized: names such as `system/cpu_percent`.
        attachments: Figures, tables and texts that the script logged, by name.
        console: What the command printed: stream name to object.
        problems: What could not be recorded as it should have been.
    """

    id: RunIdField
    name: str
    kind: RunKind = "run"
    parent: RunIdField | None = None
    resumed: RunIdField | None = None
    status: Status
    exit_code: int | None = None
    signal: int | None = None
    started_at: datetime
    duration_s: float
    user: str
    host: str
    command: Command
    code: Code
    environment: Content | None = None
    determinism: dict[str, bool | int | str] = {}
    observed: bool = False
    listed: dict[RepoPath, Listing] = {}
    helpers: tuple[str, ...] = ()
    native_readers: tuple[str, ...] = ()
    inputs: tuple[Input, ...] = ()
    outputs: tuple[Output, ...] = ()
    params: tuple[ParamSource, ...] = ()
    metrics: dict[str, Metric] = {}
    metric_policies: dict[str, MetricPolicy] = {}
    series: dict[str, Series] = {}
    series_file: Content | None = None
    system: dict[str, Metric] = {}
    attachments: dict[str, Content] = {}
    console: dict[str, Content] = {}
    tags: tuple[str, ...] = ()
    note: str = ""
    reproduction: Reproduction | None = None
    problems: tuple[str, ...] = ()
    schema: Literal[1] = msgspec.field(default_factory=first_schema)
