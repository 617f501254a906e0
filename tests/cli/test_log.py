from __future__ import annotations

import csv

import pytest

from mlv.capture.journal.writer import JournalWriter
from tests.integration.app.live_runs import begin, lose
from tests.support.repository import Repository, normalize
from tests.support.stored_objects import damage_object


def test_log_shows_metrics_and_the_params_that_differ(story: Repository) -> None:
    done = story.mlv("log")
    assert (done.code, done.stderr) == (0, "")
    lines = [line.split() for line in normalize(done.stdout).splitlines()]
    code = story.git("rev-parse", "HEAD")[:8]
    assert lines == [
        ["id", "name", "status", "started", "time", "code", "accuracy", "loss", "layers", "lr"],
        ["SHORT", "second", "finished", "0", "s", "ago", "0.0s", f"{code}*", "0.75", "0.9",
         "[64,10]", "0.2"],
        ["SHORT", "first", "finished", "0", "s", "ago", "0.0s", code, "0.5", "1", "-", "0.1"],
    ]  # fmt: skip


def test_log_limits_and_selects(story: Repository) -> None:
    done = story.mlv("log", "-l", "1", "--columns", "lr,loss", "--format", "md")
    assert done.stderr == "1 older run not shown: --limit 0 shows all\n"
    header, _, row = done.stdout.splitlines()
    assert header == "| id | name | status | started | time | code | lr | loss |"
    assert row.endswith("| 0.2 | 0.9 |")


def test_log_as_csv_is_exact(story: Repository) -> None:
    done = story.mlv("log", "--format", "csv")
    second, first = csv.DictReader(done.stdout.splitlines())
    run = story.find("second")
    assert (second["id"], second["started"]) == (run.id, run.started_at.isoformat())
    assert (second["time"], second["layers"]) == (str(run.duration_s), "[64,10]")
    assert (first["accuracy"], first["layers"]) == ("0.5", "")


def test_log_refuses_an_unknown_column(story: Repository) -> None:
    done = story.mlv("log", "--columns", "acuracy")
    assert done.error == (
        2,
        "error: no listed run has a param or metric 'acuracy'\nhint: did you mean 'accuracy'?\n",
    )


def test_log_as_json(story: Repository) -> None:
    found = story.mlv("log", "--json").json
    assert found["schema"] == "mlv-runs 1"
    assert (found["metrics"], found["params"]) == (["accuracy", "loss"], ["layers", "lr"])
    assert [run["name"] for run in found["runs"]] == ["second", "first"]
    assert found["runs"][1]["tags"] == ["base"]


def test_log_without_runs_says_how_to_record_one(repo: Repository) -> None:
    done = repo.mlv("log")
    assert done.error == (0, "no run is recorded yet: record one with `mlv run COMMAND`\n")


def test_log_shows_a_damaged_record_as_such(story: Repository) -> None:
    run = story.find("first")
    operations = story.mlv("op", "log", "--json").json["operations"]
    record = operations[-1]["logged"]["operation"]["change"]["record"]["digest"]
    damage_object(story.root / ".mlv", record)
    done = story.mlv("log")
    assert done.code == 7
    assert [line.split()[1] for line in done.stdout.splitlines()] == ["name", "second"]
    assert done.stderr.startswith(f"error: run {run.id} is not shown: ")
    shown = story.mlv("show", run.id[:12])
    assert shown.code == 7
    assert shown.stderr.startswith(f"error: the record of run {run.id} cannot be read: ")


def test_log_shows_the_runs_that_a_filter_chooses(story: Repository) -> None:
    done = story.mlv("log", "--where", "metrics.accuracy > 0.6", "--format", "csv")
    assert [row["name"] for row in csv.DictReader(done.stdout.splitlines())] == ["second"]
    assert story.mlv("log", "-w", "params.lr = 5").error == (0, "no run matches the filter\n")


def test_log_refuses_a_filter_that_makes_no_sense(story: Repository) -> None:
    code, message = story.mlv("log", "--where", "acuracy > 0.6").error
    assert (code, message.splitlines()) == (
        2,
        [
            (
                "error: the filter 'acuracy > 0.6' cannot be understood: 'acuracy' is none of id,"
                " name, status, kind, parent, user, started_at, duration_s, tags, params.NAME,"
                " metrics.NAME"
            ),
            "hint: write it like `metrics.accuracy > 0.9 and params.lr == 0.1`",
        ],
    )


def test_log_sorts_by_a_column(story: Repository) -> None:
    names = [
        [run["name"] for run in story.mlv("log", "--sort", column, "--json").json["runs"]]
        for column in ("accuracy", "-accuracy", "-layers", "started_at")
    ]
    assert names == [
        ["first", "second"],
        ["second", "first"],
        ["second", "first"],
        ["first", "second"],
    ]


def test_log_refuses_to_sort_by_what_no_run_has(story: Repository) -> None:
    message = "no run has a metric or param 'acuracy' to sort by"
    assert story.mlv("log", "--sort", "-acuracy").error == (
        2,
        f"error: {message}\nhint: did you mean 'accuracy'?\n",
    )


@pytest.mark.parametrize("status", ["running", "lost"])
def test_log_shows_what_a_run_without_a_record_logged_so_far(repo: Repository, status: str) -> None:
    repo.shell("true", name="sealed")
    live = begin(repo, "given")
    writer = JournalWriter(str(live.directory))
    writer.log_params({"depth": 3})
    writer.set_name("own")
    writer.add_tags(["hot"])
    writer.log({"loss": 0.5, "system/cpu": 3}, 1)
    writer.log({"loss": 0.25}, 2)
    if status == "lost":
        lose(live)

    where = "metrics.loss < 0.3 and params.depth == 3 and 'hot' in tags"
    (shown,) = repo.mlv("log", "--where", where, "--json").json["runs"]
    assert (shown["name"], shown["status"], shown["duration_s"]) == ("own", status, None)
    assert (shown["tags"], shown["metrics"]) == (["hot"], {"loss": 0.25})
    names = [run["name"] for run in repo.mlv("log", "--sort", "-loss", "--json").json["runs"]]
    assert names == ["own", "sealed"]


def test_log_shows_runs_inside_one_that_goes_on(repo: Repository) -> None:
    live = begin(repo, "outer")
    for end, event in (("yyyy", None), ("zzzz", {"failed": True, "time_ns": 10**18 + 1})):
        child = live.directory / "nested" / live.start.id.replace(live.start.id[-4:], end)
        child.mkdir(parents=True)
        writer = JournalWriter(str(child))
        writer._add_event("begin", {"name": end, "time_ns": 10**18})  # noqa: SLF001
        writer.log({"loss": 0.5}, 1)
        if event:
            writer._add_event("end", event)  # noqa: SLF001

    rows = [line.split() for line in repo.mlv("log").stdout.splitlines()]
    assert [(row[1], row[2]) for row in rows[1:]] == [
        ("outer", "running"),
        (">", "zzzz"),
        (">", "yyyy"),
    ]
    statuses = {run["name"]: run["status"] for run in repo.mlv("log", "--json").json["runs"]}
    assert statuses == {"outer": "running", "yyyy": "running", "zzzz": "failed"}


def test_log_shows_so_many_columns_and_says_how_many_more_there_are(repo: Repository) -> None:
    for seed in (1, 2):
        repo.write("params.yaml", "".join(f"p{n:03}: {seed + n}\n" for n in range(300)))
        repo.shell("true")
    done = repo.mlv("log")
    assert done.stdout.splitlines()[0].split()[6:] == [f"p{n:03}" for n in range(12)]
    assert done.stderr == "288 more columns: --columns NAME,... or --format csv\n"
    whole = repo.mlv("log", "--format", "csv")
    assert (len(whole.stdout.splitlines()[0].split(",")), whole.stderr) == (306, "")


def test_odd_names_stay_on_one_line(repo: Repository) -> None:
    repo.write("params.yaml", f'"a\\nb": "x\\ty"\nlong: {"v" * 300}\n')
    done = repo.mlv("run", "-n", "one\ntwo" + "n" * 60, "true")
    name = "one\\ntwo" + "n" * 51 + "…"
    assert done.stderr.startswith(f"note: recorded run {name}: finished in ")
    assert repo.mlv("log").stdout.splitlines()[1].split()[1] == name
    shown = repo.mlv("show", "last").stdout
    assert "  a\\nb  x\\ty  (params.yaml)\n" in shown
    assert f"  long  {'v' * 199}…  (params.yaml)\n" in shown
