from __future__ import annotations

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
