"""States of a worktree that a snapshot must hold exactly, each made by one function."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.integration.git.conftest import Workspace


def staged(workspace: Workspace) -> None:
    workspace.write("params.yaml", "lr: 0.2\n")
    workspace.write("staged.txt", "staged\n")
    workspace.git("add", "-A")


def unstaged(workspace: Workspace) -> None:
    workspace.write("params.yaml", "lr: 0.2\n")


def same_size_at_once(workspace: Workspace) -> None:
    """Change a file as late as the index: only a racy-clean check notices."""
    long_ago = (1_600_000_000, 1_600_000_000)
    workspace.git("config", "core.trustctime", "false")
    workspace.write("params.yaml", "lr: 0.2\n")
    os.utime(workspace.root / "params.yaml", long_ago)
    workspace.git("add", "-A")
    workspace.write("params.yaml", "lr: 0.3\n")
    os.utime(workspace.root / "params.yaml", long_ago)
    os.utime(workspace.root / ".git" / "index", long_ago)


def staged_and_changed_again(workspace: Workspace) -> None:
    staged(workspace)
    workspace.write("params.yaml", "lr: 0.3\n")
    workspace.write("staged.txt", "changed\n")


def staged_and_taken_back(workspace: Workspace) -> None:
    workspace.write("params.yaml", "lr: 0.2\n")
    workspace.git("add", "-A")
    workspace.write("params.yaml", "lr: 0.1\n")
    workspace.write("new.txt")


def deleted(workspace: Workspace) -> None:
    (workspace.root / "train.py").unlink()
    workspace.git("rm", "--quiet", "src/model.py")


def staged_then_deleted(workspace: Workspace) -> None:
    workspace.write("staged.txt")
    workspace.git("add", "-A")
    (workspace.root / "staged.txt").unlink()


def removed_from_index_only(workspace: Workspace) -> None:
    workspace.git("rm", "--quiet", "--cached", "train.py")


def renamed(workspace: Workspace) -> None:
    workspace.git("mv", "train.py", "fit.py")
    (workspace.root / "params.yaml").rename(workspace.root / "config.yaml")


def binary(workspace: Workspace) -> None:
    workspace.write("weights.bin", bytes(range(256)) * 64)


def executable(workspace: Workspace) -> None:
    (workspace.root / "train.py").chmod(0o755)
    workspace.write("run.sh", "#!/bin/sh\n")
    (workspace.root / "run.sh").chmod(0o755)


def symbolic_links(workspace: Workspace) -> None:
    (workspace.root / "to-file").symlink_to("train.py")
    (workspace.root / "to-directory").symlink_to("src")
    (workspace.root / "to-nothing").symlink_to("missing")
    (workspace.root / "train.py").unlink()
    (workspace.root / "train.py").symlink_to("params.yaml")


def untracked(workspace: Workspace) -> None:
    workspace.write("notes.txt")
    workspace.write("deep/er/still.txt")
    workspace.write("empty", b"")


def strange_names(workspace: Workspace) -> None:
    for name in (
        b"two words",
        b"new\nline",
        b"\xff\xfe",
        b"-rf",
        b":(top)x",
        b"*",
        b'quo"te',
        b"a\\b",
    ):
        workspace.write(b"dir " + name + b"/" + name)
        workspace.write(name)


def strange_names_modified(workspace: Workspace) -> None:
    strange_names(workspace)
    workspace.commit()
    for name in (b"new\nline", b"\xff\xfe", b"-rf"):
        workspace.write(name, "changed\n")
    os.unlink(os.fsencode(workspace.root) + b"/*")  # noqa: PTH108


def intent_to_add(workspace: Workspace) -> None:
    workspace.write("announced.txt", "announced\n")
    workspace.git("add", "--intent-to-add", "announced.txt")


def file_becomes_directory(workspace: Workspace) -> None:
    (workspace.root / "train.py").unlink()
    workspace.write("train.py/main.py")


def directory_becomes_file(workspace: Workspace) -> None:
    (workspace.root / "src" / "model.py").unlink()
    (workspace.root / "src").rmdir()
    workspace.write("src", "a file now\n")


def directory_becomes_link(workspace: Workspace) -> None:
    workspace.write("other/model.py", "behind the link\n")
    (workspace.root / "src" / "model.py").unlink()
    (workspace.root / "src").rmdir()
    (workspace.root / "src").symlink_to("other")


def conflict(workspace: Workspace) -> None:
    workspace.git("switch", "--quiet", "-c", "side")
    workspace.write("params.yaml", "lr: 0.2\n")
    workspace.write("train.py", "side")
    workspace.commit()
    workspace.git("switch", "--quiet", "main")
    workspace.write("params.yaml", "lr: 0.3\n")
    (workspace.root / "train.py").unlink()
    workspace.commit()
    subprocess.run(["git", "merge", "side"], cwd=workspace.root, check=False, capture_output=True)


def conflict_with_files_deleted(workspace: Workspace) -> None:
    conflict(workspace)
    (workspace.root / "params.yaml").unlink()


def detached(workspace: Workspace) -> None:
    workspace.git("checkout", "--quiet", "--detach")
    workspace.write("params.yaml", "lr: 0.2\n")


def stashed(workspace: Workspace) -> None:
    workspace.write("params.yaml", "lr: 0.9\n")
    workspace.git("stash")
    workspace.write("params.yaml", "lr: 0.2\n")


def split_index(workspace: Workspace) -> None:
    workspace.git("update-index", "--split-index")
    workspace.git("config", "core.splitIndex", "true")
    workspace.git("config", "splitIndex.maxPercentChange", "0")
    workspace.write("params.yaml", "lr: 0.2\n")
    workspace.write("new.txt")


def untracked_cache(workspace: Workspace) -> None:
    workspace.git("config", "core.untrackedCache", "true")
    workspace.git("update-index", "--force-untracked-cache")
    workspace.git("status")
    workspace.write("deep/new.txt")


def missing_index(workspace: Workspace) -> None:
    (workspace.root / ".git" / "index").unlink()


def reflogs_of_everything(workspace: Workspace) -> None:
    workspace.git("config", "core.logAllRefUpdates", "always")
    workspace.write("params.yaml", "lr: 0.2\n")


def hostile_settings(workspace: Workspace) -> None:
    """Turn on settings that print, sign, quote or ask."""
    for setting in (
        "commit.gpgSign=true",
        "status.showUntrackedFiles=no",
        "status.branch=true",
        "status.showStash=true",
        "core.safecrlf=true",
        "core.autocrlf=input",
        "core.quotePath=true",
        "i18n.commitEncoding=latin1",
        "color.ui=always",
    ):
        workspace.git("config", *setting.split("="))
    workspace.write("params.yaml", "lr: 0.2\n")
    workspace.write("ünï.txt")


def hooks(workspace: Workspace) -> None:
    """Install every hook that a snapshot could set off; each leaves a trace."""
    directory = workspace.root / ".git" / "hooks"
    directory.mkdir(exist_ok=True)
    for name in ("reference-transaction", "post-index-change", "fsmonitor", "pre-commit"):
        hook = directory / name
        hook.write_text("#!/bin/sh\ntouch hook-ran\n")
        hook.chmod(0o755)
    workspace.git("config", "core.fsmonitor", str(directory / "fsmonitor"))
    workspace.write("params.yaml", "lr: 0.2\n")
    (workspace.root / "hook-ran").unlink(missing_ok=True)


def ignored_files(workspace: Workspace) -> None:
    workspace.write(".gitignore", "*.log\n/.mlv/\n")
    workspace.write("params.yaml", "lr: 0.2\n")


def assumed_unchanged(workspace: Workspace) -> None:
    workspace.git("update-index", "--assume-unchanged", "params.yaml", "train.py", "src/model.py")
    workspace.write("params.yaml", "lr: 0.2\n")
    (workspace.root / "train.py").unlink()


def skipped_but_there(workspace: Workspace) -> None:
    workspace.write(b"odd\n\xff", "odd\n")
    workspace.commit()
    workspace.git("update-index", "--skip-worktree", "params.yaml", "odd\n\udcff")
    workspace.write("params.yaml", "lr: 0.2\n")
    workspace.write(b"odd\n\xff", "even odder\n")
    workspace.write("new.txt")


def orphan_branch(workspace: Workspace) -> None:
    workspace.git("checkout", "--quiet", "--orphan", "other")
    workspace.git("rm", "--quiet", "--cached", "train.py")
    workspace.write("params.yaml", "lr: 0.2\n")


STATES: tuple[Callable[[Workspace], None], ...] = (
    staged,
    unstaged,
    same_size_at_once,
    staged_and_changed_again,
    staged_and_taken_back,
    deleted,
    staged_then_deleted,
    removed_from_index_only,
    renamed,
    binary,
    executable,
    symbolic_links,
    untracked,
    strange_names,
    strange_names_modified,
    intent_to_add,
    file_becomes_directory,
    directory_becomes_file,
    directory_becomes_link,
    conflict,
    conflict_with_files_deleted,
    detached,
    stashed,
    split_index,
    untracked_cache,
    missing_index,
    reflogs_of_everything,
    hostile_settings,
    hooks,
    ignored_files,
    assumed_unchanged,
    skipped_but_there,
    orphan_branch,
)
