from __future__ import annotations

import argparse
import dataclasses
import datetime as dt
import enum
import functools
import json
import math
import types
from collections import namedtuple
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from mlv.api.values import find_numbers, flatten_metrics, number_of, params_of, plain, tags_of


class Broken:
    """An object that cannot be looked at."""

    def __repr__(self) -> str:
        raise RuntimeError("no")

    def __float__(self) -> float:
        raise RuntimeError("no")


class Optimizer(enum.Enum):
    ADAM = "adam"


@dataclasses.dataclass
class Model:
    depth: int = 3
    layers: tuple[int, ...] = (1, 2)


class Settings:
    """Settings as many write them."""

    lr = 0.1
    _hidden = 1

    def method(self) -> None:
        """Do nothing."""

    @property
    def derived(self) -> int:
        return 1


class Lazy:
    """Like a configuration of OmegaConf, in which a value is missing."""

    def keys(self) -> list[str]:
        return ["lr", "missing"]

    def __getitem__(self, name: str) -> float:
        if name == "missing":
            raise KeyError("Missing mandatory value: missing")
        return 0.1


Point = namedtuple("Point", ["x", "y"])  # noqa: PYI024 - as users write it


def test_plain_values_keep_their_types() -> None:
    values = {"a": 1, "b": 0.5, "c": "x", "d": None, "e": True, "f": [1, (2,)], "g": {"h": 10**30}}
    expected = {**values, "f": [1, [2]]}
    assert params_of(values) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (np.float32(0.5), 0.5),
        (np.int64(3), 3),
        (np.bool_(True), True),  # noqa: FBT003
        (np.arange(3), [0, 1, 2]),
        (np.zeros((1000, 3)), "ndarray of shape (1000, 3)"),
        (pd.DataFrame({"a": [1, 2]}), "DataFrame of shape (2, 1)"),
        (Path("a/b"), "a/b"),
        (dt.date(2026, 1, 31), "2026-01-31"),
        (Optimizer.ADAM, "adam"),
        (Model(), {"depth": 3, "layers": [1, 2]}),
        (Point(1, 2), {"x": 1, "y": 2}),
        ({3, 1, 2}, [1, 2, 3]),
        (math.sqrt, "math.sqrt"),
        (Optimizer, "tests.unit.api.test_values.Optimizer"),
        (object(), "<object object>"),
        (functools.partial(int, "1"), "functools.partial(<class 'int'>, '1')"),
        (types.SimpleNamespace(a=1), {"a": 1}),
        (Broken(), "<Broken>"),
        ("\ud800", "\\ud800"),
        (1 + 2j, "(1+2j)"),
        (b"\x00", "b'\\x00'"),
        (range(3), "range(0, 3)"),
    ],
)
def test_value_becomes_what_json_can_hold(value: Any, expected: object) -> None:  # noqa: ANN401
    assert plain(value) == expected
    json.dumps(plain(value))


def test_nan_and_huge_numbers_are_kept() -> None:
    assert math.isnan(plain(math.nan))
    assert int(plain(1 << 20_000), 16) == 1 << 20_000


def test_value_that_holds_itself_ends_as_text() -> None:
    loop: dict[str, Any] = {}
    loop["loop"] = loop
    assert json.dumps(plain(loop)).count("loop") > 10


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ({1: "a", None: 2}, {"1": "a", "None": 2}),
        (argparse.Namespace(lr=0.1), {"lr": 0.1}),
        (Model(), {"depth": 3, "layers": [1, 2]}),
        (Settings, {"lr": 0.1}),
        (Settings(), {"lr": 0.1}),
        (types.SimpleNamespace(m=Model), {"m": "tests.unit.api.test_values.Model"}),
        (Lazy(), {"lr": 0.1, "missing": "KeyError('Missing mandatory value: missing')"}),
    ],
)
def test_params_come_from_whatever_has_names(source: Any, expected: object) -> None:  # noqa: ANN401
    assert params_of(source) == expected


def test_params_of_a_module_are_its_data() -> None:
    module = types.ModuleType("config")
    module.__dict__.update(lr=0.1, math=math, sqrt=math.sqrt, Model=Model, _own=1)
    assert params_of(module) == {"lr": 0.1}


@pytest.mark.parametrize("source", [5, "text", [1, 2], math.sqrt])
def test_params_need_names(source: object) -> None:
    with pytest.raises(TypeError, match="no mapping of params"):
        params_of(source)


def test_nested_metrics_are_joined_by_a_slash() -> None:
    values = {"loss": 1, "test": {"loss": 2, "top": {5: 0.9}}}
    assert dict(flatten_metrics(values)) == {"loss": 1, "test/loss": 2, "test/top/5": 0.9}


@pytest.mark.parametrize(
    ("value", "expected"),
    [(True, 1), (np.float64(0.5), 0.5), (np.array([3]), 3), (1 << 70, float(1 << 70))],
)
def test_number_is_what_the_journal_holds(value: object, expected: float) -> None:
    number = number_of(value)
    assert (number, type(number)) == (expected, type(expected))


@pytest.mark.parametrize("value", ["1", b"1", None, [], Broken(), np.zeros(2)])
def test_what_is_no_number_is_refused(value: object) -> None:
    with pytest.raises((TypeError, ValueError, RuntimeError)):
        number_of(value)


def test_numbers_are_found_among_other_things() -> None:
    result = {"accuracy": 0.5, "model": object(), "test": {"loss": 1}, "name": "x"}
    assert find_numbers(result) == {"accuracy": 0.5, "test/loss": 1}


def _words() -> Iterator[str]:
    yield "a"


@pytest.mark.parametrize(
    ("tags", "expected"),
    [
        ("digits", ["digits"]),
        (["a", 1], ["a", "1"]),
        ({"seed": 1}, ["seed=1"]),
        (_words(), ["a"]),
        ((), []),
    ],
)
def test_tags_are_words(tags: Any, expected: list[str]) -> None:  # noqa: ANN401
    assert tags_of(tags) == expected
