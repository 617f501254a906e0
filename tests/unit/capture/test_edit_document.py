from __future__ import annotations

import pytest

from mlv.capture.documents.edit_document import parse_value, set_value
from mlv.errors import UsageError

_YAML = """\
# how to train
train:
  lr: 0.1   # the rate
  'batch size': 32
  layers: [64, 32]  # widths
  steps:
    - 1
    - 2   # last
  name: "adam"
  empty:
  text: |
    several
    lines
  after: 1
other: &o {lr: 1, deep: {x: ünï}}
seed: 1"""

_TOML = """\
seed = 1  # the seed
[train]
lr = 0.1 # rate
opt.name = 'adam'
"batch size" = 32
layers = [
  64,  # first
  32,
]
at = 2024-01-02
[train.deep]
x = "a # b"
[[list]]
lr = 3
"""

_JSON = '{\n  "train": {"lr": 0.1, "b,}": [1, {"lr": 2}], "name": "a\\"b"},\n  "seed": 1\n}\n'


@pytest.mark.parametrize(
    ("keys", "typed", "old", "new"),
    [
        ("train.lr", "0.2", "lr: 0.1   # the", "lr: 0.2   # the"),
        ("train.lr", "1e-3", "lr: 0.1   # the", "lr: 1e-3   # the"),
        ("train.lr", "1.0", "lr: 0.1   # the", "lr: 1.0   # the"),
        ("train.batch size", "64", "'batch size': 32", "'batch size': 64"),
        ("train.layers", "[1, 2]", "[64, 32]  # widths", "[1, 2]  # widths"),
        ("train.layers", "none", "[64, 32]  # widths", "none  # widths"),
        ("train.steps", "[3]", "- 1\n    - 2   # last", "[3]   # last"),
        ("train.name", "sgd", '"adam"', "sgd"),
        ("train.name", "'a: b # c'", '"adam"', '"a: b # c"'),
        ("train.name", "'1'", '"adam"', "'1'"),
        ("train.empty", "3", "empty:", "empty: 3"),
        ("train.text", "short", "|\n    several\n    lines\n", "short\n"),
        ("other.lr", "2", "{lr: 1,", "{lr: 2,"),
        ("other.deep.x", "[a, null]", "ünï", "[a, null]"),
        ("seed", "12345678901234567890123", "seed: 1", "seed: 12345678901234567890123"),
        ("seed", "", "seed: 1", "seed: "),
    ],
)  # fmt: skip
def test_value_of_yaml_is_changed_alone(keys: str, typed: str, old: str, new: str) -> None:
    assert set_value(_YAML, "p.yaml", ".yaml", keys.split("."), typed) == _YAML.replace(old, new)


@pytest.mark.parametrize(
    ("keys", "typed", "old", "new"),
    [
        ("seed", "2", "seed = 1  #", "seed = 2  #"),
        ("train.lr", "1e-3", "lr = 0.1 #", "lr = 1e-3 #"),
        ("train.opt.name", "sgd", "'adam'", '"sgd"'),
        ("train.batch size", "64", "= 32\n", "= 64\n"),
        ("train.layers", "[1]", "[\n  64,  # first\n  32,\n]", "[1]"),
        ("train.at", "2025-01-02", "2024-01-02", "2025-01-02"),
        ("train.deep.x", "true", '"a # b"', "true"),
    ],
)
def test_value_of_toml_is_changed_alone(keys: str, typed: str, old: str, new: str) -> None:
    assert set_value(_TOML, "p.toml", ".toml", keys.split("."), typed) == _TOML.replace(old, new)


@pytest.mark.parametrize(
    ("keys", "typed", "old", "new"),
    [
        ("train.lr", "2", "0.1", "2"),
        ("train.name", "x", '"a\\"b"', '"x"'),
        ("train.b,}", "[1, a]", '[1, {"lr": 2}]', '[1, "a"]'),
        ("seed", "null", "1\n}", "null\n}"),
        ("seed", "yes", "1\n}", "true\n}"),
    ],
)
def test_value_of_json_is_changed_alone(keys: str, typed: str, old: str, new: str) -> None:
    assert set_value(_JSON, "p.json", ".json", keys.split("."), typed) == _JSON.replace(old, new)


def test_equal_value_leaves_the_text_as_it_is() -> None:
    assert set_value(_YAML, "p.yaml", ".yaml", ["train", "lr"], "0.10") == _YAML


@pytest.mark.parametrize(
    ("suffix", "text", "keys"),
    [
        (".yaml", "base: &b {lr: 1}\nrun:\n  <<: *b\n", ["run", "lr"]),
        (".yaml", "lr: &lr 0.1\nother: *lr\n", ["other"]),
        (".yaml", "lr: &lr 0.1\nother: *lr\n", ["lr"]),
        (".toml", "train = {lr = 1}\n", ["train", "lr"]),
        (".toml", "a = 1\n", ["a"]),
    ],
)
def test_value_that_cannot_be_changed_alone_is_refused(
    suffix: str, text: str, keys: list[str]
) -> None:
    typed = "null" if text == "a = 1\n" else "5"
    with pytest.raises(UsageError, match="without changing more than that"):
        set_value(text, f"p{suffix}", suffix, keys, typed)


@pytest.mark.parametrize("typed", ["{a: 1}", "a: 1", "[1", "!!python/name:os.x"])
def test_value_that_is_no_scalar_or_list_is_refused(typed: str) -> None:
    with pytest.raises(UsageError):
        parse_value(typed)
