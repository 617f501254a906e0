from __future__ import annotations

import pytest

from tests.support.repository import Repository, normalize

_PARAMS = """\
# all of them
train:
  lr: 0.1  # the rate
  layers: [64, 32]
seed: 1
"""


@pytest.fixture
def tuned(repo: Repository) -> Repository:
    repo.write("params.yaml", _PARAMS)
    repo.commit("params")
    return repo


def test_set_changes_the_file_in_place_and_keeps_the_rest(tuned: Repository) -> None:
    done = tuned.mlv("run", "--set", "train.lr=0.2", "--set", "seed=2", "cat", "params.yaml")

    expected = _PARAMS.replace("0.1", "0.2").replace("seed: 1", "seed: 2")
    assert (tuned.read("params.yaml"), done.stdout) == (expected, expected)
    (source,) = tuned.find("last").params
    assert source.values == {"train": {"lr": 0.2, "layers": [64, 32]}, "seed": 2}
    assert normalize(done.stderr).splitlines()[0] == (
        "note: set in params.yaml: train.lr 0.1 -> 0.2, seed 1 -> 2"
        " (`mlv undo DIGEST` sets it back)"
    )


def test_undo_sets_params_back(tuned: Repository) -> None:
    done = tuned.mlv("run", "--set", "train.lr=0.2", "true")
    (word,) = [word for word in done.stderr.split("`") if word.startswith("mlv undo")]

    assert tuned.mlv(*word.split()[1:]).code == 0
    assert tuned.read("params.yaml") == _PARAMS


def test_set_to_the_same_value_changes_nothing(tuned: Repository) -> None:
    done = tuned.mlv("run", "--set", "train.lr=0.10", "true")

    assert (tuned.read("params.yaml"), "set in" in done.stderr) == (_PARAMS, False)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            ("--set", "train.new=1"),
            (
                "there is no param 'train.new' in params.yaml\n"
                "hint: there are train.lr, train.layers, seed"
            ),
        ),
        (
            ("--set", "layers=1"),
            "there is no param 'layers' in params.yaml\nhint: did you mean 'train.layers'?",
        ),
        (
            ("--set", "train.rl=1"),
            "there is no param 'train.rl' in params.yaml\nhint: did you mean 'train.lr'?",
        ),
        (
            ("--set", "train=1"),
            (
                "'train' in params.yaml is a group of params\n"
                "hint: set one of train.lr, train.layers"
            ),
        ),
        (
            ("--set", "seed"),
            "'seed' is not of the form KEY=VALUE\nhint: write for example --set train.lr=0.1",
        ),
        (
            ("--set", "seed={a: 1}"),
            (
                "a value is a scalar or a list, and '{a: 1}' is a mapping\n"
                "hint: set its keys one by one, as GROUP.KEY=VALUE"
            ),
        ),
        (
            ("--set", "conf.yaml:seed=1"),
            "'conf.yaml' is no params file of this command\nhint: params files are params.yaml",
        ),
        (
            ("-p", "params.yaml", "-p", "b.json", "--set", "seed=3"),
            (
                "'seed' is in several params files: params.yaml, b.json\n"
                "hint: say which: --set params.yaml:seed=3"
            ),
        ),
        (
            ("-p", "params.yaml:train", "--set", "seed=3"),
            (
                "there is no param 'seed' in params.yaml\n"
                "hint: there are train.lr, train.layers"
            ),
        ),
        (
            ("--set", "seed=2", "--require-clean"),
            (
                "--set changes a params file, so the code would not be clean\n"
                "hint: add --isolated: then only the run's copy changes"
            ),
        ),
    ],
)  # fmt: skip
def test_set_that_makes_no_sense_changes_nothing(
    tuned: Repository, options: tuple[str, ...], message: str
) -> None:
    tuned.write("b.json", '{"seed": 1}')
    before = tuned.state()

    assert tuned.mlv("run", *options, "true").error == (125, f"error: {message}\n")
    assert tuned.state() == before


def test_file_can_be_named(tuned: Repository) -> None:
    tuned.write("b.json", '{"seed": 1}')

    tuned.mlv("run", "-q", "-p", "params.yaml", "-p", "b.json", "--set", "b.json:seed=3", "true")

    assert (tuned.read("b.json"), tuned.read("params.yaml")) == ('{"seed": 3}', _PARAMS)


def test_file_with_a_secret_is_changed_without_being_stored(tuned: Repository) -> None:
    tuned.write("params.yaml", "lr: 1\napi_key: abc\n")

    done = tuned.mlv("run", "--set", "lr=2", "--set", "api_key=def", "true")

    assert tuned.read("params.yaml") == "lr: 2\napi_key: def\n"
    first = "note: set in params.yaml: lr 1 -> 2, api_key *** -> ***"
    assert done.stderr.splitlines()[0] == first
    assert len(tuned.open().operations.read()) == 1


def test_command_that_is_not_found_leaves_params_alone(tuned: Repository) -> None:
    assert tuned.mlv("run", "--set", "seed=2", "nonesuch").code == 127
    assert tuned.read("params.yaml") == _PARAMS
