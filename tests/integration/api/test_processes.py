"""Threads, tasks and processes of a script log to the run that they were started in."""

from __future__ import annotations

import pytest

from tests.integration.api.scripts import MODES, by_name, execute, params_of
from tests.support.repository import Repository

_METHODS = ("fork", "spawn", "forkserver")

_WORKERS = """\
import multiprocessing
import sys
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor

import mlv


def work(number):
    mlv.log({"done": number}, step=number)


def trial(number):
    with mlv.start_run(f"trial-{number}", nested=True, params={"number": number}) as run:
        assert mlv.active_run() is run
        mlv.log({"score": number})


def main():
    context = multiprocessing.get_context(sys.argv[1])
    with mlv.start_run("workers"):
        with context.Pool(2) as pool:
            pool.map(work, range(4))
            pool.map(trial, range(2))
        with ProcessPoolExecutor(2, mp_context=context) as pool:
            list(pool.map(work, range(4, 8)))
        with ThreadPoolExecutor(3) as pool:
            list(pool.map(work, range(8, 12)))
            list(pool.map(trial, range(2, 5)))
        child = context.Process(target=trial, args=(5,))
        child.start()
        child.join()
        with mlv.start_run("outer", nested=True):
            child = context.Process(target=work, args=(99,))
            child.start()
            child.join()


if __name__ == "__main__":
    main()
"""


@pytest.mark.parametrize("method", _METHODS)
@pytest.mark.parametrize("mode", MODES)
def test_points_of_all_workers_arrive(repo: Repository, method: str, mode: str) -> None:
    done = execute(repo, _WORKERS, method, mode=mode)
    assert (done.code, done.stderr) == (0, "")
    runs = by_name(repo.runs())
    outer = runs["workers"]
    assert sorted(outer.series["done"].steps) == list(range(12))
    assert runs["outer"].series["done"].steps == (99,)
    trials = [runs[f"trial-{number}"] for number in range(6)]
    assert [params_of(run)["number"] for run in trials] == list(range(6))
    assert [run.metrics["score"].value for run in trials] == list(range(6))
    assert {(run.parent, run.status) for run in trials} == {(outer.id, "finished")}
    assert {run.problems for run in trials} == {()}


def test_child_may_start_a_run_as_its_parent_did(repo: Repository) -> None:
    script = """\
    import multiprocessing
    import mlv

    def rank(number):
        with mlv.start_run() as run:
            run.log({f"loss/{number}": number})

    if __name__ == "__main__":
        with mlv.start_run("training"):
            for method in ("fork", "spawn"):
                context = multiprocessing.get_context(method)
                child = context.Process(target=rank, args=(len(method),))
                child.start()
                child.join()
    """
    assert execute(repo, script).stderr == ""
    (run,) = repo.runs()
    assert sorted(run.metrics) == ["loss/4", "loss/5"]


@pytest.mark.parametrize("method", _METHODS)
def test_worker_belongs_to_the_run_in_which_it_was_started(repo: Repository, method: str) -> None:
    script = f"""\
    import multiprocessing
    import mlv

    def work(number):
        mlv.log({{"number": number}})

    if __name__ == "__main__":
        context = multiprocessing.get_context("{method}")
        for number in (1, 2):
            with mlv.start_run(f"run-{{number}}"):
                child = context.Process(target=work, args=(number,))
                child.start()
                child.join()
    """
    assert execute(repo, script).stderr == ""
    assert {run.name: run.metrics["number"].value for run in repo.runs()} == {
        "run-1": 1,
        "run-2": 2,
    }


def test_run_ends_after_the_children_that_python_waits_for(repo: Repository) -> None:
    script = """\
    import multiprocessing.util
    import subprocess
    import sys
    import mlv

    def work():
        for _ in range(10):  # longer than sealing takes
            subprocess.run([sys.executable, "-S", "-c", "import json"], check=True)
        mlv.log({"late": 1})

    if __name__ == "__main__":
        mlv.start_run()
        multiprocessing.get_context("fork").Process(target=work).start()
    """
    assert execute(repo, script).stderr == ""
    (run,) = repo.runs()
    assert list(run.metrics) == ["late"]


@pytest.mark.parametrize("around", ["mlv.start_run('outer')", "contextlib.nullcontext()"])
@pytest.mark.parametrize("mode", MODES)
def test_tasks_have_a_run_each(repo: Repository, mode: str, around: str) -> None:
    script = f"""\
    import asyncio
    import contextlib
    import os
    import mlv

    before = dict(os.environ)

    @mlv.record(name="task", tags=["async"])
    async def trial(number):
        await asyncio.sleep(0)
        mlv.log({{"first": number}})
        for _ in range(5 - number):  # the last one ends first
            await asyncio.sleep(0)
        mlv.log({{"last": number}})
        return {{"score": number}}

    async def main():
        await asyncio.gather(*(trial(number) for number in range(3)))
        assert mlv.active_run() is outer

    with {around} as outer:
        asyncio.run(main())
    assert dict(os.environ) == before
    mlv.start_run("after").finish()
    """
    assert execute(repo, script, mode=mode).stderr == ""
    runs = repo.runs()
    tasks = [run for run in runs if run.tags]
    assert len({run.parent for run in tasks}) == 1
    assert not {run.parent for run in tasks} & {run.id for run in tasks}
    found = sorted(
        (
            params_of(run)["number"],
            *(run.metrics[name].value for name in ("first", "last", "score")),
        )
        for run in tasks
    )
    assert found == [(0, 0, 0, 0), (1, 1, 1, 1), (2, 2, 2, 2)]
    assert "after" in {run.name for run in runs}


def test_task_that_has_no_run_logs_to_none_of_another_task(repo: Repository) -> None:
    script = """\
    import asyncio
    import mlv

    async def train():
        with mlv.start_run("train"):
            await asyncio.sleep(0)
            await asyncio.create_task(log("inside"))

    async def log(name):
        mlv.log({name: 1})

    async def main():
        await asyncio.gather(train(), log("beside"))

    asyncio.run(main())
    """
    assert execute(repo, script).stderr == ""
    found = {run.name == "train": list(run.metrics) for run in repo.runs()}
    assert found == {True: ["inside"], False: ["beside"]}


def test_run_of_a_task_that_has_ended_is_still_active(repo: Repository) -> None:
    script = """\
    import asyncio
    import mlv

    async def start():
        mlv.start_run("started")

    async def main():
        await asyncio.create_task(start())
        mlv.log({"loss": 1})

    asyncio.run(main())
    mlv.log({"end": 1})
    """
    assert execute(repo, script).stderr == ""
    (run,) = repo.runs()
    assert (run.name, list(run.metrics)) == ("started", ["end", "loss"])


@pytest.mark.parametrize("mode", MODES)
def test_child_that_was_forked_by_hand_loses_no_point(repo: Repository, mode: str) -> None:
    script = """\
    import os
    import mlv
    with mlv.start_run():
        if not os.fork():
            for step in range(100):
                mlv.log({"loss": 1}, step=step)
            os._exit(0)
        os.wait()
    """
    assert execute(repo, script, mode=mode).stderr == ""
    (run,) = repo.runs()
    assert run.metrics["loss"].n_values == 100


def test_thread_that_has_no_run_logs_to_that_of_the_main_thread(repo: Repository) -> None:
    script = """\
    import threading
    import mlv

    def log():
        mlv.log({"loss": 1})

    with mlv.start_run("outer"):
        with mlv.start_run("inner", nested=True):
            thread = threading.Thread(target=log)
            thread.start()
            thread.join()
    """
    assert execute(repo, script).stderr == ""
    assert {run.name: list(run.metrics) for run in repo.runs()} == {"outer": [], "inner": ["loss"]}
