"""Start and end a run, in the words of MLflow or in those of Weights & Biases."""

from __future__ import annotations

from mlv.api import open_runs, starting
from mlv.api.guard import tells_hints

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from mlv.api.active_run import ActiveRun

_MAY_RESUME = ("allow", "auto", "never")
"""Words by which Weights & Biases goes on from a run that need not be there."""


@tells_hints
def start_run(  # noqa: PLR0913 - the words of two dialects, each by its name
    name: str | None = None,
    *,
    tags: Any = (),
    note: str | None = None,
    params: Any = None,
    nested: bool = False,
    resume: str | None = None,
    step: int | None = None,
    mode: str | None = None,
    run_name: str | None = None,
    description: str | None = None,
) -> ActiveRun:
    """Start a run, or attach to the one that `mlv run` records.

    A run that began because something was logged before is taken over. In a notebook, a run
    that is in no `with` block ends before.

    Args:
        name: What to call it; None for a random name.
        tags: Words to find it by, or a mapping for `key=value`.
        note: A remark for people.
        params: Params to log at once; see `ActiveRun.log_params`.
        nested: Whether to start a run of its own inside the active one.
        resume: Reference of an earlier run that this one goes on from.
        step: The first step of that run that does not count.
        mode: `disabled` to record nothing.
        run_name: `name` in the words of MLflow.
        description: `note` in the words of MLflow.

    Raises:
        UsageError: A run is active in this process already, and `nested` was not asked for.
        NotARepositoryError, NoStoreError: Outside `mlv run`: there is nowhere to record.
        MlvError: Outside `mlv run`: the run cannot begin.
    """
    run = starting.begin(name=name or run_name, nested=nested, mode=mode)
    if resume is not None:
        run.resume(resume, step)
    if tags:
        run.set_tags(tags)
    if note or description:
        run.set_note(note or description or "")
    if params:
        run.log_params(params)
    return run


@tells_hints
def init(  # noqa: PLR0913 - the words of Weights & Biases, each by its name
    project: str | None = None,
    *,
    name: str | None = None,
    config: Any = None,
    tags: Any = (),
    notes: str | None = None,
    group: str | None = None,
    job_type: str | None = None,
    mode: str | None = None,
    id: str | None = None,  # noqa: A002 - their word
    resume: str | bool | None = None,
    step: int | None = None,
    **unused: object,
) -> ActiveRun:
    """Start a run, with the words of Weights & Biases; one that is active ends before.

    Args:
        project: Becomes the tag `project=...`; the repository is the project otherwise.
        name: What to call it.
        config: Params; see `ActiveRun.log_params`.
        tags: Words to find it by.
        notes: A remark for people.
        group: Becomes the tag `group=...`.
        job_type: Becomes the tag `job_type=...`.
        mode: `disabled` to record nothing.
        id: Reference of an earlier run, with `resume="must"`; without it, it has no meaning.
        resume: Reference of an earlier run that this one goes on from.
        step: The first step of that run that does not count.
        unused: Has no meaning here.

    Raises:
        MlvError: As `start_run`.
    """
    del unused
    earlier = open_runs.find_current()
    if earlier is not None and not earlier.is_inherited and not earlier.is_implicit:
        earlier.finish()
    labels = {"project": project, "group": group, "job_type": job_type}
    run = start_run(name, note=notes, mode=mode)
    run.set_tags(tags or ())
    run.set_tags({key: value for key, value in labels.items() if value})
    reference = id if resume is True or resume == "must" else resume
    if reference and reference not in _MAY_RESUME:
        run.resume(str(reference), step)
    if config is not None:
        run.config.update(config)
    return run


def active_run() -> ActiveRun | None:
    """Return the run that the caller is in, None when there is none."""
    return open_runs.find_current()


def finish(exit_code: int | None = None) -> None:
    """End the active run, if there is one."""
    run = active_run()
    if run is not None:
        run.finish(exit_code)


def end_run(status: str = "FINISHED") -> None:
    """End the active run, if there is one, with the words of MLflow."""
    finish(int(status != "FINISHED"))
