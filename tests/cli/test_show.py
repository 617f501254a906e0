from __future__ import annotations

import signal
import subprocess
import sys

import pytest

from mlv.capture.journal.writer import JournalWriter
from tests.integration.app.live_runs import begin, lose, print_line, recorded_elsewhere, seal
from tests.support.repository import Repository, normalize


def test_show_prints_everything_known(story: Repository) -> None:
    done = story.mlv("show", "first")
    assert (done.code, done.stderr) == (0, "")
    text = normalize(done.stdout)
    lines = [line for line in text.splitlines() if "started" not in line and "  by " not in line]
    environment = lines.index("environment")
    assert lines[:environment] == [
        "run first (SHORT)",
        "  id         RUN-ID",
        "  status     finished",
        "  time       0.0s",
        (
            "  command    sh -c 'cp params.yaml out.txt; cp metrics.in metrics.json;"
            " echo hello; echo oops >&2'"
        ),
        "  directory  .",
        "  code       DIGEST on main",
        "  snapshot   DIGEST",
        "  tags       base",
        "  note       a start",
        "",
        "metrics",
        "  accuracy  0.5  (metrics.json)",
        "  loss      1  (metrics.json)",
        "",
        "params",
        "  lr  0.1  (params.yaml)",
        "",
        "inputs",
        "  data  DIGEST  4 B, 2 files",
        "",
        "outputs",
        "  metrics.json  DIGEST  28 B",
        "  out.txt       DIGEST  8 B",
        "",
    ]


def test_show_log_prints_what_the_command_printed(story: Repository) -> None:
    done = story.mlv("show", "first", "--log")
    assert (done.code, done.stdout, done.stderr) == (0, "hello\n", "oops\n")


def test_show_as_json_holds_the_record(story: Repository) -> None:
    found = story.mlv("show", "best:accuracy", "--json").json
    run = story.find("second")
    assert (found["schema"], found["run"]["id"]) == ("mlv-run 1", run.id)
    assert found["run"]["code"]["snapshot"] == run.code.snapshot
    assert found["environment"]["machine"]["os"]


def test_show_marks_problems_and_signals(repo: Repository) -> None:
    repo.shell("kill -9 $$", outputs=["model"])
    text = repo.mlv("show").stdout
    assert "  status     killed (signal 9)\n" in text
    assert text.endswith(
        "problems\n  output model was declared, but the command did not write it\n"
    )


@pytest.mark.parametrize("status", ["running", "lost"])
def test_show_of_a_run_without_a_record_tells_what_is_known(repo: Repository, status: str) -> None:
    live = begin(repo, "going-on")
    print_line(live, "epoch 1")
    writer = JournalWriter(str(live.directory))
    writer.log_params({"depth": 3})
    writer.log({"loss": 0.5}, 1)
    if status == "lost":
        lose(live)

    shown = repo.mlv("show", "last")

    lines = [line.strip() for line in shown.stdout.splitlines()]
    assert lines[2] == f"status     {status}"
    assert {"loss  0.5  (api)", "depth  3  (api)", "lr     0.1  (params.yaml)"} < set(lines)
    assert repo.mlv("show", "going-on", "--json").json["run"]["status"] == status
    assert repo.mlv("show", "--log").stdout == "epoch 1\n"


def test_show_of_a_name_may_mean_a_run_that_goes_on_or_one_that_ended(repo: Repository) -> None:
    repo.shell("true", name="same")
    begin(repo, "same")

    done = repo.mlv("show", "same")

    assert done.code == 3
    assert "run 'same' is ambiguous" in done.stderr


def _follow(repo: Repository, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "mlv", "show", *arguments, "--follow"],
        cwd=repo.root,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_show_follow_prints_what_comes_until_the_run_ends(repo: Repository) -> None:
    live = begin(repo, "going-on")
    print_line(live, "one")
    with _follow(repo, "last") as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "one\n"
        print_line(live, "two")
        assert process.stdout.readline() == "two\n"
        JournalWriter(str(live.directory)).log({"loss": 0.5}, 1)
        print_line(live, "three")
        seal(repo, live)
        out, err = process.communicate()

    assert (out, process.returncode) == ("three\n", 0)
    first, last = err.splitlines()
    assert first.startswith("note: run going-on is running")
    assert last == "note: run going-on finished, 1.5s, loss 0.5"


def test_show_follow_of_a_run_that_ended_prints_its_last_lines(story: Repository) -> None:
    done = story.mlv("show", "first", "-f")

    assert (done.code, done.stdout) == (0, "hello\n")
    assert normalize(done.stderr) == (
        "oops\nnote: run first finished, 0.0s, accuracy 0.5, loss 1\n"
    )


def test_show_follow_ends_when_the_run_is_lost(repo: Repository) -> None:
    live = begin(repo, "going-on")
    print_line(live, "one")
    with recorded_elsewhere(live) as recorder, _follow(repo) as process:
        assert process.stdout is not None
        process.stdout.readline()
        recorder.kill()
        recorder.wait()
        _, err = process.communicate()

    assert process.returncode == 0
    assert "run going-on was lost" in err
    assert "mlv recover" in err


def test_show_follow_leaves_the_run_alone_when_interrupted(repo: Repository) -> None:
    live = begin(repo, "going-on")
    print_line(live, "one")
    with _follow(repo) as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.send_signal(signal.SIGINT)
        process.communicate()

    assert process.returncode == 130
    assert repo.mlv("show", "going-on", "--json").json["run"]["status"] == "running"


def test_show_refuses_options_that_do_not_go_together(story: Repository) -> None:
    assert story.mlv("show", "--log", "--follow").code == 2
