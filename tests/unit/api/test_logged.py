from __future__ import annotations

import argparse
import copy
import dataclasses
import json
import pickle
from collections.abc import Callable
from typing import Any

import pytest

from mlv.api.logged import Logged


@dataclasses.dataclass
class Model:
    depth: int = 3


Change = Callable[[Any], object]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda config: config.__setitem__("lr", 0.1), {"lr": 0.1}),
        (lambda config: setattr(config, "lr", 0.1), {"lr": 0.1}),
        (lambda config: config.setdefault("lr", 0.1), {"lr": 0.1}),
        (lambda config: config.update(lr=0.1), {"lr": 0.1}),
        (lambda config: config.update({"lr": 0.1}, allow_val_change=True), {"lr": 0.1}),
        (lambda config: config.update(argparse.Namespace(lr=0.1)), {"lr": 0.1}),
        (lambda config: config.update(Model()), {"depth": 3}),
        (lambda config: config.train.__setitem__("lr", 0.1), {"train": {"lr": 0.1}}),
        (lambda config: setattr(config.train.adam, "eps", 1), {"train": {"adam": {"eps": 1}}}),
        (lambda config: config["train"].update(lr=0.1), {"train": {"lr": 0.1}}),
    ],
)
def test_change_is_told_with_its_place(change: Change, told: object) -> None:
    heard: list[object] = []
    config = Logged(heard.append)
    config.update({"train": {"adam": {"eps": 0}}})
    heard.clear()
    change(config)
    assert heard == [told]


def test_nested_values_are_attributes_and_items() -> None:
    config = Logged()
    config.update({"train": {"lr": 0.1}, "model": Model()})
    assert (config.train.lr, config["train"]["lr"], config.model.depth) == (0.1, 0.1, 3)
    with pytest.raises(AttributeError, match="nope"):
        _ = config.nope
    with pytest.raises(KeyError, match="nope"):
        config["nope"]


def test_nested_mapping_that_is_set_again_adds_to_what_is_there() -> None:
    config = Logged()
    config["train"] = {"lr": 0.1, "steps": 5}
    config["train"] = {"lr": 0.2}
    assert config == {"train": {"lr": 0.2, "steps": 5}}


def test_config_is_a_dict_for_others() -> None:
    config = Logged()
    config.update({"train": {"lr": 0.1}})
    assert json.dumps(config) == '{"train": {"lr": 0.1}}'
    assert dict(**config.train) == {"lr": 0.1}
    plain = config.as_dict()
    assert (plain, type(plain["train"])) == ({"train": {"lr": 0.1}}, dict)


@pytest.mark.parametrize(
    "copied",
    [copy.deepcopy, lambda config: pickle.loads(pickle.dumps(config))],  # noqa: S301 - our own
)
def test_copy_tells_nobody(copied: Callable[[Any], Any]) -> None:
    heard: list[object] = []
    config = Logged(heard.append)
    config.update({"train": {"lr": 0.1}})
    heard.clear()
    other = copied(config)
    other.train.lr = 0.2
    assert (other, config, heard) == ({"train": {"lr": 0.2}}, {"train": {"lr": 0.1}}, [])


def test_what_has_no_names_is_handed_on_to_be_refused() -> None:
    heard: list[object] = []
    Logged(heard.append).update(5)
    assert heard == [5]
