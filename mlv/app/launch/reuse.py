"""Find an earlier run that is what a new one would be: what `mlv run --reuse` does.

It is so when command, params, environment, inputs, and the code that was executed are the
same, and its outputs can be had. Where one of these cannot be known, the answer is no; but
what declared inputs leave out is believed to be nothing. What a program asks of the machine
besides, such as other variables, the time or the network, is never compared.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

import msgspec

from mlv.app.launch.likely_python import find_pythons, find_unseen_program, runs_python_alone
from mlv.app.look.present import describe_worktree
from mlv.app.look.showing import read_environment
from mlv.app.record.begin import RunRequest, allowed_secrets, find_command
from mlv.app.record.editable import find_source
from mlv.app.record.environment import describe_environment
from mlv.app.record.listed import find_other_listing
from mlv.app.record.params import read_params
from mlv.app.record.touched import find_changed_since
from mlv.app.record.url_inputs import find_whole_url, fingerprint_url
from mlv.app.runs import read_runs
from mlv.app.workspace import Workspace
from mlv.capture.redact import Redactor
from mlv.core.enumeration import enumerate_some
from mlv.core.environment import Distribution, Environment
from mlv.core.environment_diff import diff_environments
from mlv.core.paths import RepoPath
from mlv.core.run import API, Input, ParamSource, Run
from mlv.errors import MlvError
from mlv.worktree.paths import is_inside, is_url, os_path, repo_path

_MAX_TRIED = 10
"""How many earlier runs are looked at closely, the newest first."""

_HOW_TO_DECLARE = "declare inputs with --input"

_PARTS_THAT_MATTER = frozenset(("python", "package", "container", "variable"))
_MACHINE_THAT_MATTERS = frozenset(("architecture", "cpu", "gpus", "libc"))


class Reuse(msgspec.Struct, frozen=True, kw_only=True):
    """What came of the search.

    Attributes:
        run: The earlier run; None when there is none.
        reason: Why not, in words.
        all_code: Whether all code was compared, and not only that which was executed.
    """

    run: Run | None = None
    reason: str = ""
    all_code: bool = False


def find_reusable(workspace: Workspace, request: RunRequest) -> Reuse:
    """Find the newest run that is what the request would make.

    Raises:
        MlvError: As for `begin_run`, of the request.
    """
    redactor = Redactor(allowed_secrets(workspace, request.allow_secrets))
    shown = msgspec.structs.replace(request, argv=request.recorded_argv or request.argv)
    argv = redactor.redact_argv(shown.argv)
    directory = repo_path(workspace.root, request.directory)
    earlier = read_runs(workspace).runs
    same = [
        run
        for run in earlier
        if run.kind == "run" and run.parent is None
        if (run.command.argv, run.command.directory) == (argv, directory)
    ]
    if not same:
        return Reuse(reason="no earlier run had this command")
    finished = [run for run in same if run.status == "finished"]
    if not finished:
        return Reuse(reason="no earlier run of this command finished")
    params = _values(read_params(workspace, shown, redactor))
    new = _NewRun(workspace, request, params)
    first = ""
    for run in finished[: -_MAX_TRIED - 1 : -1]:
        reason = new.find_difference(run, earlier)
        if reason is None:
            return Reuse(run=run, all_code=not new.has_known_code(run))
        first = first or f"run {run.name} differs: {reason}"
    return Reuse(reason=first)


class _NewRun:
    """What is known of the run that may be needless."""

    def __init__(self, workspace: Workspace, request: RunRequest, params: dict[str, bytes]) -> None:
        self._workspace = workspace
        self._request = request
        self._params = params
        self._executable = request.executable or find_command(
            workspace, request.argv, request.directory
        )
        self._environments: list[Environment] | None = None

    def has_known_code(self, run: Run) -> bool:
        """Tell whether it is known which code a run executed."""
        return bool(run.code.used) and runs_python_alone(self._request, self._executable)

    def find_difference(self, run: Run, earlier: Sequence[Run]) -> str | None:
        """Return why an earlier run will not do, the cheapest reasons first; None if it will."""
        reason = (
            self._compare_params(run)
            or self._check_inputs(run)
            or self._check_sight(run)
            or self._compare_environment(run)
        )
        if reason is not None:
            return reason
        with describe_worktree(self._workspace, run, earlier) as now:
            return self._compare_code(run, now) or self._compare_inputs(run, now)

    def _compare_params(self, run: Run) -> str | None:
        old = _values(run.params)
        changed = sorted(
            name
            for name in old.keys() | self._params.keys()
            if old.get(name) != self._params.get(name)
        )
        return f"params of {enumerate_some(changed)}" if changed else None

    def _check_inputs(self, run: Run) -> str | None:
        """Tell what makes it impossible to know whether the inputs are the same."""
        declared = {repo_path(self._workspace.root, path) for path in self._request.inputs}
        known = {each.path for each in run.inputs if each.source != "observed"}
        if not run.observed and not known:
            return "it was not observed, and no input was declared"
        if not declared <= {each.path for each in run.inputs}:
            return f"it had no input {min(declared - known)}"
        for each in run.inputs:
            if each.changed or each.fingerprint is None:
                return f"its input {each.path} changed while it ran"
            if each.partial:
                return f"it read a part of {each.path}, and new files there would go unnoticed"
        return None

    def _check_sight(self, run: Run) -> str | None:
        """Tell what read files that nobody saw, unless somebody said which."""
        if any(each.source != "observed" for each in run.inputs):
            return None
        program = find_unseen_program(self._request, self._executable)
        helpers = [f"`{name}`" for name in (run.helpers if program is None else (program,))]
        if helpers:
            what = f"it started {enumerate_some(helpers)}, and what that read is not known"
            return f"{what}: {_HOW_TO_DECLARE}"
        if run.native_readers:
            one = len(run.native_readers) == 1
            how = "which opens files on its own" if one else "which open files on their own"
            return f"it uses {enumerate_some(run.native_readers)}, {how}: {_HOW_TO_DECLARE}"
        return None

    def _compare_environment(self, run: Run) -> str | None:
        old = read_environment(self._workspace, run.environment)
        if old is None:
            return "its environment is not known"
        edited = [each.name for each in _distributions(old) if _was_edited(each, run)]
        if edited:
            return f"the source of package {enumerate_some(edited)} was edited"
        reason = ""
        for new in self._candidates():
            changes = [
                change
                for change in diff_environments(old, new).changes
                if change.part in _PARTS_THAT_MATTER
                or (change.part == "machine" and change.name in _MACHINE_THAT_MATTERS)
            ]
            if not changes:
                return None
            first = changes[0]
            was, is_now = (side or "none" for side in first.sides)
            words = f"{first.part} {first.name}: {was} -> {is_now}"
            reason = reason or words
        return reason

    def _candidates(self) -> list[Environment]:
        """Return the environments that the command may get, the likeliest first."""
        if self._environments is None:
            programs = find_pythons(self._workspace.root, self._request, self._executable)
            self._environments = [
                describe_environment(self._workspace, program, self._request.directory)
                for program in (*programs, self._executable)
            ]
        return self._environments

    def _compare_code(self, run: Run, now: Run) -> str | None:
        git, snapshot = self._workspace.git, now.code.snapshot
        alone = runs_python_alone(self._request, self._executable)
        program = repo_path(self._workspace.root, self._executable)
        if is_inside(program) and not (alone or git.blob_at([snapshot], [program])):
            return f"the program {program} is no part of the code"
        if any(each.dirty for each in (*run.code.submodules, *now.code.submodules)):
            return "a submodule held changes"
        if run.code.submodules != now.code.submodules:
            return "a submodule is at another commit"
        params = {source.name for source in run.params}  # they were compared as params
        if self.has_known_code(run):
            found = git.blob_at([snapshot], list(run.code.used))
            used = run.code.used.items()
            changed = [path for path, blob in used if found.get((snapshot, path)) != blob]
        elif run.code.tree == now.code.tree:
            return None
        elif not git.has_commit(run.code.snapshot):
            return "its code snapshot is gone"
        else:
            changed = [each.path for each in git.diff(run.code.snapshot, snapshot)]
        changed = [path for path in changed if path not in params]
        return f"code in {enumerate_some(changed)}" if changed else None

    def _compare_inputs(self, run: Run, now: Run) -> str | None:
        current = {each.path: each.fingerprint for each in now.inputs}
        for each in run.inputs:
            found = current.get(each.path)
            if is_url(each.path):
                found = None
                url = find_whole_url(each.path, self._request.urls)
                with suppress(MlvError):
                    found = fingerprint_url(url) if url else None
            if found != each.fingerprint:
                return f"input {each.path}"
        other = find_other_listing(self._workspace, run)
        if other is not None:
            return f"directory {other} has other files"
        newer = find_newer_beside(self._workspace.root, run)
        return f"new file {newer} beside its inputs" if newer else None


def _distributions(environment: Environment) -> tuple[Distribution, ...]:
    return environment.interpreter.distributions if environment.interpreter else ()


def _was_edited(distribution: Distribution, run: Run) -> bool:
    """Tell whether a source tree that held changes when a run began has changed since."""
    source = find_source(distribution) if distribution.dirty else None
    if source is None:
        return distribution.dirty
    since_ns = int(run.started_at.timestamp() * 1e9)
    return next(find_changed_since(source, since_ns), None) is not None


def find_newer_beside(root: Path, run: Run) -> str | None:
    """Return a file that came to lie beside observed inputs after a run, if there is one.

    A script that reads all files of a directory would read it as well.
    """
    known = {each.path for each in run.inputs} | {each.path for each in run.outputs}
    since = run.started_at.timestamp()
    for directory, suffixes in _observed_places(run.inputs).items():
        with suppress(OSError), os.scandir(os_path(root, directory)) as entries:
            for entry in entries:
                path = f"{directory}/{entry.name}"
                if Path(entry.name).suffix not in suffixes or path in known:
                    continue
                if entry.is_file() and entry.stat().st_ctime > since:
                    return path
    return None


def _observed_places(inputs: Sequence[Input]) -> dict[RepoPath, set[str]]:
    places: dict[RepoPath, set[str]] = {}
    for each in inputs:
        if each.source == "observed" and is_inside(each.path) and "/" in each.path:
            suffix = Path(each.path).suffix
            places.setdefault(RepoPath(each.path.rpartition("/")[0]), set()).add(suffix)
    return places


def _values(sources: Sequence[ParamSource]) -> dict[str, bytes]:
    """Return the params of each source that is known beforehand, so that types count."""
    return {name: encoded for name, encoded in _encode(sources) if name != API}


def _encode(sources: Sequence[ParamSource]) -> Iterator[tuple[str, bytes]]:
    for source in sources:
        keys = f":{','.join(source.keys)}" if source.keys else ""
        yield f"{source.name}{keys}", msgspec.json.encode(source.values, order="sorted")
