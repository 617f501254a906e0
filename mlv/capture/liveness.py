"""Does the process that recorded a run still run?

A process id alone does not tell: ids are used again, and mean nothing after a reboot,
on another host, or in another container. So a process is known by all of these together.
"""

from __future__ import annotations

import contextlib
import os
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
    """Tell whether a process still runs; None when that cannot be known from here."""
    if identity.host != os.uname().nodename:
        return None
    if identity.boot_id != read_boot_id():
        return False
    if identity.namespace != _namespace():
        return None
    return _find_start(identity.pid) == identity.started


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


def _find_start(pid: int) -> str | None:
    """Return when a process started; None when it has ended, reaped or not."""
    if Path("/proc/self/stat").exists():
        try:
            text = Path(f"/proc/{pid}/stat").read_text(errors="replace")
        except (FileNotFoundError, ProcessLookupError):
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
    except psutil.NoSuchProcess:
        return None


def _namespace() -> str:
    try:
        return str(Path("/proc/self/ns/pid").readlink())
    except OSError:
        return ""
