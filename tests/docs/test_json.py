"""docs/reference/json.md names every schema, with the members that it has."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

import msgspec
import pytest

from mlv.app.look.listing import ListedRun, RunList
from mlv.app.look.operations import ListedOperation
from mlv.app.look.showing import ShownRun
from mlv.app.reproduce.preflight import Preflight
from mlv.app.reproduce.reproducing import ReproduceResult
from mlv.app.restore.rollback import RollbackPlan, RollbackResult
from mlv.app.restore.undo import UndoResult
from mlv.cli.render.output import JsonSchema
from mlv.core.run_diff import CodeChange, FileDiff, MetricChange, ParamChange, RunDiff
from mlv.core.verdict import Comparison, MetricComparison

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "json.md"

MEMBERS = {
    "mlv-runs 1": RunList.__struct_fields__,
    "mlv-run 1": ShownRun.__struct_fields__,
    "mlv-diff 1": RunDiff.__struct_fields__,
    "mlv-preflight 1": Preflight.__struct_fields__,
    "mlv-reproduction 1": ReproduceResult.__struct_fields__,
    "mlv-rollback-plan 1": RollbackPlan.__struct_fields__,
    "mlv-rollback 1": RollbackResult.__struct_fields__,
    "mlv-undo 1": UndoResult.__struct_fields__,
    "mlv-operations 1": ("operations",),
    "mlv-recovered 1": ("runs",),
}


def test_page_names_every_schema_with_its_members() -> None:
    rows = re.findall(
        r"^\| `(mlv-[a-z-]+ \d+)` \| [^|]+ \| (.+) \|$", PAGE.read_text(), re.MULTILINE
    )

    assert {schema: tuple(re.findall(r"`(\w+)`", cell)) for schema, cell in rows} == MEMBERS
    assert set(MEMBERS) == set(get_args(JsonSchema))


@pytest.mark.parametrize(
    "part",
    [
        ListedRun,
        ListedOperation,
        MetricChange,
        ParamChange,
        CodeChange,
        FileDiff,
        Comparison,
        MetricComparison,
    ],
)
def test_page_names_every_member_of_a_part(part: type[msgspec.Struct]) -> None:
    named = set(re.findall(r"`(\w+)`", PAGE.read_text()))

    assert set(part.__struct_fields__) - named == set()
