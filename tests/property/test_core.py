from __future__ import annotations

import random
from typing import NamedTuple

from hypothesis import given
from hypothesis import strategies as st

from mlv.core.canonical import decode_record, encode_record
from mlv.core.ids import RunId, format_run_id, parse_run_id, shorten_ids
from mlv.core.operation import Change, HideRun, LoggedOperation, PublishRun
from mlv.core.paths import RepoPath, escape_name, unescape_name
from mlv.core.run import Run
from mlv.core.run_diff import diff_runs
from mlv.core.scalars import number_of, same_number, scalar_of
from mlv.core.state import find_undoable, reduce_operations
from mlv.core.tree import TreeEntry, decode_tree, diff_listings, encode_tree
from mlv.core.verdict import TolerancePolicy, compare_reproduction
from tests.property.profile import PURE
from tests.property.strategies import DIRECTORIES, NUMBERS, RAW_NAMES, RUNS
from tests.unit.core.builders import hide, log, publish, undo

LISTINGS = DIRECTORIES.map(lambda entries: {RepoPath(each.name): each for each in entries})
RUN_IDS = st.builds(
    format_run_id, st.integers(0, (1 << 48) - 1), st.binary(min_size=10, max_size=10)
)


class Step(NamedTuple):
    """What happens next: a run appears or vanishes, or an earlier step is taken back."""

    wall_ms: int
    clone: str
    change: PublishRun | HideRun
    takes_back: int | None


STEPS = st.builds(
    Step,
    wall_ms=st.integers(0, 5),
    clone=st.sampled_from("ab"),
    change=st.sampled_from([publish, hide]).flatmap(lambda make: st.integers(1, 3).map(make)),
    takes_back=st.none() | st.integers(0, 7),
)


def _history(steps: list[Step]) -> list[LoggedOperation]:
    history: list[LoggedOperation] = []
    for step in steps:
        change: Change = step.change
        if step.takes_back is not None and history:
            change = undo(history[step.takes_back % len(history)], step.change)
        logged = log(change, step.wall_ms, clone=step.clone)
        if logged not in history:
            history.append(logged)
    return history


HISTORIES = st.lists(STEPS, max_size=8).map(_history)


@PURE
@given(st.binary(max_size=40) | RAW_NAMES)
def test_escaped_name_comes_back_and_has_no_control_characters(raw: bytes) -> None:
    text = escape_name(raw)
    assert unescape_name(text) == raw
    assert len(text.splitlines()) <= 1
    assert not {character for character in text if ord(character) < 32}
    text.encode()


@PURE
@given(DIRECTORIES, st.randoms(use_true_random=False))
def test_tree_comes_back_sorted_whatever_the_order(
    entries: list[TreeEntry], chance: random.Random
) -> None:
    data = encode_tree(entries)
    shuffled = list(entries)
    chance.shuffle(shuffled)
    assert encode_tree(shuffled) == data
    by_name = sorted(entries, key=lambda entry: unescape_name(entry.name))
    assert decode_tree(data) == tuple(by_name)


@PURE
@given(DIRECTORIES, st.data())
def test_tree_with_a_changed_byte_is_another_tree_or_none(
    entries: list[TreeEntry], data: st.DataObject
) -> None:
    encoded = bytearray(encode_tree(entries))
    encoded[data.draw(st.integers(0, len(encoded) - 1))] ^= data.draw(st.integers(1, 255))
    try:
        decoded = decode_tree(bytes(encoded))
    except ValueError:
        return
    assert encode_tree(decoded) == encoded


@PURE
@given(LISTINGS, LISTINGS)
def test_diff_of_listings_turns_the_one_into_the_other(
    before: dict[RepoPath, TreeEntry], after: dict[RepoPath, TreeEntry]
) -> None:
    patched = dict(before)
    for change in diff_listings(before, after):
        assert change.before == before.get(change.path)
        patched.pop(change.path, None)
        if change.after is not None:
            patched[change.path] = change.after
    assert patched == after
    assert diff_listings(after, after) == ()


@PURE
@given(RUNS)
def test_record_reads_back_equal_and_has_one_encoding(run: Run) -> None:
    data = encode_record(run)
    decoded = decode_record(data, Run)
    assert decoded == run
    assert encode_record(decoded) == data


@PURE
@given(RUNS, RUNS)
def test_run_does_not_differ_from_itself(run: Run, other: Run) -> None:
    assert diff_runs(run, run).empty
    forth, back = diff_runs(run, other), diff_runs(other, run)
    assert [change.name for change in forth.metrics] == [change.name for change in back.metrics]
    assert [change.name for change in forth.params] == [change.name for change in back.params]
    assert [(each.path, each.old) for each in forth.files] == [
        (each.path, each.new) for each in back.files
    ]


@PURE
@given(RUNS)
def test_run_is_identical_to_itself_unless_there_is_nothing_to_compare(run: Run) -> None:
    found = compare_reproduction(run, run, TolerancePolicy())
    expected = "identical" if run.metrics or run.outputs else "inconclusive"
    assert found.verdict == expected


@PURE
@given(HISTORIES, st.randoms(use_true_random=False))
def test_state_is_the_same_for_any_order_of_reading(
    history: list[LoggedOperation], chance: random.Random
) -> None:
    shuffled = list(history)
    chance.shuffle(shuffled)
    state, same = reduce_operations(history), reduce_operations(shuffled)
    assert (same, list(same.runs)) == (state, list(state.runs))
    assert find_undoable(shuffled, same) == find_undoable(history, state)


@PURE
@given(st.sets(RUN_IDS, max_size=20))
def test_short_ids_are_unique_prefixes(ids: set[RunId]) -> None:
    short = shorten_ids(ids)
    assert set(short) == ids
    for run_id, prefix in short.items():
        assert [each for each in ids if each.startswith(prefix)] == [run_id]


@PURE
@given(st.integers(0, (1 << 48) - 1), st.binary(min_size=10, max_size=10))
def test_run_id_is_parsed_to_itself(time_ms: int, randomness: bytes) -> None:
    run_id = format_run_id(time_ms, randomness)
    assert parse_run_id(run_id) == run_id


@PURE
@given(NUMBERS)
def test_number_comes_back_from_a_record(number: float) -> None:
    assert same_number(number_of(scalar_of(number)), number)
