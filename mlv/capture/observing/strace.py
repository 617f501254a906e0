"""Watch what native code opens: run a command under `strace`.

The tracer is made a grandchild of ours, so that the command stays our child: its exit
code, its signals and its process id are what they would be without. A program that gains
rights when it is executed, such as `sudo`, does not gain them under a tracer.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from mlv.errors import NotPossibleError

TRACES = "strace"
"""What the files of the tracer begin with; a dot and a process id follow."""

_OBSERVED = "observed"
_CALLS = (
    "open openat openat2 creat rename renameat renameat2 unlink unlinkat rmdir link linkat "
    "symlink symlinkat truncate truncate64 chdir fchdir clone clone2 clone3 fork vfork"
).split()
_OPTIONS = (
    "--daemonize",
    "--follow-forks",
    "--output-separately",
    "--quiet=all",
    "--decode-fds=path",
    "--absolute-timestamps=format:unix,precision:us",
    "--string-limit=0",
    "--signal=none",
    "--status=successful",
    # One that this machine does not have is passed over.
    f"--trace={','.join(f'?{call}' for call in _CALLS)}",
)
_FAST = ("--seccomp-bpf",)
"""Stops the program at the calls above alone; not every kernel has it."""


def strace_argv(argv: Sequence[str], executable: Path, live: Path) -> tuple[tuple[str, ...], Path]:
    """Return the command that runs a command under `strace`, and the program it begins with.

    Args:
        argv: The command.
        executable: The program that its first word stands for.
        live: Directory of the run; what is seen is written there.

    Raises:
        NotPossibleError: `strace` is not installed, or may not do its work.
    """
    found = shutil.which("strace")
    if found is None:
        raise NotPossibleError("strace is not installed", hint="sudo apt install strace")
    output = str(live / _OBSERVED / TRACES)
    options: tuple[str, ...] = (*_OPTIONS, *_FAST)
    if _try_out(found, options, output) is not None:
        options = _OPTIONS
        reason = _try_out(found, options, output)
    else:
        reason = None
    if reason is not None:
        raise NotPossibleError(
            f"strace cannot watch programs here: {reason}",
            hint="allow ptrace (in a container: --cap-add=SYS_PTRACE), or use --observe python",
        )
    # By its name a program is found again where it was found; by its path it knows another
    # name of itself than it would without us.
    program = argv[0] if shutil.which(argv[0]) == str(executable) else str(executable)
    traced = ("strace", *options, f"--output={output}", "--", program, *argv[1:])
    return traced, Path(found)


def _try_out(strace: str, options: Sequence[str], output: str) -> str | None:
    """Trace a program that does nothing; return what is wrong."""
    done = subprocess.run(
        [strace, *options, f"--output={output}-trial", "--", "true"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )
    complaints = done.stderr.strip().splitlines()
    if done.returncode == 0 and not complaints:
        return None
    return complaints[-1].removeprefix("strace: ") if complaints else f"exit code {done.returncode}"
