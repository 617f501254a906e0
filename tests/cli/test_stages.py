from __future__ import annotations

import pytest

from tests.support.repository import Repository

_STAGES = """\
stages:
  train:
    cmd: python train.py --lr 0.1
    inputs: [data/*.csv]
    outputs: [model.txt]
    params: ["conf.yaml:seed"]
    metrics: [result.json]
    tolerance: {acc: {abs: 0.5}}
  steps:
    cmd: |
      echo one
      false
      echo two
  words:
    cmd: printf '%s|' "$@"; pwd
"""
_TRAIN = """\
import sys
from pathlib import Path
Path("model.txt").write_text(" ".join(sys.argv[1:]))
Path("result.json").write_text('{"acc": 0.5}')
print(Path("data/a.csv").read_text())
"""


@pytest.fixture
def staged(repo: Repository) -> Repository:
    repo.write("mlv.yaml", _STAGES)
    repo.write("train.py", _TRAIN)
    repo.write("conf.yaml", "seed: 1\nother: 2\n")
    repo.write(".gitignore", "data/\n")
    for name in "ab":
        repo.write(f"data/{name}.csv", name)
    repo.write("sub/x", "")
    repo.commit("stages")
    return repo


def test_stage_runs_at_the_root_with_what_it_declares(staged: Repository) -> None:
    done = staged.mlv("run", "-q", "-t", "x", "train", directory="sub")

    run = staged.find("last")
    assert (done.code, done.stdout) == (0, "a\n")
    assert run.command.argv == ("sh", "-c", "python train.py --lr 0.1")
    assert (run.command.stage, run.command.directory, run.tags) == ("train", ".", ("x",))
    assert {each.path: each.source for each in run.inputs} == {
        "data/a.csv": "both",
        "data/b.csv": "declared",
    }
    assert {each.path for each in run.outputs} == {"model.txt", "result.json"}
    assert {source.name: source.values for source in run.params} == {
        "conf.yaml": {"seed": 1},
        "command": {"lr": 0.1},
    }
    assert run.metrics["acc"].source == "result.json"
    assert run.metric_policies["acc"].tolerance is not None


def test_options_are_added_to_those_of_the_stage(staged: Repository) -> None:
    staged.mlv("run", "-q", "-o", "more.txt", "-p", "../params.yaml", "train", directory="sub")

    run = staged.find("last")
    assert [source.name for source in run.params] == ["conf.yaml", "params.yaml", "command"]
    assert run.problems == ("output sub/more.txt was declared, but the command did not write it",)


def test_words_after_a_stage_are_added_to_its_command(staged: Repository) -> None:
    staged.mlv("run", "-q", "train", "--name", "a b")

    assert staged.read("model.txt") == "--lr 0.1 --name a b"
    assert staged.find("last").params[-1].values == {"lr": 0.1, "name": "a b"}


def test_words_after_a_stage_go_where_it_wants_them(staged: Repository) -> None:
    done = staged.mlv("run", "-q", "words", "a b", "--c")

    assert done.stdout == f"a b|--c|{staged.root}\n"


def test_stage_of_several_lines_ends_with_the_first_that_fails(staged: Repository) -> None:
    done = staged.mlv("run", "-q", "steps")

    assert (done.code, done.stdout, staged.find("last").status) == (1, "one\n", "failed")


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (
            ("steps", "x"),
            (
                125,
                (
                    "error: stage 'steps' is more than one command, so 'x' has no place\n"
                    'hint: write "$@" where it belongs in the cmd of the stage\n'
                ),
            ),
        ),
        (
            ("trai",),
            (127, "error: command 'trai' not found\nhint: did you mean the stage 'train'?\n"),
        ),
        (
            ("--", "train"),
            (127, "error: command 'train' not found\nhint: did you mean the stage 'train'?\n"),
        ),
    ],
)
def test_stage_that_cannot_run(
    staged: Repository, words: tuple[str, ...], error: tuple[int, str]
) -> None:
    assert staged.mlv("run", *words).error == error
    assert staged.runs() == ()


def test_stage_goes_before_a_program_of_that_name(staged: Repository) -> None:
    staged.write("mlv.yaml", "stages: {echo: {cmd: printf stage}}\n")

    assert staged.mlv("run", "-q", "echo").stdout == "stage"
    assert staged.mlv("run", "-q", "--", "echo", "program").stdout == "program\n"


def test_run_alone_lists_the_stages(staged: Repository) -> None:
    done = staged.mlv("run")

    assert [line.split() for line in done.stdout.splitlines()] == [
        ["stage", "command"],
        ["train", "python", "train.py", "--lr", "0.1"],
        ["steps", "echo", "one", "..."],
        ["words", "printf", "'%s|'", '"$@";', "pwd"],
    ]


@pytest.mark.parametrize(
    ("line", "expected"), [("mlv run st", ["steps"]), ("mlv run train st", []), ("mlv ru", ["run"])]
)
def test_shell_completes_stages(staged: Repository, line: str, expected: list[str]) -> None:
    variables = {
        "_MLV_COMPLETE": "complete_bash",
        "COMP_WORDS": line,
        "COMP_CWORD": str(len(line.split()) - 1),
    }

    assert staged.mlv(variables=variables).stdout.split() == expected


def test_mistakes_in_stages_are_told_all_at_once(repo: Repository) -> None:
    repo.write(
        "mlv.yaml",
        """\
        stages:
          train:
            cmd: python train.py
            inpts: [a]
            outputs: x
            tolerance: {acc: {abs: -1}}
          eval:
            inputs: []
          bad: {cmd: ""}
        metrics: {acc: {gaol: maximize}}
        tsages: {}
        """,
    )

    assert repo.mlv("run", "train").error == (
        125,
        (
            "error: mlv.yaml:4: unknown key 'inpts'\n"
            "mlv.yaml:5: outputs: expected a list, got a text\n"
            "mlv.yaml:6: abs: expected a number >= 0.0\n"
            "mlv.yaml:7: eval has no 'cmd'\n"
            "mlv.yaml:9: cmd: expected a text that is not empty\n"
            "mlv.yaml:10: unknown key 'gaol'\n"
            "mlv.yaml:11: unknown key 'tsages'\n"
            "hint: did you mean 'inputs'?\n"
        ),
    )


@pytest.mark.parametrize(
    ("declared", "message"),
    [
        ("inputs: [data]", "input 'data' of stage 'train' is not there"),
        ("params: ['conf.yaml:seed']", "params file 'conf.yaml' of stage 'train' is not there"),
    ],
)
def test_file_of_a_stage_that_is_missing_is_one_of_mlv_yaml(
    repo: Repository, declared: str, message: str
) -> None:
    repo.write("mlv.yaml", f"stages: {{train: {{cmd: ls, {declared}}}}}\n")
    hint = "see the stage 'train' in mlv.yaml"
    assert repo.mlv("run", "train").error == (125, f"error: {message}\nhint: {hint}\n")


def test_key_without_a_value_means_none(repo: Repository) -> None:
    repo.write("mlv.yaml", "stages:\n  ls:\n    cmd: ls\n    inputs:\nmetrics:\n")
    assert repo.mlv("run").stdout.split() == ["stage", "command", "ls", "ls"]


def test_option_without_a_command_names_the_stages(staged: Repository) -> None:
    assert staged.mlv("run", "--set", "seed=1").error == (
        125,
        (
            "error: missing argument 'COMMAND'\n"
            "hint: name a command or a stage: train, steps, words\n"
        ),
    )
