from __future__ import annotations

import sys

import pytest

from tests.integrations.conftest import Train, params_of, steps_of
from tests.support.repository import Repository

pytest.importorskip("sklearn", reason="needs scikit-learn: make test-integrations")

DATA = """\
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, RandomizedSearchCV, cross_validate
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from mlv.integrations.sklearn import log_cross_validate, log_estimator, log_search

x, y = load_iris(return_X_y=True)
model = Pipeline([("scale", StandardScaler()), ("fit", LogisticRegression(max_iter=200))])
"""


def test_params_of_an_estimator_are_nested(train: Train) -> None:
    params = params_of(train(DATA + "log_estimator(model)\n"))

    assert params["class"] == "Pipeline"
    assert params["steps.scale.class"] == "StandardScaler"
    assert params["steps.scale.with_mean"] is True
    assert params["steps.fit.max_iter"] == 200


def test_estimator_goes_by_its_name(train: Train) -> None:
    params = params_of(train(DATA + "log_estimator(StandardScaler(), 'scaler')\n"))

    assert params == {
        "scaler.class": "StandardScaler",
        "scaler.copy": True,
        "scaler.with_mean": True,
        "scaler.with_std": True,
    }


def test_cross_validation_is_recorded(train: Train) -> None:
    run = train(DATA + "log_cross_validate(cross_validate(model, x, y, cv=4))\n")

    assert steps_of(run, "cv/test_score") == (0, 1, 2, 3)
    values = run.series["cv/test_score"].values
    mean = sum(float(value) for value in values) / 4
    assert run.metrics["cv/mean_test_score"].value == pytest.approx(mean)
    assert run.metrics["cv/std_test_score"].n_values == 1


def test_scores_alone_are_recorded(train: Train) -> None:
    run = train(DATA + "log_cross_validate(cross_val_score(model, x, y, cv=3), 'check')\n")

    assert steps_of(run, "check/test_score") == (0, 1, 2)


def test_search_is_recorded_with_all_its_candidates(repo: Repository, train: Train) -> None:
    run = train(
        DATA
        + "search = GridSearchCV(model, {'fit__C': [1e-5, 1.0, 0.1]}, cv=3).fit(x, y)\n"
        + "log_search(search)\n"
    )

    params = params_of(run)
    assert params["best.fit.C"] == 1.0
    assert params["search.class"] == "GridSearchCV"
    assert params["search.param_grid.fit__C"] == [1e-5, 1.0, 0.1]
    assert params["estimator.steps.fit.max_iter"] == 200
    assert steps_of(run, "search/mean_test_score") == (0, 1, 2)
    best = float(run.metrics["best_score"].value)
    assert best == max(float(value) for value in run.series["search/mean_test_score"].values)
    candidates = [each for each in repo.runs() if each.parent == run.id]
    assert [params_of(each)["fit.C"] for each in candidates] == [1e-5, 1.0, 0.1]
    assert [each.tags for each in candidates] == [(), ("best",), ()]
    assert candidates[1].metrics["mean_test_score"].value == pytest.approx(best)
    assert candidates[1].metrics["rank_test_score"].value == 1


def test_nested_runs_are_made_of_the_best_candidates_alone(repo: Repository, train: Train) -> None:
    run = train(
        DATA
        + "search = RandomizedSearchCV(model, {'fit__C': [10.0 ** -n for n in range(8)]},\n"
        + "    n_iter=6, cv=3, random_state=1, scoring=['accuracy', 'f1_macro'],\n"
        + "    refit='accuracy').fit(x, y)\n"
        + "log_search(search, max_nested=2)\n"
    )

    ranks = [
        each.metrics["rank_test_accuracy"].value for each in repo.runs() if each.parent == run.id
    ]
    assert len(ranks) == 2
    assert 1 in ranks
    assert steps_of(run, "search/mean_test_f1_macro") == tuple(range(6))


def test_search_that_halves_is_recorded(train: Train) -> None:
    run = train(
        DATA
        + "from sklearn.experimental import enable_halving_search_cv\n"
        + "from sklearn.model_selection import HalvingGridSearchCV\n"
        + "search = HalvingGridSearchCV(model, {'fit__C': [0.01, 0.1, 1.0]}, cv=3).fit(x, y)\n"
        + "log_search(search, max_nested=0)\n"
    )

    assert run.series["search/iter"].values[:3] == (0, 0, 0)
    assert params_of(run)["search.factor"] == 3


def test_search_that_is_not_fitted_harms_nobody(repo: Repository) -> None:
    repo.write("train.py", DATA + "log_search(GridSearchCV(model, {}))\nprint('done')\n")

    done = repo.mlv("run", sys.executable, "train.py")

    assert (done.code, done.stdout) == (0, "done\n")
    (problem,) = repo.find("last").problems
    assert "log_search" in problem
