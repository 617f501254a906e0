"""Inputs, once more when the command has ended: did they change meanwhile?"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator

import msgspec

from mlv.app.live_run import KnownInput, LiveRun
from mlv.app.record.left_out import Declared, LeavingOut
from mlv.app.record.observed_inputs import find_readable, seal_observed
from mlv.app.record.seen import Seen
from mlv.app.record.url_inputs import find_whole_url, look_again
from mlv.app.workspace import Workspace
from mlv.core.enumeration import enumerate_some
from mlv.core.paths import RepoPath, is_below
from mlv.core.run import Input
from mlv.core.tree import Fingerprint
from mlv.errors import CorruptDataError, MissingObjectError, UnreadableFileError
from mlv.store.object_writer import ObjectWriter
from mlv.worktree.fingerprint import HashCached
from mlv.worktree.listing import diff_worktree
from mlv.worktree.paths import is_url, real_path
from mlv.worktree.signature import read_signature

_MOST_PROBLEMS = 10


class _Sealed(msgspec.Struct, frozen=True, kw_only=True):
    """An input, and what is wrong with it."""

    input: Input
    problems: tuple[str, ...] = ()


def seal_inputs(
    workspace: Workspace, live: LiveRun, seen: Seen
) -> tuple[tuple[Input, ...], tuple[str, ...]]:
    """Return the inputs of a run, sorted by path, and what is wrong with them.

    Inputs that were fingerprinted before are looked at again. Inputs that were
    only seen during the run are fingerprinted now, and believed only when their
    metadata are what they were when the command opened them.

    Raises:
        StorageError: The disk is full, read-only or failing.
    """
    start = live.start
    if not start.inputs and not seen.reads and not seen.external:
        return (), ()
    rules = LeavingOut(workspace, start.allowed_secrets)
    with workspace.objects.transaction() as objects:
        sealed = []
        for known in start.inputs:
            if is_url(known.path):
                sealed.append(_look_at_url(known, live.urls))
            elif known.source == "declared":
                sealed.append(_look_at_declared(workspace, objects, rules, known, seen))
        observed = seal_observed(workspace, start, seen, objects)
    inputs = sorted((*(each.input for each in sealed), *observed), key=lambda each: each.path)
    problems = [problem for each in sealed for problem in each.problems]
    problems += _describe_all([each for each in observed if each.changed], seen)
    return tuple(inputs), tuple(problems)


def _look_at_url(known: KnownInput, urls: Iterable[str]) -> _Sealed:
    recorded = Input(
        path=known.path, source="declared", fingerprint=known.fingerprint, stored=known.stored
    )
    url = find_whole_url(known.path, urls)
    try:
        if url is None:
            message = "its credentials are not written down"
            raise UnreadableFileError(message)  # noqa: TRY301  # one way to tell it
        now = look_again(known, url)
    except UnreadableFileError as error:
        problem = f"input {known.path} was not looked at again: {error.message}"
        return _Sealed(input=recorded, problems=(problem,))
    if now == known.fingerprint:
        return _Sealed(input=recorded)
    changed = msgspec.structs.replace(recorded, changed=True, after=now)
    return _Sealed(input=changed, problems=(_describe(changed, "while the command ran"),))


def _look_at_declared(
    workspace: Workspace,
    objects: ObjectWriter,
    rules: LeavingOut,
    known: KnownInput,
    seen: Seen,
) -> _Sealed:
    secrets = Declared(
        path=known.path,
        place=workspace.root,
        secrets=known.secrets,
        kinds=rules.find_held(set(known.secrets).difference(rules.find_secrets(known.secrets))),
    )
    recorded = Input(
        path=known.path,
        source="both" if known.path in seen.declared_reads else "declared",
        fingerprint=known.fingerprint,
        stored=known.stored,
    )
    place = real_path(workspace.root, known.path)
    if known.signature.proves_unchanged(read_signature(place, now_ns=time.time_ns())):
        return _Sealed(input=recorded, problems=tuple(secrets.problems()))
    declared = rules.declare(known.path)
    sink = HashCached(objects)
    after = find_readable(lambda: declared.fingerprint(sink))
    if after == known.fingerprint:
        return _Sealed(input=recorded, problems=tuple(secrets.problems()))
    changed = msgspec.structs.replace(recorded, changed=True, after=after)
    where = ""
    if known.stored and after is not None and known.fingerprint.kind == after.kind == "dir":
        where = _name_changes(workspace, declared, known.fingerprint, sink)
    problem = _describe(changed, _who(known.path, seen), where)
    return _Sealed(input=changed, problems=(*secrets.problems(), problem))


def _name_changes(
    workspace: Workspace, declared: Declared, before: Fingerprint, sink: HashCached
) -> str:
    """Return which files of a directory differ, as the end of a sentence."""
    try:
        found = diff_worktree(declared.place, before, workspace.objects, sink, picks=declared.picks)
    except (CorruptDataError, MissingObjectError):
        return ""
    names = [f"{declared.path}/{change.path}" for change in found.changes]
    return f", in {enumerate_some(names)}" if names else ""


def _describe_all(changed: list[Input], seen: Seen) -> Iterator[str]:
    for each in changed[:_MOST_PROBLEMS]:
        yield _describe(each, _who(each.path, seen))
    rest = [each.path for each in changed[_MOST_PROBLEMS:]]
    if rest:
        verb = "input" if len(rest) == 1 else f"{len(rest)} inputs"
        yield f"{verb} more changed while the command ran: {enumerate_some(rest)}"


def _who(path: RepoPath, seen: Seen) -> str:
    wrote = path in seen.watched_writes or any(is_below(each, path) for each in seen.watched_writes)
    return "the command wrote to it" if wrote else "while the command ran"


def _describe(changed: Input, who: str, where: str = "") -> str:
    if changed.fingerprint is None:
        return f"input {changed.path} changed before mlv could record it ({who})"
    if changed.fingerprint == changed.after:
        return f"input {changed.path} changed and changed back ({who}): what was read is not known"
    before = changed.fingerprint.digest[:12]
    after = changed.after.digest[:12] if changed.after else "gone"
    return f"input {changed.path} changed ({who}): {before} -> {after}{where}"
