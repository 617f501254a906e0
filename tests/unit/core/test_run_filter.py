from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timezone
from typing import Any

import msgspec
import pytest

from mlv.core.run_filter import parse_filter
from mlv.errors import UsageError


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """A run to ask."""

    id: str = "01m7y7"
    name: str = "calm-otter"
    status: str = "finished"
    kind: str = "run"
    parent: str | None = None
    user: str = "ada"
    started_at: datetime = datetime(2026, 1, 31, 12, tzinfo=timezone.utc)
    duration_s: float | None = None
    tags: tuple[str, ...] = ("digits", "5")
    params: Mapping[str, Any]
    metrics: Mapping[str, float]


RUN = Facts(
    params={
        "lr": 0.1,
        "optimizer": "adam",
        "train.steps": 5,
        "amp": True,
        "nothing": None,
        "layers": [1, 2],
        "lambda": 3,
    },
    metrics={
        "accuracy": 0.95,
        "train/loss": 0.25,
        "val-loss": 0.3,
        "f1@0.5": 0.7,
        "nan": float("nan"),
    },
)


@pytest.mark.parametrize(
    "text",
    [
        "metrics.accuracy > 0.9 and params.lr == 0.1",
        "metrics.accuracy > 0.9 AND params.lr = 0.1",
        "params.lr = '0.1'",
        "0.05 < params.lr <= 0.1",
        "metrics.train/loss < 0.3",
        "metrics.val-loss<0.4",
        "metrics.f1@0.5 >= .7",
        'metrics["train/loss"] < 0.3',
        "metrics.`train/loss` < 0.3",
        "params.train.steps == 5",
        "params.lambda == 3",
        "params.optimizer in ('sgd', 'adam')",
        "params.optimizer not in ['sgd']",
        "2 in params.layers",
        "'digits' in tags and '5' in tags",
        "'otter' in name",
        "not (status == 'failed' or user != 'ada')",
        "params.amp",
        "params.amp = TRUE",
        "not params.absent",
        "params.absent == None",
        "params.nothing = NULL",
        "params.lr != None",
        "parent == None and kind == 'run'",
        "started_at >= '2026-01-31' and started_at < '2026-02-01T12:00:00Z'",
        "metrics.accuracy > -1",
        "params.lr == metrics.absent or metrics.accuracy > params.lr",
        "  status = 'finished'  ",
        "name == 'calm-otter' and 'a=b' != name",
    ],
)
def test_filter_matches(text: str) -> None:
    assert parse_filter(text)(RUN)


@pytest.mark.parametrize(
    "text",
    [
        "metrics.accuracy > 0.95",
        "metrics.absent > 0",
        "metrics.absent != 0",
        "params.absent",
        "params.absent in ('a', 'b')",
        "params.nothing > 0",
        "params.optimizer > 5",
        "params.layers < 5",
        "metrics.nan > 0 or metrics.nan <= 0",
        "duration_s > 0",
        "parent != None",
        "'dig' in tags",
        "name = 'AND'",
        "params.lr is 5",
    ],
)
def test_filter_does_not_match(text: str) -> None:
    assert not parse_filter(text)(RUN)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "invalid syntax"),
        ("metrics.accuracy >", "invalid syntax"),
        ("accuracy > 0.9", "'accuracy' is none of id, name"),
        ("metrics > 5", "'metrics' is none of"),
        ("__import__('os').system('true')", "is none of"),
        ("params.lr + 1 > 2", "is none of"),
        ("(lambda: 1)()", "is none of"),
        ("params[name] == 1", "is none of"),
        ("tables['a'] == 1", "is none of"),
        ("status.upper() == 'X'", "is none of"),
        ("name := 'x'", "invalid syntax"),
        ("started_at > 'yesterday'", "Invalid isoformat string"),
        ("(" * 300 + "1" + ")" * 300, ""),
        ("not " * 200 + "params.a", "it is too deep"),
        ("\x00", ""),
    ],
)
def test_filter_that_makes_no_sense_is_refused(text: str, reason: str) -> None:
    with pytest.raises(UsageError, match="cannot be understood") as refusal:
        parse_filter(text)
    assert reason in refusal.value.message


def test_filter_has_a_limit() -> None:
    with pytest.raises(UsageError, match="at most 4000 characters"):
        parse_filter("params.a == 1 or " * 1_000)
