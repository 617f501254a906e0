"""The signals of a recorder, from before its command starts until its record is sealed.

While the command runs, signals that were sent to us alone are passed on to it. When it has
ended, they are blocked, in us and so in the programs that we start, such as Git: Ctrl-C
reaches those as well. A thread takes them then; a second Ctrl-C leaves the record as it is.
"""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections.abc import Callable
from types import FrameType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing_extensions import Self

_FORWARDED = (signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2, signal.SIGXCPU)
_FROM_TERMINAL = (signal.SIGINT, signal.SIGQUIT)
_HANDLED = (*_FORWARDED, *_FROM_TERMINAL, signal.SIGWINCH, signal.SIGCHLD)
_STOP_WATCHING = signal.SIGUSR2


class Signals:
    """Takes all signals for the length of its block; only to be used in the main thread.

    Attributes:
        received: Numbers of those that came before the command had ended, in order.
        wakeup: Descriptor that can be read after a signal came.
    """

    def __init__(self) -> None:
        self.received: list[int] = []
        self.wakeup = -1
        self.on_resize: Callable[[], None] = lambda: None
        self._pid: int | None = None
        self._undo = contextlib.ExitStack()

    def __enter__(self) -> Self:
        self.wakeup, written = os.pipe()
        for fd in (self.wakeup, written):
            os.set_blocking(fd, False)
            self._undo.callback(os.close, fd)
        before = signal.set_wakeup_fd(written, warn_on_full_buffer=False)
        self._undo.callback(signal.set_wakeup_fd, before)
        # Handlers, unlike ignored signals, are not inherited by the command. What whoever
        # started us ignores, as `nohup` does, stays ignored for both; but where the end of
        # children is ignored, nobody learns how the command ended.
        for number in _HANDLED:
            if number == signal.SIGCHLD or signal.getsignal(number) is not signal.SIG_IGN:
                self._undo.callback(signal.signal, number, signal.signal(number, self._handle))
        return self

    def __exit__(self, *_: object) -> None:
        self._undo.close()

    def pass_on_to(self, pid: int) -> None:
        """Pass signals on to this process; those that came before it was there, too."""
        self._pid = pid
        for number in tuple(self.received):
            self._pass_on(number)

    def pass_on_no_more(self) -> None:
        """Take it that the process has ended, and its number may be another's."""
        self._pid = None

    def hold_back(self, on_first: Callable[[], None], on_second: Callable[[], None]) -> None:
        """Let no signal disturb what is done until the end of the block.

        Args:
            on_first: Called once, in a thread, when a person or a scheduler gets impatient.
            on_second: Called in a thread when a person interrupts once more.
        """
        numbers = {*_FORWARDED, *_FROM_TERMINAL}
        before = signal.pthread_sigmask(signal.SIG_BLOCK, numbers)
        watch = _Watch(numbers, on_first, on_second)
        self._undo.callback(signal.pthread_sigmask, signal.SIG_SETMASK, before)
        self._undo.callback(watch.stop)

    def _handle(self, number: int, _frame: FrameType | None) -> None:
        if number == signal.SIGCHLD:
            return
        if number == signal.SIGWINCH:
            self.on_resize()
            self._pass_on(number)  # the terminal told it too, but perhaps before we resized its own
            return
        self.received.append(number)
        if number in _FROM_TERMINAL and _is_in_foreground():
            return  # the terminal sent it to the command as well
        self._pass_on(number)

    def _pass_on(self, number: int) -> None:
        if self._pid is not None:
            # A command that has just ended, or became another user, needs no signal.
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(self._pid, number)


class _Watch:
    """A thread that waits for signals that every other thread blocks."""

    def __init__(
        self,
        numbers: set[signal.Signals],
        on_first: Callable[[], None],
        on_second: Callable[[], None],
    ) -> None:
        self._numbers = numbers
        self._on_first, self._on_second = on_first, on_second
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="mlv-signals", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the thread."""
        self._stopping = True
        if self._thread.ident is not None:
            signal.pthread_kill(self._thread.ident, _STOP_WATCHING)
            self._thread.join()

    def _run(self) -> None:
        n_interrupts = 0
        n_others = 0
        while True:
            number = signal.sigwait(self._numbers)
            if self._stopping:
                return
            if number in _FROM_TERMINAL:
                n_interrupts += 1
            elif number == signal.SIGTERM:
                n_others += 1
            else:
                continue
            if n_interrupts + n_others == 1:
                self._on_first()
            elif n_interrupts and number in _FROM_TERMINAL:
                self._on_second()


def _is_in_foreground() -> bool:
    """Tell whether our process group is the one that the terminal sends Ctrl-C to."""
    try:
        terminal = os.open("/dev/tty", os.O_RDONLY | os.O_NOCTTY)
    except OSError:
        return False
    try:
        return os.tcgetpgrp(terminal) == os.getpgrp()
    except OSError:
        return False
    finally:
        os.close(terminal)
