"""The JSON Schema of `mlv.yaml`, made from `mlv.core.settings`.

`python -m tests.docs.schema` writes it anew.
"""

from __future__ import annotations

import inspect
import json
import re
from pathlib import Path
from typing import Any

import msgspec

from mlv.core.settings import (
    CodeSetting,
    MetricSetting,
    Project,
    StageSetting,
    Strict,
    ToleranceSetting,
)

PATH = Path(__file__).parent.parent.parent / "docs" / "reference" / "mlv-yaml.schema.json"

_PARTS: tuple[type[Strict], ...] = (
    Project,
    StageSetting,
    CodeSetting,
    MetricSetting,
    ToleranceSetting,
)
_ATTRIBUTE = re.compile(r"^    (\w[\w, ]*): (.*(?:\n {8,}.*)*)", re.MULTILINE)


def make_schema() -> dict[str, Any]:
    """Return the schema, with what the docstrings say of each key."""
    schema = msgspec.json.schema(Project)
    for part in _PARTS:
        doc = inspect.getdoc(part) or ""
        described = schema["$defs"][part.__name__]
        described["description"] = doc.partition("\n")[0]
        for names, text in _ATTRIBUTE.findall(doc):
            for name in names.split(", "):
                described["properties"][name]["description"] = " ".join(text.split())
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "mlv.yaml",
        **schema,
    }


def format_schema() -> str:
    """Return the text of the file."""
    return json.dumps(make_schema(), indent=2) + "\n"


if __name__ == "__main__":
    PATH.write_text(format_schema())
