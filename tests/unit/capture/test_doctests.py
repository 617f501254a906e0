from __future__ import annotations

import doctest
import importlib

import pytest


@pytest.mark.parametrize("name", ["documents.params", "redact"])
def test_examples_in_docstrings_are_true(name: str) -> None:
    results = doctest.testmod(importlib.import_module(f"mlv.capture.{name}"))

    assert results.attempted > 0
    assert results.failed == 0
