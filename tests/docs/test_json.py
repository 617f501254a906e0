"""docs/reference/json.md names every schema, with the members that it has."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

import msgspec
import pytest

from mlv.app.data.checkout import CheckoutResult
from mlv.app.data.params_status import ParamStatus
from mlv.app.data.plan import PlannedData, PlannedFile
from mlv.app.data.status import ChangedFile, CutShortStatus, DataStatus, PointerStatus, Status
from mlv.app.data.track import TrackedData, TrackResult
from mlv.app.data.untrack import UntrackedData, UntrackResult
from mlv.app.keep.faults import Fault
from mlv.app.keep.fsck import FsckResult
from mlv.app.keep.gc import GcResult, Pile
from mlv.app.look.exporting import ExportedRun
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
    "mlv-track 1": TrackResult.__struct_fields__,
    "mlv-untrack 1": UntrackResult.__struct_fields__,
    "mlv-status 1": Status.__struct_fields__,
    "mlv-checkout 1": CheckoutResult.__struct_fields__,
    "mlv-runs 1": RunList.__struct_fields__,
    "mlv-run 1": ShownRun.__struct_fields__,
    "mlv-diff 1": RunDiff.__struct_fields__,
    "mlv-export 1": ExportedRun.__struct_fields__,
    "mlv-preflight 1": Preflight.__struct_fields__,
    "mlv-reproduction 1": ReproduceResult.__struct_fields__,
    "mlv-rollback-plan 1": RollbackPlan.__struct_fields__,
    "mlv-rollback 1": RollbackResult.__struct_fields__,
    "mlv-undo 1": UndoResult.__struct_fields__,
    "mlv-operations 1": ("operations",),
    "mlv-recovered 1": ("runs", "cleared", "silent"),
    "mlv-fsck 1": (*FsckResult.__struct_fields__, "n_left"),
    "mlv-gc 1": (*GcResult.__struct_fields__, "freed_bytes"),
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
        TrackedData,
        UntrackedData,
        DataStatus,
        ChangedFile,
        CutShortStatus,
        PointerStatus,
        ParamStatus,
        PlannedData,
        PlannedFile,
        Fault,
        Pile,
    ],
)
def test_page_names_every_member_of_a_part(part: type[msgspec.Struct]) -> None:
    named = set(re.findall(r"`(\w+)`", PAGE.read_text()))

    assert set(part.__struct_fields__) - named == set()
