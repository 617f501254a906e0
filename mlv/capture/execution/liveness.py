"""Does the process that recorded a run still run?

A process id alone does not tell: ids are used again, and mean nothing after a reboot,
on another host, or in another container. So a process is known by all of these together.
"""

from __future__ import annotations

import contextlib
import os
import time
from pathlib import Path

import msgspec

_COMMAND_FILE = "command.json"


class ProcessIdentity(msgspec.Struct, frozen=True, kw_only=True):
    """A process, told apart from all others ever.

    Attributes:
        host: Name of the host.
        pid: Process id.
        started: When it started, in a unit of its own; compared, never computed with.
        boot_id: Which boot of the host; empty where that cannot be told.
        namespace: Which namespace `pid` belongs to; empty where there are none.
    """

    host: str
    pid: int
    started: str
    boot_id: str = ""
    namespace: str = ""


def process_identity(pid: int | None = None) -> ProcessIdentity:
    """Return the identity of a process of this host; of this one when `pid` is None."""
    pid = os.getpid() if pid is None else pid
    return ProcessIdentity(
        host=os.uname().nodename,
        pid=pid,
        started=_find_start(pid) or "",
        boot_id=read_boot_id(),
        namespace=_namespace(),
    )


def is_alive(identity: ProcessIdentity) -> bool | None:
    """Tell whether a process still runs; None when that cannot be known from here.

    It cannot for a process of another host, of another container, or of another boot: a
    host that was booted since has the name that it had, but others may have it as well.
    """
    if identity.boot_id != read_boot_id() or identity.namespace != _namespace():
        return None
    if _is_running(identity):
        return True
    # A host may have been renamed, and copies of a virtual machine share the boot.
    return False if identity.host == os.uname().nodename else None


def was_booted_since(identity: ProcessIdentity) -> bool:
    """Tell whether a host of our name runs another boot than that of the process."""
    return identity.host == os.uname().nodename and identity.boot_id != read_boot_id()


def uptime_s() -> float:
    """Return for how long this host has been up, sleep included."""
    clock = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
    return time.clock_gettime(clock)


def save_command(live: Path, pid: int) -> None:
    """Note which process is the command of a run; a disk that is full only loses the note."""
    with contextlib.suppress(OSError):
        (live / _COMMAND_FILE).write_bytes(msgspec.json.encode(process_identity(pid)))


def find_command(live: Path) -> ProcessIdentity | None:
    """Return which process is the command of a run; None before it started, or if unknown."""
    try:
        return msgspec.json.decode((live / _COMMAND_FILE).read_bytes(), type=ProcessIdentity)
    except (OSError, msgspec.DecodeError):
        return None


def read_boot_id() -> str:
    """Return a text that changes when the host boots; empty where it cannot be told."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""


def _is_running(identity: ProcessIdentity) -> bool:
    started = _find_start(identity.pid)
    if started is None and _is_hidden(identity.pid):
        return True  # whose it is cannot be seen; rather a run too many than one sealed alive
    return started is not None and started == identity.started


def _find_start(pid: int) -> str | None:
    """Return when a process started; None when it has ended, reaped or not."""
    if Path("/proc/self/stat").exists():
        try:
            text = Path(f"/proc/{pid}/stat").read_text(errors="replace")
        except OSError:
            return None
        # The name of the program, in parentheses, may hold anything, parentheses too.
        state, *fields = text[text.rindex(")") + 1 :].split()
        return None if state in "ZX" else fields[18]
    import psutil

    try:
        process = psutil.Process(pid)
        if process.status() == psutil.STATUS_ZOMBIE:
            return None
        return str(process.create_time())
    except (psutil.Error, OSError):
        return None


def _is_hidden(pid: int) -> bool:
    """Tell whether another user's process is there that the system does not show us."""
    try:
        os.kill(pid, 0)
    except PermissionError:
        return not Path(f"/proc/{pid}").exists()
    except (ProcessLookupError, OverflowError):
        return False
    return False


def _namespace() -> str:
    try:
        return str(Path("/proc/self/ns/pid").readlink())
    except OSError:
        return ""
