"""Records have exactly the bytes that docs/reference/store-format.md, "Records", says."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from mlv.core.canonical import encode_record
from mlv.core.run import ParamSource, Run
from tests.property.profile import PURE
from tests.property.strategies import PARAM_SOURCES, RUNS

SHORT = {8: r"\b", 9: r"\t", 10: r"\n", 12: r"\f", 13: r"\r", 34: r"\"", 92: r"\\"}


def _write(value: Any) -> str:  # noqa: ANN401 - any JSON value
    if isinstance(value, dict):
        members = (f"{_write(name)}:{_write(value[name])}" for name in sorted(value))
        return f"{{{','.join(members)}}}"
    if isinstance(value, list):
        return f"[{','.join(map(_write, value))}]"
    if isinstance(value, str):
        return f'"{"".join(map(_write_character, value))}"'
    if isinstance(value, float):
        return _write_float(value)
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    return str(value)


def _write_character(character: str) -> str:
    code = ord(character)
    return SHORT.get(code) or (f"\\u{code:04x}" if code < 32 else character)


def _write_float(number: float) -> str:
    fewest = Decimal(repr(number))
    if number == 0 or 1e-5 <= abs(number) < 1e16:
        text = f"{fewest:f}"
        return text if "." in text else f"{text}.0"
    sign, digits, exponent = fewest.normalize().as_tuple()
    assert isinstance(exponent, int)
    first, *rest = map(str, digits)
    point = f".{''.join(rest)}" if rest else ""
    return f"{'-' if sign else ''}{first}{point}e{exponent + len(rest)}"


@PURE
@given(RUNS)
def test_run_record_has_the_bytes_of_the_document(run: Run) -> None:
    data = encode_record(run)
    assert _write(msgspec.json.decode(data)) == data.decode()


@PURE
@given(PARAM_SOURCES)
def test_params_have_the_bytes_of_the_document(source: ParamSource) -> None:
    data = encode_record(source)
    assert _write(msgspec.json.decode(data)) == data.decode()


@PURE
@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=5))
def test_numbers_have_the_bytes_of_the_document(numbers: list[float]) -> None:
    assert _write(numbers) == msgspec.json.encode(numbers).decode()
