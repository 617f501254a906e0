"""What a watched process is, and which Pythons it starts that nobody watches.

This module runs inside the program that is being recorded; see `mlv.capture.observing.audit_hook`.
"""

# ruff: noqa: ANN401, PTH119
# An audit event carries whatever the program passed; `pathlib` costs more than all of this.

from __future__ import annotations

import os
import sys
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any

    from mlv.capture.observing.observed_log import ObservedLog

_PYTHONS = ("python", "pypy")
_KEPT_OUT = "IES"
"""Options of Python with which it does not load `sitecustomize`, or looks elsewhere for it."""
_LAST = "cmWX"
"""Options that take the rest of their word, or the next one."""

_SHELLS = ("sh", "bash", "dash", "zsh")
_SPECIAL = frozenset(";&|<>()`$\n*?[]{}'\"\\#~")
"""With one of these, a line of a shell may be more than one program and its words."""
_PROBES = frozenset(
    "arch fc-list free getconf git hostname id ifconfig ip arp ldconfig lsb_release lscpu lspci"
    " netstat nproc nvidia-smi rocm-smi rocminfo stty sysctl tput tty uname whoami".split()
)
_COMPILERS = frozenset("cc c++ clang g++ gcc ld objdump".split())
_PROBING = frozenset(("-Wl,-t", "-t", "-p", "--version", "-v", "-dumpversion"))


class Processes:
    """Notes processes.

    Args:
        log: Where lines go.
        escape: Makes text ready to stand in a line.
        observer: Directory that has to be on `PYTHONPATH` of whatever is to be watched.
    """

    def __init__(self, log: ObservedLog, escape: Callable[[str], str], observer: str) -> None:
        self._log = log
        self._escape = escape
        self._observer = observer
        self._helpers: set[str] = set()
        self._began = os.getpid(), time.monotonic_ns()
        self.handlers: Mapping[str, Callable[..., None]] = {
            "subprocess.Popen": self._on_popen,
            "os.posix_spawn": self._on_start,
            "os.exec": self._on_start,
            "os.system": self._on_system,
        }

    def note_beginning(self) -> None:
        """Write down what this process is."""
        argv = getattr(sys, "orig_argv", None) or getattr(sys, "argv", [])
        version = ".".join(str(part) for part in sys.version_info[:3])
        self._log.write(
            f'"k":"p","pid":{os.getpid()},"ppid":{os.getppid()},"now":{time.time_ns()},'
            f'"exe":{self._quote(sys.executable or "")},"version":"{version}",'
            f'"prefix":{self._quote(sys.prefix)},"base_prefix":{self._quote(sys.base_prefix)},'
            f'"argv":{self._quote_all(argv)}'
        )

    def note_end(self, describe: Callable[[], str], *, ran: bool) -> None:
        """Write down what its frameworks say; never raises.

        Args:
            describe: Returns that as fields of a line.
            ran: Whether it executed code of the worktree.
        """
        pid, began_ns = self._began
        if pid != os.getpid():  # a fork, of which nobody saw the beginning
            began_ns = time.monotonic_ns()
        try:  # noqa: SIM105 - `contextlib` takes milliseconds to import
            self._log.write(f'"k":"f","x":{int(ran)},"since":{began_ns},{describe()}')
        except Exception:  # noqa: BLE001, S110
            # The disk may be full, and what frameworks answer may be anything.
            pass

    def _on_popen(self, program: Any, argv: Any, _cwd: object, env: Any) -> None:
        self._on_start(program, argv, env)

    def _on_start(self, program: Any, argv: Any, env: Any) -> None:
        name = os.path.basename(os.fsdecode(program))
        if not name.startswith(_PYTHONS):
            self._note_helper(name, argv)
            return
        path = os.environ.get("PYTHONPATH", "")
        if env is not None:
            path = os.fsdecode(dict(env).get("PYTHONPATH") or dict(env).get(b"PYTHONPATH") or "")
        listed = [argv] if isinstance(argv, (str, bytes)) else argv
        words = [os.fsdecode(word) for word in listed]
        if self._observer not in path.split(os.pathsep) or _keeps_out(words):
            self._log.write(f'"k":"u","argv":{self._quote_all(words)}')

    def _on_system(self, command: Any) -> None:
        self._on_start("sh", ["sh", "-c", command], None)

    def _note_helper(self, name: str, argv: Any) -> None:
        """Note a program of which nobody sees what it reads; one that a plain line names, too."""
        words = [os.fsdecode(word) for word in ([argv] if isinstance(argv, (str, bytes)) else argv)]
        if name in _SHELLS and words[1:2] == ["-c"] and len(words) > len(("sh", "-c")):
            line = words[2]
            inner = line.split()
            if inner and _SPECIAL.isdisjoint(line) and "=" not in inner[0]:
                name, words = os.path.basename(inner[0]), inner
        if name not in self._helpers and not _only_probes(name, words):
            self._helpers.add(name)
            self._log.write(f'"k":"h","p":{self._quote(name)}')

    def _quote(self, text: str) -> str:
        return f'"{self._escape(text)}"'

    def _quote_all(self, words: Sequence[str]) -> str:
        return f"[{','.join(map(self._quote, words))}]"


def _only_probes(name: str, words: Sequence[str]) -> bool:
    """Tell whether a program asks about the machine or the repository, and reads no data."""
    if name in _COMPILERS:  # `ctypes.util` looks for libraries so
        return not _PROBING.isdisjoint(words)
    return name in _PROBES


def _keeps_out(argv: Sequence[str]) -> bool:
    for word in argv[1:]:
        if word[:1] != "-" or word[:2] == "--":
            return False
        for letter in word[1:]:
            if letter in _KEPT_OUT:
                return True
            if letter in _LAST:
                break
    return False
