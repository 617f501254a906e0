"""A real Git repository to use mlv in, from outside as a process and from inside."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from textwrap import dedent
from typing import Any

import msgspec

from mlv.app.publish import read_invocation
from mlv.app.record.begin import RunRequest
from mlv.app.record.run_command import run_command
from mlv.app.reporter import SilentReporter
from mlv.app.runs import find_run, read_runs
from mlv.app.setup import initialize
from mlv.app.workspace import Workspace, open_workspace
from mlv.config import load_settings
from mlv.core.run import Run
from mlv.core.settings import Settings

_RUN_ID = re.compile(r"\b01[0-9a-hjkmnp-tv-z]{24}\b")
_SHORT_ID = re.compile(r"\b01[g-hjkmnp-tv-z][0-9a-hjkmnp-tv-z]{3,22}\b")  # no digest
_DIGEST = re.compile(r"\b[0-9a-f]{12,64}\b")
_TIME = re.compile(r"\b\d+\.\ds\b")
_AGE = re.compile(r"\b\d+ s ago\b")


class Done(msgspec.Struct, frozen=True, kw_only=True):
    """A finished `mlv` process."""

    code: int
    stdout: str
    stderr: str

    @property
    def json(self) -> Any:  # noqa: ANN401 - whatever the command printed
        """What it printed, decoded."""
        return msgspec.json.decode(self.stdout)

    @property
    def error(self) -> tuple[int, str]:
        """Exit code and message, where nothing but an error may be printed."""
        assert self.stdout == ""
        return self.code, self.stderr


class Repository:
    """A worktree with helpers to change it, and to use mlv in it."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def write(self, name: str, content: str | bytes, *, mode: int | None = None) -> Path:
        """Write a file, with the directories that it needs; text is dedented."""
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else dedent(content).encode())
        if mode is not None:
            path.chmod(mode)
        return path

    def read(self, name: str) -> str:
        """Return the text of a file."""
        return (self.root / name).read_text()

    def git(self, *arguments: str) -> str:
        """Run Git in the worktree, and return what it prints."""
        done = subprocess.run(["git", *arguments], cwd=self.root, check=True, capture_output=True)
        return os.fsdecode(done.stdout).rstrip("\n")

    def commit(self, message: str = "change") -> str:
        """Commit everything, and return the commit's id."""
        self.git("add", "-A")
        self.git("commit", "--quiet", "--allow-empty", "-m", message)
        return self.git("rev-parse", "HEAD")

    def initialize(self) -> None:
        """Create the store."""
        initialize(self.root, Settings())

    def open(self, directory: str = ".") -> Workspace:
        """Return the workspace, as a command in `directory` sees it."""
        here = self.root / directory
        return open_workspace(here, load_settings(here))

    def run(self, *argv: str, directory: str = ".", **request: Any) -> Run:  # noqa: ANN401
        """Record a run in this process; paths in `request` are relative to the root."""
        workspace = self.open()
        for key in ("inputs", "outputs", "metrics"):
            request[key] = tuple(self.root / path for path in request.get(key, ()))
        asked = RunRequest(argv=argv, directory=self.root / directory, **request)
        invocation = read_invocation(workspace, ("mlv", "run", *argv))
        return run_command(workspace, asked, invocation, SilentReporter())

    def shell(self, script: str, **request: Any) -> Run:  # noqa: ANN401
        """Record a run of a line of shell: the quickest command there is."""
        return self.run("sh", "-c", script, **request)

    def runs(self) -> tuple[Run, ...]:
        """Return all recorded runs, oldest first."""
        return read_runs(self.open()).runs

    def find(self, reference: str) -> Run:
        """Return a run by reference."""
        return find_run(self.open(), reference)

    def mlv(
        self,
        *arguments: str | bytes,
        directory: str = ".",
        stdin: str = "",
        variables: Mapping[str, str] | None = None,
    ) -> Done:
        """Run the command line as a process."""
        done = subprocess.run(
            [sys.executable, "-m", "mlv", *arguments],
            cwd=self.root / directory,
            env={**os.environ, **(variables or {})},
            input=stdin.encode(),
            capture_output=True,
            check=False,
        )
        return Done(
            code=done.returncode,
            stdout=done.stdout.decode("utf-8", "surrogateescape"),
            stderr=done.stderr.decode("utf-8", "surrogateescape"),
        )

    def state(self) -> dict[str, tuple[int, bytes]]:
        """Return mode and content of every file, those of Git and of the store included.

        Loose objects of Git that nothing refers to, caches and locks do not count.
        """
        return read_tree(self.root)


def read_tree(root: Path) -> dict[str, tuple[int, bytes]]:
    """Return mode and content of every file and directory below `root`."""
    skipped = (".git/objects", ".mlv/cache", ".mlv/tmp")
    found: dict[str, tuple[int, bytes]] = {}
    for path in sorted(root.rglob("*")):
        name = path.relative_to(root).as_posix()
        if name.startswith(skipped) or name.endswith("-lock"):
            continue
        mode = path.lstat().st_mode
        if path.is_symlink():
            found[name] = mode, os.fsencode(path.readlink())
        else:
            found[name] = mode, b"" if path.is_dir() else path.read_bytes()
    return found


def normalize(text: str, root: Path | None = None) -> str:
    """Replace what differs between two executions: ids, digests, times, and the root."""
    if root is not None:
        text = text.replace(str(root), "ROOT")
    text = _RUN_ID.sub("RUN-ID", text)
    text = _SHORT_ID.sub("SHORT", text)
    text = _DIGEST.sub("DIGEST", text)
    text = _AGE.sub("0 s ago", text)
    return _TIME.sub("0.0s", text)
