from __future__ import annotations

import re

from tests.docs.schema import PATH, format_schema, make_schema


def test_published_schema_is_that_of_the_settings() -> None:
    assert PATH.read_text() == format_schema(), "write it anew: python -m tests.docs.schema"


def test_every_key_is_described_and_others_are_refused() -> None:
    for name, part in make_schema()["$defs"].items():
        assert part["additionalProperties"] is False
        for key, described in part["properties"].items():
            text = described.get("description", "")
            assert re.fullmatch(r"[A-Z].*\.", text), f"{name}.{key} has no description"
