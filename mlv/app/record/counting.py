"""Tell what counts as input or output of all that a command opened."""

from __future__ import annotations

import os
from collections.abc import Collection, Container, Iterable, Iterator

from mlv.app.live_run import RunStart
from mlv.app.record.left_out import LeavingOut
from mlv.app.workspace import Workspace
from mlv.capture.observing.observe import FileSignature, Observations
from mlv.core.paths import RepoPath, is_below, unescape_name
from mlv.worktree.paths import is_inside, is_url, real_path, repo_path


class Counting:
    """Tells what counts of all that was opened."""

    def __init__(
        self,
        workspace: Workspace,
        start: RunStart,
        observed: Observations,
        touched: Iterable[RepoPath],
    ) -> None:
        self._workspace = workspace
        self._observed = observed
        self._rules = LeavingOut(workspace, start.allowed_secrets)
        opened = {*observed.reads, *observed.external, *observed.writes, *touched}
        self._secrets = dict.fromkeys(self._rules.find_secrets(sorted(opened)))
        left_out = {each.path for each in start.code.left_out if each.reason == "secret"}
        self._refused = left_out.difference(self._secrets)
        self._declared = {
            each.path: _names_of(workspace, each.path)
            for each in start.inputs
            if each.source == "declared"
        }

    def reads(self, others: Container[RepoPath]) -> dict[RepoPath, FileSignature]:
        """Return the inputs in the worktree that nobody declared, less `others`."""
        return {
            path: signature
            for path, signature in self._observed.reads.items()
            if path not in others
            and path not in self._secrets
            and not self._rules.is_ignored(path)
            and not self._is_declared(path)
        }

    def external(self) -> dict[RepoPath, FileSignature]:
        """Return the inputs outside the worktree that nobody declared."""
        return {
            path: signature
            for path, signature in self._observed.external.items()
            if path not in self._secrets and not self._is_declared(path)
        }

    def listed(self) -> frozenset[RepoPath]:
        """Return the listed directories that are no part of a declared input."""
        return frozenset(
            path
            for path in self._observed.listed
            if not self._is_declared(path) and not self._rules.is_ignored(RepoPath(f"{path}/"))
        )

    def find_held(self, inputs: Collection[RepoPath]) -> dict[RepoPath, str]:
        """Return the kinds of secrets in inputs; the code snapshot may have refused them."""
        held = dict.fromkeys(self._refused.intersection(inputs), "not in the code snapshot either")
        return {**held, **self._rules.find_held(inputs)}

    def declared_reads(self) -> frozenset[RepoPath]:
        """Return the declared inputs that were read."""
        paths = (*self._observed.reads, *self._observed.external)
        return frozenset(
            declared
            for declared, names in self._declared.items()
            if any(is_below(path, name) for name in names for path in paths)
        )

    def writes(self, paths: Iterable[RepoPath]) -> tuple[RepoPath, ...]:
        """Return the outputs among files that were written."""
        return tuple(
            path
            for path in dict.fromkeys(paths)
            if path not in self._secrets
            and path not in self._refused
            and not self._rules.is_ignored(path)
            and os.path.isfile(_os_path(self._workspace, path))  # noqa: PTH113  # maybe thousands
        )

    def describe_secrets(self) -> Iterator[str]:
        """Yield a problem for each secret that was opened."""
        observed = self._observed
        refused = sorted(self._refused.intersection(observed.writes))
        for path in (*self._secrets, *refused):
            if path in observed.reads or path in observed.external or path in observed.writes:
                yield f"{path} looks like a secret: the command opened it, and it is not recorded"

    def _is_declared(self, path: RepoPath) -> bool:
        return any(is_below(path, name) for names in self._declared.values() for name in names)


def _names_of(workspace: Workspace, declared: RepoPath) -> tuple[RepoPath, ...]:
    """Return what a declared input is called where it was declared, and where it really lies."""
    if is_inside(declared) or is_url(declared):
        return (declared,)
    real = repo_path(workspace.root, real_path(workspace.root, declared))
    return (declared, real)


def _os_path(workspace: Workspace, path: RepoPath) -> bytes:
    return os.fsencode(workspace.root) + b"/" + unescape_name(path)
