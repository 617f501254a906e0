from __future__ import annotations

import msgspec
import pytest

from mlv.core.ids import (
    RunId,
    RunIdField,
    format_run_id,
    format_run_name,
    parse_run_id,
    shorten_ids,
)

VECTOR = "01arz3ndektsv4rrffq69g5fav"
"""The example of the ULID specification, in lower case."""


def test_run_id_is_the_ulid_of_the_specification() -> None:
    randomness = bytes.fromhex("d6764c61efb99302bd5b")
    assert format_run_id(1469922850259, randomness) == VECTOR


def test_run_ids_sort_by_time_whatever_their_randomness() -> None:
    times = [0, 1, 31, 32, 1 << 20, 1_700_000_000_000, (1 << 48) - 1]
    ids = [format_run_id(time, bytes([255 - index] * 10)) for index, time in enumerate(times)]
    assert ids == sorted(ids)


@pytest.mark.parametrize(
    ("time_ms", "randomness"), [(-1, bytes(10)), (1 << 48, bytes(10)), (0, bytes(9))]
)
def test_run_id_of_impossible_parts_is_refused(time_ms: int, randomness: bytes) -> None:
    with pytest.raises(ValueError, match="48 bits of time and 10 random bytes"):
        format_run_id(time_ms, randomness)


@pytest.mark.parametrize(
    "text",
    ["", VECTOR[:-1], VECTOR + "0", VECTOR.upper(), "8" + VECTOR[1:], "u" * 26, VECTOR + "\n"],
)
def test_text_that_is_no_run_id_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not a run id"):
        parse_run_id(text)
    with pytest.raises(msgspec.ValidationError, match="regex"):
        msgspec.convert(text, RunIdField)


def test_run_id_is_parsed_to_itself() -> None:
    assert parse_run_id(VECTOR) == VECTOR


def test_run_name_is_two_words_that_depend_on_the_number_alone() -> None:
    assert format_run_name(0) == "amber-acorn"
    assert format_run_name(1) == "amber-badger"
    assert format_run_name(12345678901234567890) == format_run_name(12345678901234567890)


def test_run_name_passes_by_names_that_are_taken() -> None:
    assert format_run_name(0, ["amber-acorn", "amber-badger"]) == "amber-beacon"


def test_run_name_gets_a_number_when_all_words_are_taken() -> None:
    taken = {format_run_name(number) for number in range(5000)}
    assert len(taken) < 5000
    assert format_run_name(5, taken) == f"{format_run_name(5)}-2"
    assert format_run_name(5, {*taken, f"{format_run_name(5)}-2"}) == f"{format_run_name(6)}-2"


@pytest.mark.parametrize(
    ("ids", "short"),
    [
        ([], []),
        ([VECTOR], ["01arz3n"]),
        (["a" * 26, "b" * 26], ["a" * 7, "b" * 7]),
        (["a" * 26, "a" * 9 + "b" * 17], ["a" * 10, "a" * 9 + "b"]),
        (["a" * 26, "a" * 25 + "b"], ["a" * 26, "a" * 25 + "b"]),
    ],
)
def test_short_id_is_the_shortest_that_no_other_shares(ids: list[str], short: list[str]) -> None:
    known = [RunId(text) for text in ids]
    assert shorten_ids(known) == dict(zip(known, short, strict=True))
