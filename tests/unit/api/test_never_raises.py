"""Whatever is logged, and however, the training goes on, and a record can be written."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlv.api.active_run import ActiveRun
from mlv.api.run_journal import RunJournal
from mlv.capture.journal.reader import read_journal
from mlv.core.canonical import encode_record
from mlv.core.run import ParamSource
from tests.property import profile


class Hostile:
    """Raises whatever is asked of it."""

    def __getattr__(self, name: str) -> object:
        if name.startswith("__"):
            raise AttributeError(name)
        raise RuntimeError(name)

    def _raise(self, *_args: object) -> Any:  # noqa: ANN401 - it never returns
        raise ZeroDivisionError

    __float__ = __int__ = __index__ = __str__ = __repr__ = __bool__ = __len__ = _raise
    __iter__ = __getitem__ = __eq__ = __fspath__ = __contains__ = _raise
    __hash__ = object.__hash__


class HostileText(str):
    """A text that is none when it is looked at."""

    __slots__ = ()

    def __str__(self) -> str:
        raise RuntimeError("no")

    __repr__ = __str__


class HostileMapping(dict[Any, Any]):
    """A mapping that cannot be read."""

    def _raise(self) -> Any:  # noqa: ANN401 - it never returns
        raise RuntimeError("no")

    keys = items = values = __iter__ = _raise


odd = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(),
    st.text(st.characters(categories=["Cs"]), min_size=1),
    st.binary(),
    st.builds(Hostile),
    st.builds(HostileText),
    st.builds(HostileMapping),
    st.builds(object),
    st.complex_numbers(),
    st.just(Decimal("sNaN")),
    st.sampled_from([print, Hostile, sys, ..., 1 << 5000, float, range(3), iter(())]),
)
keys = st.text() | st.integers() | st.none() | st.builds(object)
odd_values = st.recursive(
    odd, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=3)
)
METHODS = [
    name
    for name in dir(ActiveRun)
    if name.startswith(("log", "set_", "rewind", "resume")) and name != "log"
]
calls = st.tuples(st.sampled_from(METHODS), st.lists(odd_values, min_size=1, max_size=3))
logs = st.tuples(st.just("log"), st.lists(odd_values, min_size=1, max_size=2))


@pytest.fixture
def run(tmp_path: Path) -> Iterator[ActiveRun]:
    run = ActiveRun(RunJournal(str(tmp_path)))
    yield run
    run.finish()


@given(script=st.lists(calls | logs, max_size=8))
@profile.PURE
def test_odd_calls_never_raise(script: list[tuple[str, list[Any]]]) -> None:
    with tempfile.TemporaryDirectory() as place:
        with ActiveRun(RunJournal(place)) as run:
            for method, arguments in script:
                getattr(run, method)(*arguments)
        params = read_journal(Path(place)).params
        encode_record(ParamSource(name="api", values=params))


@given(values=st.dictionaries(st.text(), odd_values, max_size=4))
@profile.PURE
def test_odd_params_are_all_recorded(values: dict[str, Any]) -> None:
    with tempfile.TemporaryDirectory() as place:
        with ActiveRun(RunJournal(place)) as run:
            run.log_params(values)
        journal = read_journal(Path(place))
    names = {name.encode("utf-8", "backslashreplace").decode() for name in values}
    assert (set(journal.params), journal.problems) == (names, ())


@pytest.mark.parametrize("call", [("config", 5), ("config", Hostile()), ("summary", {"a": "x"})])
def test_odd_update_never_raises(run: ActiveRun, call: tuple[str, Any]) -> None:
    name, values = call
    getattr(run, name).update(values)


@pytest.mark.parametrize("method", METHODS)
def test_wrong_arguments_never_raise(run: ActiveRun, method: str) -> None:
    getattr(run, method)(1, 2, 3, 4, 5, nonsense=6)


def test_removed_directory_leaves_the_training_running(tmp_path: Path) -> None:
    run = ActiveRun(RunJournal(str(tmp_path / "live")))
    shutil.rmtree(tmp_path)
    run.log_text("note", "x")
    run.log({"loss": 1})
    run.log_params(lr=0.1)
    run.finish()
    assert run.finished


def test_unwritable_directory_leaves_the_training_running(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place = tmp_path / "live"
    place.write_text("no directory")
    run = ActiveRun(RunJournal(str(place)))
    run.log_text("note", "x")
    run.log({"loss": 1})
    run.log_params(lr=0.1)
    run.finish()
    assert capsys.readouterr().err.splitlines() == [
        "mlv: not logged: log_text: the run has been sealed",
        "mlv: cannot write what is logged: Not a directory",
    ]


def test_closed_terminal_leaves_the_training_running(
    run: ActiveRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    with open(os.devnull, "w") as gone:  # noqa: PTH123 - it only has to be closed
        monkeypatch.setattr(sys, "stderr", gone)
    run.log({"loss": "text"})
    run.log_text("", "x")


def test_finished_run_takes_nothing_more(run: ActiveRun) -> None:
    run.finish()
    for method in METHODS:
        getattr(run, method)("a")
    run.log({"a": 1})
    assert run.directory is None
