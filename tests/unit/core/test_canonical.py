from __future__ import annotations

import pytest

from mlv.core.canonical import decode_record, encode_record
from mlv.core.run import Content, Metric, ParamSource, Run
from tests.unit.core.builders import make_run, metrics, params, series

ZEROS = "0" * 64


def test_record_is_sorted_compact_json_without_defaults() -> None:
    metric = Metric(value=0.1, source='a"é\n', step=3)
    assert encode_record(metric) == '{"source":"a\\"é\\n","step":3,"value":0.1}'.encode()


def test_record_names_its_type_and_schema() -> None:
    data = encode_record(make_run(1))
    assert data.startswith(b'{"code":{"branch":"main","commit":"')
    assert data.endswith(b'"status":"finished","type":"run","user":"ada"}')
    assert b'"schema":1' in data


def test_run_reads_back_equal() -> None:
    run = make_run(
        1,
        metrics=metrics({"loss": float("nan"), "best": float("-inf"), "n": 3}),
        params=params({"lr": 1e-05, "deep": {"list": [1, 1.0, True, None, "x"]}, "big": 2**70}),
        series={"loss": series({0: 1.5, 1: float("inf")})},
        tags=("a", "b"),
    )
    assert decode_record(encode_record(run), Run) == run


def test_equal_records_have_equal_bytes_whatever_the_order_of_keys() -> None:
    one, two = params({"a": 1, "b": {"x": 1, "y": 2}}), params({"b": {"y": 2, "x": 1}, "a": 1})
    assert encode_record(one[0]) == encode_record(two[0])


@pytest.mark.parametrize(
    "value",
    [float("nan"), float("inf"), (1, 2), {1, 2}, "\ud800", [float("-inf")]],
    ids=["nan", "inf", "tuple", "set", "surrogate", "nested"],
)
def test_value_that_would_not_read_back_equal_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match=r"would not read back equal|surrogates not allowed"):
        encode_record(ParamSource(name="params.yaml", values={"x": value}))


def test_value_of_another_type_is_refused() -> None:
    with pytest.raises(ValueError, match=r"this Content would not read back: .* at `\$.digest`"):
        encode_record(Content(digest="short", size_bytes=1))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "not a Content: Input data was truncated"),
        (b"\xff", "not a Content"),
        (b"[]", "not a Content: Expected `object`, got `array`"),
        (b'{"size_bytes":1}', "missing required field `digest`"),
        (b'{"digest":"%s","size_bytes":1,"more":2}' % ZEROS.encode(), "unknown field `more`"),
        (b'{"digest":"%s","size_bytes":"1"}' % ZEROS.encode(), r"got `str` - at `\$.size_bytes`"),
        (b'{"digest":"0","size_bytes":1}', r"matching regex .* at `\$.digest`"),
        (b'{"digest":"%s\\n","size_bytes":1}' % ZEROS.encode(), r"matching regex .* `\$.digest`"),
    ],
)
def test_bytes_that_are_no_such_record_are_refused(data: bytes, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        decode_record(data, Content)


def test_record_that_is_nested_without_end_is_refused() -> None:
    data = b'{"name":"a","values":{"x":' + b"[" * 100_000
    with pytest.raises(ValueError, match="not a ParamSource: maximum recursion depth"):
        decode_record(data, ParamSource)


@pytest.mark.parametrize(
    "change", [('"type":"run"', '"type":"walk"'), ('"schema":1', '"schema":2')]
)
def test_record_of_another_type_or_schema_is_refused(change: tuple[str, str]) -> None:
    data = encode_record(make_run(1)).decode().replace(*change)
    with pytest.raises(ValueError, match="not a Run: Invalid"):
        decode_record(data.encode(), Run)
