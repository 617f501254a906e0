"""mlv and the tools beside it, each as the commands that a user would type."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import msgspec

import mlv
from benchmarks.peers import install_peer
from benchmarks.repository import MLV

Command = tuple[str, ...]
"""Arguments of a process, with the words of `Places` in braces."""


class Tool(msgspec.Struct, frozen=True, kw_only=True):
    """How a tool does what is measured; an operation that it has not is empty.

    Attributes:
        name: What tables call it.
        version: Its version, or nothing.
        prepare: Makes its store and repository in an empty directory; not measured.
        track: Makes a version of `data` recoverable.
        checkout: Brings `data` back, which was deleted, in the version that was there.
        switch: Turns `data` into another version.
        status: Says whether `data` was changed.
        stores: Directories, from the worktree, whose growth is counted.
        variables: What the environment of every command holds besides.
        has_versions: Whether it can keep more than one version without copying all.
    """

    name: str
    version: str = ""
    prepare: tuple[Command, ...]
    track: tuple[Command, ...]
    checkout: tuple[Command, ...]
    switch: tuple[Command, ...] = ()
    status: tuple[Command, ...] = ()
    stores: tuple[str, ...]
    variables: Mapping[str, str] = {}
    has_versions: bool = True


class Choice(msgspec.Struct, frozen=True, kw_only=True):
    """The tools that are here, and why others are not."""

    tools: tuple[Tool, ...]
    missing: tuple[str, ...]


def find_tools(names: Sequence[str]) -> Choice:
    """Find the named tools; install those that come from the package index."""
    found = {name: _FINDERS[name]() for name in names}
    return Choice(
        tools=tuple(tool for tool in found.values() if tool),
        missing=tuple(f"{name}: not found on PATH" for name, tool in found.items() if not tool),
    )


_COPY = ("cp", "-R", *(("--reflink=never",) if sys.platform == "linux" else ()))
_NEW_REPOSITORY: tuple[Command, ...] = (
    ("git", "init", "--quiet", "--initial-branch=main"),
    ("git", "config", "gc.auto", "0"),
    ("git", "config", "maintenance.auto", "false"),
)
_FIRST_COMMIT: tuple[Command, ...] = (
    ("git", "add", "--all"),
    ("git", "commit", "--quiet", "--allow-empty", "--message", "init"),
)
_COMMIT_CHANGES = "{ git diff --cached --quiet || git commit --quiet --message {version}; }"
_GIT_SWITCH = ("git", "checkout", "--quiet", "--force", "{version}")


def _commit(*paths: str) -> Command:
    """Return a command that commits what changed below some paths, and tags it."""
    return (
        "sh",
        "-c",
        f"git add {' '.join(paths)} && {_COMMIT_CHANGES} && git tag {{version}}",
    )


def _mlv() -> Tool:
    return Tool(
        name="mlv",
        version=mlv.__version__,
        prepare=(*_NEW_REPOSITORY, (MLV, "init"), *_FIRST_COMMIT),
        track=((MLV, "track", "data"), _commit("data.mlv", ".gitignore")),
        checkout=((MLV, "checkout"),),
        switch=(_GIT_SWITCH, (MLV, "checkout")),
        status=((MLV, "status"),),
        stores=(".mlv", ".git"),
    )


def _copy() -> Tool:
    return Tool(
        name="cp",
        prepare=(),
        track=((*_COPY, "data", "{store}/{version}"),),
        checkout=((*_COPY, "{store}/{version}", "data"),),
        stores=("../store",),
        has_versions=False,
    )


def _git() -> Tool | None:
    return Tool(
        name="git",
        version=_version_of("git", "--version"),
        prepare=(*_NEW_REPOSITORY, *_FIRST_COMMIT),
        track=(_commit("data"),),
        checkout=(_GIT_SWITCH,),
        switch=(_GIT_SWITCH,),
        status=(("git", "status", "--porcelain"),),
        stores=(".git",),
    )


def _dvc() -> Tool:
    peer = install_peer("dvc")
    dvc = str(peer.bin / "dvc")
    checkout = (dvc, "checkout", "--quiet", "--force")
    return Tool(
        name="dvc",
        version=peer.version,
        prepare=(
            *_NEW_REPOSITORY,
            (dvc, "init", "--quiet"),
            (dvc, "config", "core.site_cache_dir", "{home}/site-cache"),
            *_FIRST_COMMIT,
        ),
        track=((dvc, "add", "--quiet", "data"), _commit("data.dvc", ".gitignore")),
        checkout=(checkout,),
        switch=(_GIT_SWITCH, checkout),
        status=((dvc, "status"),),
        stores=(".dvc", ".git"),
        variables={"DVC_NO_ANALYTICS": "1"},
    )


def _restic() -> Tool | None:
    if not shutil.which("restic"):
        return None
    return Tool(
        name="restic",
        version=_version_of("restic", "version"),
        prepare=(("restic", "init", "--quiet", "--repository-version", "2"),),
        track=(("restic", "backup", "--quiet", "--tag", "{version}", "data"),),
        checkout=(
            ("restic", "restore", "--quiet", "latest", "--tag", "{version}", "--target", "."),
        ),
        stores=("../store",),
        variables={"RESTIC_REPOSITORY": "{store}", "RESTIC_PASSWORD": "benchmark"},
    )


def _borg() -> Tool | None:
    if not shutil.which("borg"):
        return None
    return Tool(
        name="borg",
        version=_version_of("borg", "--version"),
        prepare=(("borg", "init", "--encryption", "none"),),
        track=(("borg", "create", "::{version}", "data"),),
        checkout=(("borg", "extract", "::{version}"),),
        stores=("../store",),
        variables={
            "BORG_REPO": "{store}",
            "BORG_UNKNOWN_UNENCRYPTED_REPO_ACCESS_IS_OK": "yes",
        },
    )


def _oxen() -> Tool:
    peer = install_peer("oxenai")
    script = str(Path(__file__).with_name("oxen_operation.py"))
    operate = (str(peer.bin / "python"), script)
    return Tool(
        name="oxen",
        version=peer.version,
        prepare=((*operate, "init"),),
        track=((*operate, "track", "{version}"),),
        checkout=((*operate, "restore"),),
        switch=((*operate, "switch", "{version}"),),
        status=((*operate, "status"),),
        stores=(".oxen",),
    )


def _version_of(*argv: str) -> str:
    words = subprocess.check_output(argv, text=True).split()
    return next(word for word in words if word[0].isdigit())


_FINDERS: Mapping[str, Callable[[], Tool | None]] = {
    "mlv": _mlv,
    "cp": _copy,
    "dvc": _dvc,
    "git": _git,
    "restic": _restic,
    "borg": _borg,
    "oxen": _oxen,
}

TOOLS = tuple(_FINDERS)
"""Names of all tools."""

OWN_TOOLS = ("mlv", "cp")
"""What is measured without peers: mlv, and a plain copy as the limit of the machine."""
