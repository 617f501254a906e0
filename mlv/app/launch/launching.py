"""Do what a person asks `mlv run` for: record a command, or find that it need not run.

Most runs are neither isolated nor skipped, so what that needs is loaded where it is used.
"""

from __future__ import annotations

import msgspec

from mlv.app.launch.order import RunOrder
from mlv.app.launch.stage import request_of
from mlv.app.publish import Invocation
from mlv.app.record.begin import RunRequest, allowed_secrets, find_command
from mlv.app.record.run_command import run_command
from mlv.app.reporter import Reporter
from mlv.app.workspace import Workspace
from mlv.capture.redact import Redactor
from mlv.core.paths import RepoPath
from mlv.core.run import Run
from mlv.errors import MissingObjectError, UsageError, WorktreeError
from mlv.worktree.paths import is_inside, os_path


class Launched(msgspec.Struct, frozen=True, kw_only=True):
    """What came of it.

    Attributes:
        run: The new run, or the earlier one that made it needless.
        reused: Whether it is an earlier one.
        all_code: Whether all code was the same, and not only what the earlier one executed.
        n_restored: How many of its files had to be put back.
        elsewhere: Outputs that are in the store, and not in the user's worktree.
    """

    run: Run
    reused: bool = False
    all_code: bool = False
    n_restored: int = 0
    elsewhere: tuple[RepoPath, ...] = ()


def launch(
    workspace: Workspace, order: RunOrder, invocation: Invocation, reporter: Reporter
) -> Launched:
    """Run a command or a stage and record it, unless an earlier run will do.

    Raises:
        UsageError: The order makes no sense.
        MlvError: As for `run_command`.
    """
    _check(order)
    request = request_of(workspace, order)
    launcher = _Launcher(workspace, order, invocation, reporter)
    if order.isolated:
        return launcher.launch_isolated(request)
    executable = find_command(workspace, request.argv, request.directory)
    if order.sets:
        launcher.set_in_place(request)
    if order.reuse and (earlier := launcher.reuse(workspace, request)) is not None:
        return earlier
    request = msgspec.structs.replace(request, executable=executable)
    return Launched(run=run_command(workspace, request, invocation, reporter))


def _check(order: RunOrder) -> None:
    """Refuse what does not go together."""
    if order.sets and order.require_clean and not order.isolated:
        message = "--set changes a params file, so the code would not be clean"
        raise UsageError(message, hint="add --isolated: then only the run's copy changes")


class _Launcher:
    """One order, and who asks for it."""

    def __init__(
        self, workspace: Workspace, order: RunOrder, invocation: Invocation, reporter: Reporter
    ) -> None:
        self._workspace = workspace
        self._order = order
        self._invocation = invocation
        self._reporter = reporter
        self._redactor = Redactor(allowed_secrets(workspace, order.allow_secrets))

    def set_in_place(self, request: RunRequest) -> None:
        """Change params files of the user's worktree."""
        from mlv.app.launch.set_params import apply_in_place, plan_edits

        edits = plan_edits(self._workspace, request, self._order.sets, self._redactor)
        apply_in_place(self._workspace, edits, self._invocation, self._reporter)

    def launch_isolated(self, request: RunRequest) -> Launched:
        """Run in a worktree of its own."""
        from mlv.app.launch.isolated import run_isolated
        from mlv.app.launch.set_params import plan_edits, write_edit

        found: list[Launched] = []

        def prepare(sandbox: Workspace, moved: RunRequest) -> Run | None:
            for edit in plan_edits(sandbox, moved, self._order.sets, self._redactor):
                write_edit(sandbox.root, edit)
            earlier = self.reuse(sandbox, moved) if self._order.reuse else None
            found.extend([earlier] if earlier else [])
            return earlier.run if earlier else None

        run = run_isolated(self._workspace, request, self._invocation, self._reporter, prepare)
        outputs = tuple(each.path for each in run.outputs if is_inside(each.path))
        return found[0] if found else Launched(run=run, elsewhere=outputs)

    def reuse(self, workspace: Workspace, request: RunRequest) -> Launched | None:
        """Return an earlier run that will do, its outputs put back; None when none does.

        Args:
            workspace: Where the command would run.
            request: What would run.
        """
        from mlv.app.launch.reuse import find_reusable

        answer = find_reusable(workspace, request)
        if answer.run is None:
            self._reporter.note(f"nothing to reuse: {answer.reason}")
            return None
        try:
            n_restored = self._restore(answer.run)
        except (WorktreeError, MissingObjectError) as error:
            self._reporter.note(f"nothing to reuse: outputs of {answer.run.name}: {error.message}")
            return None
        return Launched(
            run=answer.run, reused=True, all_code=answer.all_code, n_restored=n_restored
        )

    def _restore(self, run: Run) -> int:
        from mlv.app.restore.rollback import RollbackRequest, roll_back

        root = self._workspace.root
        paths = tuple(os_path(root, each.path) for each in run.outputs if is_inside(each.path))
        if not paths:
            return 0
        wanted = RollbackRequest(reference=run.id, paths=paths)
        result = roll_back(self._workspace, wanted, self._invocation, self._reporter)
        return len(result.plan.files)
