from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults.conftest import run_module

N_LEAST = {
    "publish": {"kill": 15, "full": 15, "quota": 15, "bad": 25, "dead": 25, "sync": 4, "short": 2},
    "whole": {"kill": 35, "full": 30, "bad": 45, "sync": 8, "short": 2},
    "merge": {"kill": 20, "full": 15, "bad": 80, "sync": 3},
    "hardlink": {"kill": 35, "bad": 50},
    "symlink": {"kill": 40, "full": 30},
    "large": {"kill": 20, "full": 20},
    "init": {"kill": 20, "full": 15, "quota": 15, "bad": 20, "dead": 20, "sync": 6},
    "replace": {"kill": 5, "full": 3, "quota": 3, "bad": 5, "dead": 5, "sync": 2, "short": 1},
}
"""So that it is noticed when calls are not seen any more."""


COMMANDS = {
    "track": {"kill": 20, "full": 20, "bad": 40},
    "track-again": {"kill": 20},
    "track-large": {"kill": 25},
    "untrack": {"kill": 10, "bad": 15},
    "checkout": {"kill": 30, "full": 25, "bad": 80},
    "checkout-over": {"kill": 30},
    "checkout-undone": {"kill": 30},
    "undo-checkout": {"kill": 30, "full": 20, "short": 3},
    "gc": {"kill": 20, "full": 15, "bad": 50},
    "repair": {"kill": 10, "bad": 30},
}
WORKERS = {
    "track-parallel": {"kill": 7, "full": 6, "bad": 12},
    "checkout-parallel": {"kill": 3, "full": 3, "bad": 8},
}


@pytest.mark.parametrize("scenario", list(N_LEAST))
def test_change_can_be_disturbed_at_every_call(quick_directory: Path, scenario: str) -> None:
    _disturb(quick_directory, scenario, "main", N_LEAST[scenario])


@pytest.mark.parametrize("command", list(COMMANDS))
def test_command_can_be_disturbed_at_every_call(quick_directory: Path, command: str) -> None:
    _disturb(quick_directory, command, "main", COMMANDS[command])


@pytest.mark.parametrize("command", list(WORKERS))
def test_process_that_helps_can_be_disturbed_at_every_call(
    quick_directory: Path, command: str
) -> None:
    _disturb(quick_directory, command, "worker", WORKERS[command])


def _disturb(directory: Path, scenario: str, where: str, least: dict[str, int]) -> None:
    counts = run_module("crash_points", scenario, where, directory, *least)
    found = dict(zip(least, counts, strict=True))
    assert {fault: min(count, least[fault]) for fault, count in found.items()} == least
