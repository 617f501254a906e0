"""Faults: what is wrong with a store, and whom it hurts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import msgspec

from mlv.errors import MlvError

FaultKind = Literal[
    "marker", "pack", "whole-object", "object", "record", "log", "live-run", "journal", "pointer"
]
"""A small file at the top of the store; a pack; a whole object; an object that cannot be had
from anywhere; a record that means nothing; and so on."""


class Fault(msgspec.Struct, frozen=True, kw_only=True):
    """Something that is not as it should be.

    Attributes:
        kind: What it is.
        where: The file, object, run or pointer.
        problem: What is wrong with it.
        affects: Runs, operations and pointers that miss something because of it.
        repaired: Whether it has been put right, and nothing is lost.
    """

    kind: FaultKind
    where: str
    problem: str
    affects: tuple[str, ...] = ()
    repaired: bool = False


TakeFault = Callable[[Fault, MlvError], None]
"""Takes a fault, and the error that it is for those who cannot go on with it."""


def refuse(_fault: Fault, error: MlvError) -> None:
    """Do not go on.

    Raises:
        MlvError: Always.
    """
    raise error
