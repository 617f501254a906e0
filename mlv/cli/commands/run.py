"""`mlv run`."""

from __future__ import annotations

import sys

import typer

from mlv.cli.options import QuietOption
from mlv.cli.run_options import (
    AllowSecrets,
    Boards,
    CommandWords,
    Inputs,
    Isolated,
    Metrics,
    Name,
    NoObserve,
    NoSystem,
    Note,
    Observe,
    Observer,
    Outputs,
    Params,
    RequireClean,
    ReuseEarlier,
    Sets,
    StoreExternal,
    Tags,
)


def run(
    command: CommandWords = None,
    inputs: Inputs = None,
    outputs: Outputs = None,
    params: Params = None,
    sets: Sets = None,
    metrics: Metrics = None,
    tensorboard: Boards = None,
    name: Name = None,
    tags: Tags = None,
    note: Note = "",
    isolated: Isolated = False,
    reuse: ReuseEarlier = False,
    require_clean: RequireClean = False,
    observe: Observe = Observer.python,
    no_observe: NoObserve = False,
    no_system: NoSystem = False,
    store_external: StoreExternal = False,
    allow_secrets: AllowSecrets = None,
    quiet: QuietOption = False,
) -> None:
    """Run a command and record what made its results.

    The code as it is (uncommitted and untracked files included), inputs, params,
    outputs, metrics, environment and printed output are recorded. Options of mlv
    come before the command; those that name files, tags and secrets can be repeated.
    The name of a stage runs the command that mlv.yaml has for it, and what follows is
    added to that command; `mlv run -- WORD` takes WORD for a command in any case.
    Without a command, the stages are listed.

    Examples:
        mlv run python train.py --lr 0.1
        mlv run -n baseline -i data/ -o model.pkl ./train.sh
        mlv run --set train.lr=0.2 --isolated train

    Exit codes:
        N      the exit code of the command; 128 + N when signal N ended it
        3      the command ran, but its record could not be sealed
        125    mlv failed before the command ran
        126    the command is not executable
        127    the command was not found
    """
    from mlv.app.launch.launching import launch
    from mlv.app.launch.order import RunOrder
    from mlv.app.publish import read_invocation
    from mlv.app.record.run_command import exit_code_of
    from mlv.cli.render.launch import print_launched, print_stages
    from mlv.cli.session import TerminalReporter, current_directory, open_here

    workspace = open_here(quiet=quiet)
    if not command:
        print_stages(workspace.settings.project.stages, asked=bool(sets))
        return
    order = RunOrder(
        words=tuple(command),
        is_command=sys.argv[-len(command) - 1] == "--",
        directory=current_directory(),
        name=name,
        tags=tuple(tags or ()),
        note=note,
        inputs=tuple(inputs or ()),
        outputs=tuple(outputs or ()),
        params=tuple(params or ()),
        metrics=tuple(metrics or ()),
        tensorboard=tuple(tensorboard or ()),
        sets=tuple(sets or ()),
        observe="none" if no_observe else observe.value,
        system=not no_system,
        store_external=store_external,
        require_clean=require_clean,
        allow_secrets=tuple(allow_secrets or ()),
        isolated=isolated,
        reuse=reuse,
    )
    reporter = TerminalReporter(quiet=quiet)
    asked = read_invocation(workspace, ("mlv", *sys.argv[1:]), allow_secrets=order.allow_secrets)
    launched = launch(workspace, order, asked, reporter)
    print_launched(launched, reporter)
    raise typer.Exit(exit_code_of(launched.run))
