"""Runs of other hosts, boots and containers, whose processes are out of sight."""

from __future__ import annotations

import os
import time
from pathlib import Path

import msgspec
import pytest
from msgspec.structs import replace

from mlv.app.live_run import End, LiveRun, list_live, load_start, save_start
from mlv.app.publish import read_invocation
from mlv.app.record.recover import Recovered
from mlv.app.record.seal import publish_run, seal_run
from mlv.capture.execution.heartbeat import LOST_AFTER_S, SEALED_AFTER_S
from mlv.capture.execution.liveness import find_command, uptime_s
from mlv.errors import NoSuchRunError, NotPossibleError
from tests.integration.app.lost_runs import kill_mid_run, listed, recover, recover_all
from tests.support.repository import Repository, read_tree


def _pretend(repo: Repository, **changes: object) -> Path:
    """Let the processes of the only live run be those of another host, boot, or container."""
    (live,) = list_live(repo.open().layout.live)
    start = load_start(live)
    save_start(live, replace(start, process=replace(start.process, **changes)))
    command = find_command(live)
    assert command is not None
    (live / "command.json").write_bytes(msgspec.json.encode(replace(command, **changes)))
    return live


def _silence(live: Path, silent_s: float) -> None:
    """Let all that a run wrote be older."""
    moment = time.time() - silent_s
    for path in live.rglob("*"):
        os.utime(path, (moment, moment))


_ELSEWHERE = {"host": "node7", "boot_id": "another"}
_IN_A_CONTAINER = {"namespace": "pid:[1]"}


@pytest.mark.parametrize("where", [_ELSEWHERE, _IN_A_CONTAINER, {"boot_id": "of a namesake"}])
def test_run_out_of_sight_goes_on_while_its_heart_beats(
    repo: Repository, where: dict[str, object]
) -> None:
    kill_mid_run(repo)
    _pretend(repo, **where)
    assert listed(repo) == [("victim", "running")]
    recovered = recover_all(repo)
    assert (recovered.sealed, [run.name for run in recovered.silent]) == ((), ["victim"])


@pytest.mark.parametrize("where", [_ELSEWHERE, _IN_A_CONTAINER])
def test_run_out_of_sight_that_was_silent_for_minutes_is_lost_but_left_alone(
    repo: Repository, where: dict[str, object]
) -> None:
    kill_mid_run(repo)
    live = _pretend(repo, **where)
    _silence(live, LOST_AFTER_S + 10)
    before = read_tree(live)
    assert listed(repo) == [("victim", "lost")]
    assert recover(repo) == ()
    assert read_tree(live) == before


@pytest.mark.parametrize("where", [_ELSEWHERE, _IN_A_CONTAINER])
def test_run_out_of_sight_that_was_silent_for_long_is_sealed_from_a_copy(
    repo: Repository, where: dict[str, object]
) -> None:
    kill_mid_run(repo)
    live = _pretend(repo, **where)
    _silence(live, SEALED_AFTER_S + 10)
    before = read_tree(live)
    assert [(run.name, run.status) for run in recover(repo)] == [("victim", "lost")]
    assert read_tree(live) == before | {"sealed": read_tree(live)["sealed"]}
    assert listed(repo) == [("victim", "lost")]
    assert recover_all(repo) == Recovered()
    assert list(repo.open().layout.temporary.iterdir()) == []


def test_process_that_was_only_asleep_replaces_the_record(repo: Repository) -> None:
    kill_mid_run(repo)
    live = _pretend(repo, **_ELSEWHERE)
    _silence(live, SEALED_AFTER_S + 10)
    recover(repo)
    workspace = repo.open()
    awake = LiveRun(directory=live, start=load_start(live))
    run = seal_run(workspace, awake, End(status="finished", exit_code=0, duration_s=9))
    publish_run(workspace, awake, run, read_invocation(workspace, ("mlv", "run")))
    assert listed(repo) == [("victim", "finished")]
    assert list((repo.root / ".mlv/live").iterdir()) == []


def test_copy_that_nobody_came_back_for_goes_after_a_week(repo: Repository) -> None:
    kill_mid_run(repo)
    live = _pretend(repo, **_ELSEWHERE)
    _silence(live, SEALED_AFTER_S + 10)
    recover(repo)
    _silence(live, 8 * 86_400)
    assert recover_all(repo) == Recovered()
    assert not live.exists()


def test_person_can_tell_that_a_run_of_another_host_is_dead(repo: Repository) -> None:
    kill_mid_run(repo)
    _pretend(repo, **_ELSEWHERE)
    assert [run.status for run in recover(repo, "victim")] == ["lost"]


def test_run_before_our_eyes_is_not_sealed_by_force(repo: Repository) -> None:
    def refuse() -> None:
        with pytest.raises(NotPossibleError, match="run 'victim' is still going on"):
            recover(repo, "victim")

    kill_mid_run(repo, while_it_runs=refuse)
    assert listed(repo) == [("victim", "lost")]


def test_force_of_no_run_is_refused(repo: Repository) -> None:
    with pytest.raises(NoSuchRunError, match="no run in progress 'nope'"):
        recover(repo, "nope")


def test_run_from_before_a_reboot_is_lost_at_once(repo: Repository) -> None:
    kill_mid_run(repo)
    live = _pretend(repo, boot_id="earlier")
    _silence(live, uptime_s() + 10)
    assert listed(repo) == [("victim", "lost")]
    assert [run.status for run in recover(repo)] == ["lost"]


def test_run_of_a_host_that_slept_is_running(repo: Repository) -> None:
    def look() -> None:
        (live,) = list_live(repo.open().layout.live)
        _silence(live, 8 * 3600)
        assert listed(repo) == [("victim", "running")]
        assert recover(repo) == ()

    kill_mid_run(repo, while_it_runs=look)
