"""Lose power before every single call to the file system, and look what may be left.

    python -m tests.faults.power_loss DIRECTORY SCENARIO...

Prints how many different states of the disk were looked at for each; `disk.py` says which
are legal.
"""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

from tests.faults.command_scenarios import COMMANDS, Command
from tests.faults.disk import Disk, State, write_state
from tests.faults.published import check_published
from tests.faults.scenarios import SCENARIOS, Scenario
from tests.faults.shim import SYNCS, Fate, Shim

SKIPPED = frozenset((".git", ".mlv/cache", ".mlv/.git", "data"))
"""What mlv does without, or can bring back, or leaves to others to keep."""


class Recorder:
    """Gathers all states that a loss of power may leave while something runs."""

    def __init__(self, root: Path) -> None:
        self._disk = Disk(root, SKIPPED)
        self._seen: set[int] = set()
        self._is_recording = True
        self._is_fresh = True
        self.states: list[State] = []
        Shim(root, self._before).install()

    def stop(self) -> list[State]:
        """Return what may be left if power is lost after the end."""
        self._is_recording = False
        self._disk.observe()
        return list(self._disk.states())

    def _before(self, call: str, descriptor: int | None) -> Fate:
        if not self._is_recording:
            return None
        self._is_recording = False  # what the disk model reads is no part of it
        if self._disk.observe() or self._is_fresh:
            self._keep()
        self._is_fresh = call in SYNCS
        if self._is_fresh and descriptor is not None:
            self._disk.sync(descriptor)
        self._is_recording = True
        return None

    def _keep(self) -> None:
        for state in self._disk.states():
            key = hash(frozenset(state.items()))
            if key not in self._seen:
                self._seen.add(key)
                self.states.append(state)


class PublishedByCommand:
    """A command of which only what it publishes must be there: Git keeps files of its own.

    Files of the worktree are not synced: the store has them.
    """

    def __init__(self, command: Command) -> None:
        self._command = command

    def prepare(self, place: Path) -> None:
        """Set the stage."""
        self._command.prepare(place)

    def run(self, place: Path) -> None:
        """Run the command."""
        self._command.run(place)

    def run_again(self, place: Path) -> None:
        """Do nothing: there is no Git repository any more."""

    def check_after(self, place: Path, *, done: bool, clean: bool) -> None:
        """Assert that whatever is published is whole."""
        assert check_published(place) >= 0


def lose_power_everywhere(scenario: Scenario, directory: Path) -> int:
    """Return how many states of the disk were looked at.

    Raises:
        AssertionError: Something was left broken.
        MlvError: Something that was published is missing or damaged.
    """
    place = directory / "place"
    place.mkdir(parents=True)
    scenario.prepare(place)
    recorder = Recorder(place)
    scenario.run(place)
    after = recorder.stop()
    place.rename(directory / "original")
    for states, done in ((recorder.states, False), (after, True)):
        for number, state in enumerate(states):
            write_state(state, place)
            try:
                scenario.check_after(place, done=done, clean=False)
                scenario.run_again(place)
                scenario.check_after(place, done=True, clean=False)
            except BaseException:
                sys.stderr.write(f"state {number} of {len(states)}, {done=}, below {place}:\n")
                raise
            shutil.rmtree(place)
    return len(recorder.states) + len(after)


if __name__ == "__main__":
    work_directory, *names = sys.argv[1:]
    for name in names:
        process = os.fork()
        if process == 0:
            scenario = SCENARIOS.get(name) or PublishedByCommand(COMMANDS[name])
            count = lose_power_everywhere(scenario, Path(work_directory) / name)
            sys.stdout.write(f"{count}\n")
            sys.exit()
        assert os.waitpid(process, 0)[1] == 0, name
