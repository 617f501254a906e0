from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from mlv.api.tables import format_table


@pytest.mark.parametrize(
    ("data", "columns", "text"),
    [
        ([[1, "a"], [2, "b,c"]], ["n", "t"], 'n,t\n1,a\n2,"b,c"\n'),
        ([[1], [2]], None, "1\n2\n"),
        ([{"a": 1}, {"b": 2, "a": 3}], None, "a,b\n1,\n3,2\n"),
        ([{"a": 1, "b": 2}], ["b"], "b\n2\n"),
        ({"a": [1, 2], "b": [0.1]}, None, "a,b\n1,0.1\n2,\n"),
        ({"a": np.array([1.5, 2])}, None, "a\n1.5\n2.0\n"),
        (np.array([[1, 2], [3, 4]]), ["x", "y"], "x,y\n1,2\n3,4\n"),
        (pd.DataFrame({"a": [1, 2], "b": ["x", None]}), None, "a,b\n1,x\n2,\n"),
        (pd.DataFrame({"a": [1], "b": [2]}), ["b"], "b\n2\n"),
        (pd.DataFrame({"a": [1]}, index=["row"]), None, ",a\nrow,1\n"),
        (
            pd.DataFrame({"a": [1]}, index=pd.MultiIndex.from_tuples([("x", 2)], names=["k", "n"])),
            None,
            "k,n,a\nx,2,1\n",
        ),
        ([], ["a"], "a\n"),
        ([[np.float32(0.5), None, float("nan")]], None, "0.5,,nan\n"),
    ],
)
def test_table_becomes_csv(data: Any, columns: list[str] | None, text: str) -> None:  # noqa: ANN401
    assert format_table("t", data, columns) == ("t.csv", text.encode())


def test_table_may_be_separated_by_tabs() -> None:
    assert format_table("t.tsv", [[1, 2]]) == ("t.tsv", b"1\t2\n")


def test_table_may_come_first_as_in_mlflow() -> None:
    assert format_table({"a": [1]}, "t") == ("t.csv", b"a\n1\n")


@pytest.mark.parametrize("data", [5, ["ab"], [1, 2], {"a": 5}])
def test_what_is_no_table_is_refused(data: object) -> None:
    with pytest.raises(TypeError, match="no row or column"):
        format_table("t", data)
