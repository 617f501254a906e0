from __future__ import annotations

import random
from collections.abc import Mapping
from typing import NamedTuple

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from mlv.core.paths import RepoPath
from mlv.core.run import Content
from mlv.core.tree import TreeEntry, diff_listings, raw_entries
from mlv.core.tree_buckets import (
    decode_buckets,
    encode_directory,
    encode_raw_directory,
    read_directory,
)
from mlv.core.tree_diff import diff_directories, find_renames
from mlv.core.tree_merge import ConflictReason, MergeConflict, merge_directories
from mlv.core.tree_names import find_refused, is_allowed
from mlv.core.tree_update import update_directory
from tests.property.profile import PURE
from tests.property.strategies import CONTENTS, DIRECTORIES, KINDS, RAW_NAMES
from tests.unit.core.builders import entry
from tests.unit.core.tree_objects import Node, TreeObjects, hold_at_most, numbered

# Few names and contents, so that directories have much in common.
NAMES = st.sampled_from(["a", "a-b", "b", r"\xff", "é"])
LEAVES = st.tuples(KINDS.filter(lambda kind: kind != "dir"), st.sampled_from([b"", b"1", b"22"]))
NESTED: st.SearchStrategy[Mapping[str, Node]] = st.recursive(
    st.dictionaries(NAMES, LEAVES, max_size=3),
    lambda inner: st.dictionaries(NAMES, st.one_of(LEAVES, inner), max_size=3),
    max_leaves=8,
)
MANY = numbered(5000)
ENCODED = encode_directory(MANY)
MIRRORED: Mapping[ConflictReason, ConflictReason] = {
    "deleted-here": "deleted-there",
    "deleted-there": "deleted-here",
}


class Triple(NamedTuple):
    """Three directories, and where their trees are."""

    trees: TreeObjects
    base: Content
    ours: Content
    theirs: Content


def _triple(
    base: Mapping[str, Node], ours: Mapping[str, Node], theirs: Mapping[str, Node]
) -> Triple:
    trees = TreeObjects()
    return Triple(trees, trees.build(base), trees.build(ours), trees.build(theirs))


# Directories made apart differ almost everywhere; a merge is for those that have much in common.
TRIPLES = st.one_of(
    st.builds(_triple, NESTED, NESTED, NESTED),
    st.builds(
        lambda base, ours, theirs: _triple(base, {**base, **ours}, {**base, **theirs}),
        NESTED,
        NESTED,
        NESTED,
    ),
    st.builds(
        lambda base, ours, gone: _triple(
            {"d": base},
            {"d": {**base, **ours}},
            {"d": {name: node for name, node in base.items() if name != gone}},
        ),
        NESTED,
        NESTED,
        NAMES,
    ),
)


def _merge(triple: Triple) -> tuple[Content, tuple[MergeConflict, ...]]:
    merge = merge_directories(triple.base, triple.ours, triple.theirs, triple.trees.read)
    for data in merge.objects:
        triple.trees.add_bytes(data)
    return merge.tree, merge.conflicts


def _files(triple: Triple, tree: Content) -> dict[RepoPath, TreeEntry]:
    leaves = triple.trees.list_leaves(tree)
    return {path: leaf for path, leaf in leaves.items() if leaf.kind != "dir"}


@PURE
@given(st.lists(st.binary(max_size=6) | RAW_NAMES, max_size=4))
def test_names_are_allowed_together_when_each_is_allowed(names: list[bytes]) -> None:
    refused = find_refused(names)
    assert (refused is None) == all(map(is_allowed, names))
    assert refused is None or not is_allowed(refused)


@PURE
@given(DIRECTORIES, st.integers(1, 4), st.randoms(use_true_random=False))
def test_directory_of_any_size_survives_a_round_trip(
    entries: list[TreeEntry], limit: int, chance: random.Random
) -> None:
    with hold_at_most(limit):
        trees = TreeObjects()
        tree = trees.add(entries)
        shuffled = chance.sample(entries, len(entries))
        assert trees.add(shuffled) == tree
        decoded = read_directory(tree, trees.read)
        assert encode_raw_directory(raw_entries(decoded)) == encode_directory(entries)
    assert raw_entries(decoded) == sorted(raw_entries(entries), key=lambda raw: raw.name)


@settings(PURE, max_examples=25)
@given(st.integers(0, len(MANY) - 1), CONTENTS, st.sampled_from(["change", "add", "remove"]))
def test_change_of_one_entry_of_many_changes_one_bucket(
    index: int, data: bytes, action: str
) -> None:
    entries = list(MANY)
    if action == "add":
        entries.append(entry(f"new{index}", data))
    elif action == "change":
        entries[index] = entry(entries[index].name, b"changed" + data)
    else:
        del entries[index]
    after = encode_directory(entries)
    old, new = decode_buckets(ENCODED.data), decode_buckets(after.data)
    assert len(set(new) - set(old)) == 1
    assert len({*after.buckets} - {*ENCODED.buckets}) == 1


@PURE
@given(DIRECTORIES, DIRECTORIES, st.integers(1, 4), st.randoms(use_true_random=False))
def test_update_makes_the_directory_that_its_entries_make(
    entries: list[TreeEntry], more: list[TreeEntry], limit: int, chance: random.Random
) -> None:
    gone = chance.sample(entries, chance.randint(0, len(entries)))
    updates = {each.name: None for each in gone} | {each.name: each for each in more}
    present = {each.name: each for each in entries} | updates
    with hold_at_most(limit):
        trees = TreeObjects()
        updated = update_directory(trees.add(entries), updates, trees.read)
        expected = encode_directory(filter(None, present.values()))
        assert updated.data == expected.data
        assert {*expected.buckets} <= {*updated.buckets, *trees.objects.values()}
        assert {*updated.buckets} <= {*expected.buckets}


@PURE
@given(DIRECTORIES, DIRECTORIES, DIRECTORIES, st.integers(1, 4))
def test_merge_of_large_directories_is_that_of_small_ones(
    base: list[TreeEntry], ours: list[TreeEntry], theirs: list[TreeEntry], limit: int
) -> None:
    sides = [
        [each for each in side if each.kind != "dir"] for side in (base, base + ours, base + theirs)
    ]
    unique = [{each.name: each for each in side}.values() for side in sides]
    merges = []
    for most in (limit, len(base + ours + theirs)):
        with hold_at_most(most):
            trees = TreeObjects()
            triple = Triple(trees, *(trees.add(side) for side in unique))
            tree, conflicts = _merge(triple)
            merges.append((read_directory(tree, trees.read), conflicts))
    assert merges[0] == merges[1]


@PURE
@given(NESTED, NESTED)
def test_diff_is_that_of_the_listings_and_leads_from_one_to_the_other(
    before: Mapping[str, Node], after: Mapping[str, Node]
) -> None:
    trees = TreeObjects()
    old, new = trees.build(before), trees.build(after)
    changes = tuple(diff_directories(old, new, trees.read))
    listing = trees.list_leaves(old)
    assert changes == diff_listings(listing, trees.list_leaves(new))
    for change in changes:
        assert listing.pop(change.path, None) == change.before
        if change.after is not None:
            listing[change.path] = change.after
    assert listing == trees.list_leaves(new)


@PURE
@given(NESTED, NESTED)
def test_renames_are_removed_paths_that_are_back_elsewhere(
    before: Mapping[str, Node], after: Mapping[str, Node]
) -> None:
    trees = TreeObjects()
    old, new = trees.build(before), trees.build(after)
    listings = trees.list_leaves(old), trees.list_leaves(new)
    renames = find_renames(diff_directories(old, new, trees.read))
    for rename in renames:
        assert listings[1][rename.after] == rename.entry
        assert listings[0][rename.before].digest == rename.entry.digest
        assert rename.before not in listings[1]
        assert rename.after not in listings[0]
    assert len({rename.before for rename in renames}) == len(renames)
    assert len({rename.after for rename in renames}) == len(renames)


@PURE
@given(TRIPLES)
def test_side_that_changed_nothing_leaves_the_merge_to_the_other(triple: Triple) -> None:
    trees, base, ours, _ = triple
    assert _merge(Triple(trees, base, ours, base)) == (ours, ())
    assert _merge(Triple(trees, base, base, ours)) == (ours, ())
    assert _merge(Triple(trees, base, ours, ours)) == (ours, ())
    assert trees.reads == []


@PURE
@given(TRIPLES)
def test_merge_is_the_same_from_either_side_but_for_conflicts(triple: Triple) -> None:
    trees, base, ours, theirs = triple
    here, conflicts = _merge(triple)
    there, mirrored = _merge(Triple(trees, base, theirs, ours))
    assert [
        msgspec.structs.replace(
            each,
            ours=each.theirs,
            theirs=each.ours,
            reason=MIRRORED.get(each.reason, each.reason),
        )
        for each in mirrored
    ] == list(conflicts)
    if not conflicts:
        assert here == there


@PURE
@given(TRIPLES)
def test_merge_without_conflicts_takes_each_file_from_the_side_that_changed_it(
    triple: Triple,
) -> None:
    merged, conflicts = _merge(triple)
    base, ours, theirs = (_files(triple, tree) for tree in triple[1:])
    found = _files(triple, merged)
    in_conflict = {conflict.path for conflict in conflicts}
    for path in base.keys() | ours.keys() | theirs.keys() | found.keys():
        if any(path == other or path.startswith(f"{other}/") for other in in_conflict):
            continue
        old, our, their = base.get(path), ours.get(path), theirs.get(path)
        if old in {our, their} or our == their:
            assert found.get(path) == (their if old == our else our)
        else:
            assert old is not None
            assert our is not None
            assert their is not None
            assert found[path].kind == (their if old.kind == our.kind else our).kind
            assert found[path].digest == (their if old.digest == our.digest else our).digest


@PURE
@given(TRIPLES)
def test_merge_makes_up_no_content(triple: Triple) -> None:
    merged, conflicts = _merge(triple)
    sides = _files(triple, triple.ours), _files(triple, triple.theirs)
    for path, leaf in _files(triple, merged).items():
        assert leaf.digest in {side[path].digest for side in sides if path in side}
    for conflict in conflicts:
        assert conflict.ours != conflict.theirs
        assert conflict.base not in {conflict.ours, conflict.theirs}
