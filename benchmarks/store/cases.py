"""What is measured: data sets, what is done with them in which order, and what that may cost."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from pathlib import Path

import msgspec

from benchmarks.report import Quantity
from benchmarks.store.data import (
    DataSet,
    append_mebibyte,
    change_one_file,
    change_one_percent,
    insert_kibibyte,
)
from benchmarks.store.tools import OWN_TOOLS, TOOLS
from benchmarks.units import GIB, KIB, MIB

_MEMORY_BYTES = 400 * MIB
_GROWTH_BYTES = 4 * MIB


class Action(Enum):
    """What a tool is asked to do."""

    TRACK = "track"
    STATUS = "status"
    SWITCH = "switch"
    CHECKOUT = "checkout"


class Operation(msgspec.Struct, frozen=True, kw_only=True):
    """One measured operation.

    Attributes:
        title: What tables call it.
        action: What the tool is asked to do.
        version: Name of the version that it makes or brings back.
        change: Changes the data before it; not measured.
        grows: Whether the growth of the store is counted.
        at_most: What it may cost.
    """

    title: str
    action: Action
    version: str = ""
    change: Callable[[Path], None] | None = None
    grows: bool = False
    at_most: tuple[tuple[Quantity, float], ...] = ()


class StoreCase(msgspec.Struct, frozen=True, kw_only=True):
    """Operations on one data set, each on what the one before left.

    Attributes:
        name: What the command line calls it.
        data_set: What lies in the worktree at first.
        operations: What is done with it.
        space_factor: How many times the data set all of it takes on the disk, at most.
        by_default: Whether it is measured unless asked for.
        times_files: Measure the same with so many times the files too.
        tools: Names of the tools that it is measured with.
    """

    name: str
    data_set: DataSet
    operations: tuple[Operation, ...]
    space_factor: int = 4
    by_default: bool = True
    times_files: int = 1
    tools: tuple[str, ...] = TOOLS

    @property
    def group(self) -> str:
        """What the table of this case is called."""
        if self.times_files > 1:
            return f"{self.times_files} times the files"
        return str(self.data_set)

    def scaled(self, factor: float) -> StoreCase:
        """Return the case on less data, or more; what it may cost holds for its own size only."""
        if factor == 1:
            return self
        return msgspec.structs.replace(
            self,
            data_set=self.data_set.scaled(factor),
            operations=tuple(
                msgspec.structs.replace(operation, at_most=()) for operation in self.operations
            ),
        )


_SMALL_FILES = DataSet(n_files=100_000, min_bytes=2 * KIB, max_bytes=6 * KIB)


def _track_cold(*, wall_s: float, memory_bytes: float = _MEMORY_BYTES) -> Operation:
    return Operation(
        title="track, cold",
        action=Action.TRACK,
        version="v1",
        grows=True,
        at_most=((Quantity.WALL_S, wall_s), (Quantity.MEMORY_BYTES, memory_bytes)),
    )


CASES = (
    StoreCase(
        name="small-files",
        data_set=_SMALL_FILES,
        operations=(
            _track_cold(wall_s=3.2),
            Operation(
                title="track again, nothing changed",
                action=Action.TRACK,
                version="v1-again",
                at_most=((Quantity.WALL_S, 0.8),),
            ),
            Operation(title="status", action=Action.STATUS, at_most=((Quantity.WALL_S, 0.7),)),
            Operation(
                title="one file changed, track",
                action=Action.TRACK,
                version="v2",
                change=change_one_file,
                grows=True,
                at_most=((Quantity.WALL_S, 0.9),),
            ),
            Operation(
                title="1 % of the files changed, track",
                action=Action.TRACK,
                version="v3",
                change=change_one_percent,
                grows=True,
            ),
            Operation(
                title="switch between versions, 1 % differs",
                action=Action.SWITCH,
                version="v2",
                at_most=((Quantity.WALL_S, 1.0),),
            ),
            Operation(
                title="checkout into an empty worktree",
                action=Action.CHECKOUT,
                version="v2",
                at_most=((Quantity.WALL_S, 3.0),),
            ),
        ),
    ),
    StoreCase(
        name="large-file",
        data_set=DataSet(n_files=1, min_bytes=4 * GIB, max_bytes=4 * GIB),
        operations=(
            _track_cold(wall_s=3.5),
            Operation(
                title="track again, nothing changed",
                action=Action.TRACK,
                version="v1-again",
                at_most=((Quantity.WALL_S, 0.4),),
            ),
            Operation(
                title="1 MiB appended, track",
                action=Action.TRACK,
                version="v2",
                change=append_mebibyte,
                grows=True,
                at_most=((Quantity.WALL_S, 2.5), (Quantity.GROWTH_BYTES, _GROWTH_BYTES)),
            ),
            Operation(
                title="1 KiB inserted in the middle, track",
                action=Action.TRACK,
                version="v3",
                change=insert_kibibyte,
                grows=True,
                at_most=((Quantity.GROWTH_BYTES, _GROWTH_BYTES),),
            ),
            Operation(
                title="checkout into an empty worktree",
                action=Action.CHECKOUT,
                version="v3",
                at_most=((Quantity.WALL_S, 2.5), (Quantity.MEMORY_BYTES, _MEMORY_BYTES)),
            ),
        ),
        space_factor=5,
        tools=tuple(name for name in TOOLS if name != "git"),  # it takes minutes
    ),
    StoreCase(
        name="medium-files",
        data_set=DataSet(n_files=1000, min_bytes=MIB, max_bytes=MIB),
        operations=(
            _track_cold(wall_s=1.5),
            Operation(
                title="checkout into an empty worktree",
                action=Action.CHECKOUT,
                version="v1",
                at_most=((Quantity.WALL_S, 0.8),),
            ),
        ),
    ),
    StoreCase(
        name="twice-the-files",
        data_set=_SMALL_FILES,
        operations=(
            Operation(
                title="track, cold",
                action=Action.TRACK,
                version="v1",
                at_most=((Quantity.RATIO, 2.1),),
            ),
        ),
        times_files=2,
        tools=OWN_TOOLS,
    ),
    StoreCase(
        name="million-files",
        data_set=msgspec.structs.replace(_SMALL_FILES, n_files=1_000_000),
        operations=(_track_cold(wall_s=60, memory_bytes=GIB),),
        by_default=False,
        tools=OWN_TOOLS,
    ),
)
"""All cases, in the order of the tables."""
