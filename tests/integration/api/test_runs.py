"""`mlv.runs()`: recorded runs as a data frame."""

from __future__ import annotations

import pytest

import mlv
from mlv.errors import NoStoreError, UsageError
from tests.support.repository import Repository


def test_runs_is_a_data_frame(repo: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    for lr in ("0.2", "0.1"):
        repo.shell(f"echo '{{\"loss\": {lr}}}' > metrics.json", name=f"lr{lr}", tags=("a",))
    monkeypatch.chdir(repo.root)
    frame = mlv.runs(sort="metrics.loss")
    assert list(frame["name"]) == ["lr0.1", "lr0.2"]
    assert list(frame.columns) == [
        "name",
        "status",
        "started_at",
        "duration_s",
        "tags",
        "parent",
        "params.lr",
        "metrics.loss",
    ]
    assert list(mlv.runs(limit=1)["name"]) == ["lr0.1"]


def test_runs_of_an_empty_store_is_an_empty_frame(
    repo: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(repo.root)
    assert mlv.runs().empty


def test_runs_may_be_chosen_by_a_filter(repo: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    for lr in ("0.2", "0.1"):
        repo.shell(f"echo '{{\"loss\": {lr}}}' > metrics.json", name=f"lr{lr}")
    monkeypatch.chdir(repo.root)
    assert list(mlv.runs("metrics.loss < 0.15")["name"]) == ["lr0.1"]
    assert mlv.runs(where="metrics.loss > 1").empty
    with pytest.raises(UsageError, match="cannot be understood"):
        mlv.runs("metrics.loss <")


def test_runs_refuses_an_unknown_column(repo: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(repo.root)
    with pytest.raises(UsageError, match="no column 'nope'"):
        mlv.runs(sort="nope")


def test_runs_needs_a_store(bare_repository: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(bare_repository.root)
    with pytest.raises(NoStoreError):
        mlv.runs()
