from __future__ import annotations

import csv
import io
import os
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from mlv.capture.journal.writer import JournalWriter
from tests.integration.app.live_runs import begin, lose, seal
from tests.support.repository import Repository


@pytest.fixture
def logged(repo: Repository) -> Repository:
    """A run that logged params, two series and an attachment, and has a note."""
    live = begin(repo, "logged", tags=("x",), note="a, b")
    writer = JournalWriter(str(live.directory))
    writer.log_params({"big": 2**70, "on": True, "none": None, "list": [1, "a"], "text": "1"})
    writer.log({"loss": 0.5, "n": 2**60 + 1}, 1)
    writer.log({"loss": float("nan")}, 2)
    writer.close()
    attachment = live.directory / "attachments" / "plots" / "roc.svg"
    attachment.parent.mkdir(parents=True)
    attachment.write_text("<svg/>")
    seal(repo, live)
    return repo


def _rows(text: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(text)))


def test_export_gives_params_metrics_and_identity_as_json(logged: Repository) -> None:
    found = logged.mlv("export", "logged").json

    assert (found["schema"], found["name"], found["tags"]) == ("mlv-export 1", "logged", ["x"])
    params = {"big": 2**70, "list": [1, "a"], "lr": 0.1, "none": None, "on": True, "text": "1"}
    assert found["params"] == params
    assert found["metrics"] == {"loss": "nan", "n": 2**60 + 1}


def test_export_as_csv_gives_names_and_values(logged: Repository) -> None:
    done = logged.mlv("export", "logged", "--format", "csv")

    rows = dict(_rows(done.stdout))
    names = ("name", "params.big", "params.on", "params.none", "params.list", "params.text")
    assert [rows[name] for name in names] == [
        "logged",
        str(2**70),
        "true",
        "",
        '[1,"a"]',
        "1",
    ]
    assert (rows["note"], rows["metrics.n"], done.code) == ("a, b", str(2**60 + 1), 0)


def test_export_of_series_has_a_row_for_each_point(logged: Repository) -> None:
    header, *rows = _rows(logged.mlv("export", "logged", "--series").stdout)

    assert header == ["series", "step", "time", "value"]
    assert [[row[0], row[1], row[3]] for row in rows] == [
        ["loss", "1", "0.5"],
        ["loss", "2", "nan"],
        ["n", "1", str(2**60 + 1)],
    ]
    assert all(row[2].startswith("20") and row[2].endswith("Z") for row in rows)


def test_export_of_series_as_json_lines_is_one_document_a_line(logged: Repository) -> None:
    done = logged.mlv("export", "logged", "n", "loss", "--series", "--format", "jsonl")

    lines = done.stdout.splitlines()
    assert [line.split('"time"')[0] for line in lines] == [
        '{"series":"n","step":1,',
        '{"series":"loss","step":1,',
        '{"series":"loss","step":2,',
    ]
    assert lines[2].endswith('"value":"nan"}')


def test_export_of_series_as_parquet_keeps_whole_numbers(logged: Repository) -> None:
    assert logged.mlv("export", "logged", "n", "--series", "-o", "n.parquet").code == 0
    assert logged.mlv("export", "logged", "--series", "-o", "all.parquet").code == 0

    whole = pq.read_table(logged.root / "n.parquet")
    everything = pq.read_table(logged.root / "all.parquet")
    assert whole.column_names == ["series", "step", "time", "value"]
    assert whole.column("value").to_pylist() == [2**60 + 1]
    assert everything.column("whole").to_pylist() == [None, None, 2**60 + 1]


def test_export_of_a_lost_run_has_what_it_logged(repo: Repository) -> None:
    live = begin(repo, "lost")
    JournalWriter(str(live.directory)).log({"loss": 1}, 3)
    lose(live)

    assert repo.mlv("export", "last").json["status"] == "lost"
    assert _rows(repo.mlv("export", "--series").stdout)[1][:2] == ["loss", "3"]


def test_export_of_a_nested_run_that_goes_on_has_what_it_logged(repo: Repository) -> None:
    live = begin(repo, "outer")
    child = live.directory / "nested" / live.start.id.replace(live.start.id[-4:], "zzzz")
    child.mkdir(parents=True)
    writer = JournalWriter(str(child))
    begun = {"name": "trial", "parent": live.start.id, "time_ns": 10**18}
    writer._add_event("begin", begun)  # noqa: SLF001
    writer.log({"loss": 1}, 3)

    found = repo.mlv("export", "trial").json
    assert (found["parent"], found["status"], found["metrics"]) == (
        live.start.id,
        "running",
        {"loss": 1},
    )


def test_export_of_attachments_writes_them_below_a_directory(logged: Repository) -> None:
    done = logged.mlv("export", "logged", "--attachments", "out")

    assert (done.code, done.stdout) == (0, "out/plots/roc.svg\n")
    assert logged.read("out/plots/roc.svg") == "<svg/>"
    again = logged.mlv("export", "logged", "--attachments", "out")
    assert again.error == (
        3,
        "error: 'out/plots/roc.svg' exists already\nhint: name another one, or remove it first\n",
    )


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("nobody",), 3, "there is no run 'nobody'"),
        (("--series", "loss"), 3, "mlv export last --series loss"),
        (("last", "los", "--series"), 3, "did you mean 'loss'?"),
        (("last", "loss"), 2, "mlv export last --series loss"),
        (("last", "--format", "parquet"), 2, "mlv export last --series --format parquet"),
        (("last", "--series", "--format", "json"), 2, "mlv export last --series --format jsonl"),
        (("last", "--attachments", "x", "--series"), 2, "--attachments goes with none"),
        (("last", "-o", "params.yaml"), 3, "'params.yaml' exists already"),
        (("last", "-o", "no/such.json"), 3, "cannot write 'no/such.json'"),
    ],
)
def test_export_says_what_is_wrong(
    logged: Repository, arguments: tuple[str, ...], code: int, message: str
) -> None:
    done = logged.mlv("export", *arguments)

    assert (done.code, done.stdout) == (code, "")
    assert message in done.stderr


def test_export_into_a_closed_pipe_ends_quietly(logged: Repository) -> None:
    read, write = os.pipe()
    os.close(read)
    command = [sys.executable, "-m", "mlv", "export", "logged", "--series"]

    done = subprocess.run(command, cwd=logged.root, stdout=write, stderr=-1, check=False)

    os.close(write)
    assert (done.returncode, done.stderr) == (141, b"")


def test_export_that_fails_leaves_no_file(logged: Repository, tmp_path: Path) -> None:
    limited = "import resource, runpy; resource.setrlimit(resource.RLIMIT_FSIZE, (10, 10));"
    program = f"{limited} runpy.run_module('mlv', run_name='__main__', alter_sys=True)"
    command = [sys.executable, "-c", program, "export", "logged", "-o", "x.json"]

    done = subprocess.run(command, cwd=logged.root, capture_output=True, text=True, check=False)

    assert (done.returncode, done.stderr) == (3, "error: cannot write 'x.json': file too large\n")
    assert not (logged.root / "x.json").exists()
