"""Disturb a change of the store at every single call to the file system, and look what is left.

    python -m tests.faults.crash_points SCENARIO main|worker DIRECTORY FAULT...

That is done at the first call, the second, the third ... until nothing is left to disturb;
then the number of calls is printed, for each fault. See `saboteur.py` for the faults, and
`scenarios.py` and `command_scenarios.py` for the changes.
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
from pathlib import Path

import msgspec

from mlv.errors import MlvError
from tests.faults.command_scenarios import COMMANDS
from tests.faults.saboteur import FAULTS, Fault, Saboteur, Where
from tests.faults.scenarios import SCENARIOS, Scenario

DONE, KILLED, REFUSED, BROKEN = 0, 9, 3, 1

_HANGS_AFTER_S = 60
_N_MOST = 10_000


class Attempts(msgspec.Struct, frozen=True, kw_only=True):
    """Which calls one of several processes disturbs.

    Attributes:
        scenario: What is done.
        where: In which process calls are disturbed.
        directory: Holds `template`, the stage that the scenario has set.
        first: The first call.
        step: How far it is from one call to the next.
    """

    scenario: Scenario
    where: Where
    directory: Path
    first: int
    step: int


def disturb_everywhere(attempts: Attempts, fault: Fault) -> int:
    """Return the first call that is not there any more.

    Raises:
        AssertionError: Something was left broken.
    """
    place = attempts.directory / "place"
    for stop_at in range(attempts.first, _N_MOST, attempts.step):
        shutil.copytree(attempts.directory / "template", place, symlinks=True)
        saboteur = Saboteur(fault, stop_at, place, where=attempts.where)
        code = _run_disturbed(attempts.scenario, saboteur, place)
        _check(attempts.scenario, saboteur, place, code=code, call=stop_at)
        shutil.rmtree(place)
        if not saboteur.has_struck:
            return stop_at
    message = "there is no end to it"
    raise AssertionError(message)


def set_stage(scenario: Scenario, directory: Path) -> None:
    """Let a scenario prepare itself where it will run, and put that aside as `template`."""
    place = directory / "place"
    place.mkdir(parents=True)
    scenario.prepare(place)
    place.rename(directory / "template")


def share_out(scenario: Scenario, where: Where, directory: Path, faults: list[str]) -> list[int]:
    """Return how many calls there are to disturb for each fault; use every core."""
    n_processes = os.cpu_count() or 1
    ends: dict[int, Path] = {}
    for number in range(n_processes):
        own = directory / f"{number}"
        process = os.fork()
        if process == 0:
            set_stage(scenario, own)
            attempts = Attempts(
                scenario=scenario, where=where, directory=own, first=number + 1, step=n_processes
            )
            firsts = [disturb_everywhere(attempts, FAULTS[fault]) for fault in faults]
            (own / "ends").write_text(" ".join(map(str, firsts)))
            os._exit(0)
        ends[process] = own / "ends"
    for process in ends:
        assert os.waitpid(process, 0)[1] == 0
    rows = [list(map(int, path.read_text().split())) for path in ends.values()]
    return [min(column) - 1 for column in zip(*rows, strict=True)]


def _check(scenario: Scenario, saboteur: Saboteur, place: Path, *, code: int, call: int) -> None:
    try:
        allowed = (DONE, KILLED, REFUSED) if saboteur.has_struck else (DONE,)
        assert code in allowed, f"it ended with {code}"
        clean = saboteur.may_clean
        scenario.check_after(place, done=code == DONE, clean=clean)
        if code != DONE:
            scenario.run_again(place)
            scenario.check_after(place, done=True, clean=clean)
    except BaseException:
        sys.stderr.write(f"{saboteur.fault.words or saboteur.fault.fate} at call {call}:\n")
        raise


def _run_disturbed(scenario: Scenario, saboteur: Saboteur, place: Path) -> int:
    process = os.fork()
    if process == 0:
        signal.alarm(_HANGS_AFTER_S)
        try:
            saboteur.strike()
            scenario.run(place)
        except MlvError as error:
            os._exit(REFUSED if _is_clear(error, saboteur) else BROKEN)
        except BaseException:  # noqa: BLE001 - the other process reports it
            sys.excepthook(*sys.exc_info())
            os._exit(BROKEN)
        os._exit(DONE)
    _, status = os.waitpid(process, 0)
    return os.waitstatus_to_exitcode(status)


def _is_clear(error: MlvError, saboteur: Saboteur) -> bool:
    """Tell whether a message says what is the matter."""
    is_clear = error.exit_code == REFUSED and saboteur.fault.words in error.message
    if not is_clear:
        sys.excepthook(*sys.exc_info())
    return is_clear


def main(name: str, where: str, directory: str, faults: list[str]) -> None:
    """Disturb a scenario by name."""
    assert where in {"main", "worker"}
    scenario = SCENARIOS.get(name) or COMMANDS[name]
    process: Where = "main" if where == "main" else "worker"
    for count in share_out(scenario, process, Path(directory), faults):
        sys.stdout.write(f"{count}\n")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3], sys.argv[4:])
