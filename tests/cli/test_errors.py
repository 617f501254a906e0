"""What every command does when it cannot do what it is asked."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from tests.support.repository import Repository
from tests.support.stored_objects import damage_object


def test_bare_mlv_prints_the_commands(repo: Repository) -> None:
    done = repo.mlv()
    assert done.code == 2
    assert "Usage: mlv [OPTIONS] COMMAND [ARGS]..." in done.stderr
    assert "\n  reproduce  Make a run again, and say whether it came out the same.\n" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("rnu",), "error: no such command 'rnu'\nhint: did you mean 'run'?\n"),
        (("log", "--limt", "3"), "error: no such option: --limt\nhint: did you mean --limit?\n"),
        (("--verson",), "error: no such option: --verson\nhint: did you mean --version?\n"),
        (("diff",), "error: missing argument 'RUN'\nhint: see `mlv diff --help`\n"),
        (
            ("show", "best:speed"),
            (
                "error: mlv does not know whether a high or a low 'speed' is better\n"
                "hint: say so in mlv.yaml: metrics: {speed: {goal: maximize}}\n"
            ),
        ),
    ],
)
def test_usage_error(repo: Repository, arguments: tuple[str, ...], message: str) -> None:
    if "best:speed" in arguments:
        repo.shell("echo '{\"speed\": 1}' > metrics.json")
    assert repo.mlv(*arguments).error == (2, message)


@pytest.mark.parametrize(
    ("command", "message"),
    [
        (("show", "secnd"), "error: there is no run 'secnd'\nhint: did you mean 'second'?\n"),
        (
            ("reproduce", "last~5"),
            (
                "error: there is no run 'last~5': only 2 runs are recorded\n"
                "hint: list them with `mlv log`\n"
            ),
        ),
        (
            ("diff", "tag:nope"),
            "error: no run has the tag 'nope'\nhint: list runs with `mlv log`\n",
        ),
        (
            ("rollback", "best:acuracy"),
            "error: no run has a value of the metric 'acuracy'\nhint: did you mean 'accuracy'?\n",
        ),
        (
            ("undo", "ffff"),
            "error: operation 'ffff' does not exist\nhint: list operations with `mlv op log`\n",
        ),
    ],
)
def test_unknown_run(story: Repository, command: tuple[str, ...], message: str) -> None:
    before = story.state()
    assert story.mlv(*command).error == (3, message)
    assert story.state() == before


def test_ambiguous_run_lists_the_candidates(repo: Repository) -> None:
    for _ in range(2):
        repo.shell("true", name="same")
    code, message = repo.mlv("show", "same").error
    first, second = (run.id for run in repo.runs())
    assert code == 3
    assert message.startswith("error: run 'same' is ambiguous: it matches 01")
    listed = [word for word in message.split() if word.startswith("01")]
    assert first.startswith(listed[0])
    assert second.startswith(listed[1])
    hint = "hint: give more characters, or list runs with `mlv log --limit 20`\n"
    assert message.endswith(hint)


@pytest.mark.parametrize("command", ["log", "show", "recover", "undo", "op log"])
def test_every_command_needs_a_store(bare_repository: Repository, command: str) -> None:
    root = bare_repository.root
    before = bare_repository.state()
    assert bare_repository.mlv(*command.split()).error == (
        3,
        f"error: there is no mlv store in {root}\nhint: create one with `mlv init`\n",
    )
    assert bare_repository.state() == before


@pytest.mark.parametrize(
    ("arguments", "code", "error", "hint"),
    [
        (("show", "nope", "--json"), 3, "there is no run 'nope'", "list runs with `mlv log`"),
        (("log", "--json", "--limt"), 2, "no such option: --limt", "did you mean --limit?"),
        (("--josn", "--json"), 2, "no such option: --josn", "see `mlv --help`"),
    ],
)
def test_error_as_json(
    story: Repository, arguments: tuple[str, ...], code: int, error: str, hint: str
) -> None:
    done = story.mlv(*arguments)
    assert (done.code, done.stdout) == (code, "")
    assert json.loads(done.stderr) == {"error": error, "hint": hint, "exit_code": code}


def test_directory_that_is_not_there(repo: Repository) -> None:
    assert repo.mlv("-C", "nowhere", "log").error == (
        3,
        "error: cannot work in 'nowhere': no such file or directory\n",
    )


def test_directory_that_was_removed(repo: Repository) -> None:
    script = f"mkdir gone; cd gone; rmdir ../gone; {sys.executable} -m mlv log"
    done = subprocess.run(
        ["sh", "-c", script], cwd=repo.root, capture_output=True, text=True, check=False
    )
    assert done.returncode == 3
    assert done.stderr.startswith("error: the current directory does not exist any more\n")


def test_closed_pipe_leaves_no_traceback(repo: Repository) -> None:
    repo.shell("true")
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run(
        [sys.executable, "-m", "mlv", "log"],
        cwd=repo.root,
        stdout=write,
        stderr=subprocess.PIPE,
        check=False,
    )
    os.close(write)
    assert (done.returncode, done.stderr) == (141, b"")


def test_bug_is_reported_with_a_traceback_in_a_file(repo: Repository) -> None:
    code = (
        "import mlv.app.look.listing as listing\n"
        "listing.list_runs = lambda *a, **k: 1 / 0\n"
        "import sys; sys.argv = ['mlv', 'log']\n"
        "from mlv.cli.main import main; main()\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=repo.root, capture_output=True, text=True, check=False
    )
    first, second = done.stderr.splitlines()
    assert done.returncode == 70
    assert first == "error: a bug in mlv: ZeroDivisionError: division by zero"
    path = second.removeprefix("hint: report it with the traceback in ")
    assert path.startswith(f"{repo.root}/.mlv/log/bug-")
    with open(path) as report:  # noqa: PTH123
        assert report.read().rstrip().endswith("ZeroDivisionError: division by zero")
    assert repo.mlv("log").code == 0


def test_damaged_object_is_found_and_named(story: Repository) -> None:
    (output, _) = story.find("first").outputs
    digest = output.fingerprint.digest
    damage_object(story.root / ".mlv", digest)
    (story.root / output.path).unlink()
    before = (story.root / "params.yaml").read_bytes()
    done = story.mlv("rollback", "first")
    assert done.code == 7
    assert digest[:12] in done.stderr
    assert (story.root / "params.yaml").read_bytes() == before


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            "metrics:\n  loss:\n    gaol: minimize\n",
            "error: mlv.yaml:3: unknown key 'gaol'\nhint: did you mean 'goal'?\n",
        ),
        (
            "metrcs: {}\n",
            "error: mlv.yaml:1: unknown key 'metrcs'\nhint: did you mean 'metrics'?\n",
        ),
        (
            "metrics:\n  loss: {goal: up}\n",
            "error: mlv.yaml:2: goal: invalid enum value 'up'\n",
        ),
        ("metrics: [1\n", "error: mlv.yaml:2:1: did not find expected ',' or ']'\n"),
        ("- 1\n", "error: mlv.yaml:1: expected a mapping, got a list\n"),
        (
            "stages: {t: python x}\n",
            "error: mlv.yaml:1: t: a stage is a mapping with `cmd`, not a text\n",
        ),
        ("stages: !x {}\n", "error: mlv.yaml:1:9: a tag that mlv does not read: '!x'\n"),
        (f"stages: {'1' * 5000}\n", "error: mlv.yaml: an integer with too many digits\n"),
    ],
)
def test_malformed_project_file(repo: Repository, content: str, message: str) -> None:
    repo.write("mlv.yaml", content)
    assert repo.mlv("log").error == (3, message)


def test_empty_project_file_is_fine(repo: Repository) -> None:
    repo.write("mlv.yaml", "# nothing yet\n")
    assert repo.mlv("log").code == 0


def test_option_with_a_wrong_choice_names_the_right_ones(repo: Repository) -> None:
    code, message = repo.mlv("log", "--format", "xml").error
    assert (code, message.splitlines()[0]) == (
        2,
        "error: invalid value for '--format': 'xml' is not one of 'table', 'md', 'csv'",
    )


def test_tag_cannot_be_empty(repo: Repository) -> None:
    assert repo.mlv("run", "-t", "", "true").error[1].startswith("error: a tag is empty\n")
