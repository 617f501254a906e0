from __future__ import annotations

from collections.abc import Iterator

import pytest
from blake3 import blake3

from mlv.core.digest import digest_of
from mlv.core.run import Content
from mlv.core.tree import MAX_PLAIN_ENTRIES, TREE_HEADER, TreeEntry, encode_tree, raw_entries
from mlv.core.tree_buckets import (
    BUCKETS_HEADER,
    Bucket,
    EncodedDirectory,
    decode_buckets,
    encode_buckets,
    encode_directory,
    encode_raw_directory,
    is_bucketed,
    read_directory,
)
from tests.unit.core.builders import content, entry
from tests.unit.core.tree_objects import TreeObjects, hold_at_most, numbered

EMPTY = digest_of(b"")
LINE = f"0a {EMPTY} 7\n".encode()


@pytest.fixture
def trees() -> TreeObjects:
    return TreeObjects()


@pytest.fixture
def four_at_most() -> Iterator[None]:
    with hold_at_most(4):
        yield


def _first_byte(each: TreeEntry) -> int:
    return blake3(each.name.encode()).digest()[0]


def _in_one_bucket(count: int) -> list[TreeEntry]:
    """Return entries whose names have the same first byte of the digest."""
    return [each for each in numbered(count * 400) if _first_byte(each) == 7][:count]


def test_directory_of_few_entries_is_one_tree() -> None:
    entries = numbered(MAX_PLAIN_ENTRIES)
    assert encode_directory(entries) == EncodedDirectory(data=encode_tree(entries))


def test_larger_directory_lists_a_bucket_for_each_first_byte() -> None:
    entries = numbered(MAX_PLAIN_ENTRIES + 1)
    parts = [[each for each in entries if _first_byte(each) == index] for index in range(256)]
    buckets = [encode_tree(part) for part in parts]
    lines = [f"{index:02x} {digest_of(data)} {len(data)}\n" for index, data in enumerate(buckets)]
    assert encode_directory(reversed(entries)) == EncodedDirectory(
        data=b"mlv-tree-buckets 1\n" + "".join(lines).encode(), buckets=tuple(buckets)
    )


def test_raw_entries_make_the_same_directory() -> None:
    entries = numbered(MAX_PLAIN_ENTRIES + 1)
    assert encode_raw_directory(raw_entries(entries)) == encode_directory(entries)


def test_large_directory_is_read_in_order(trees: TreeObjects) -> None:
    entries = [*numbered(MAX_PLAIN_ENTRIES), entry(r"\xff"), entry("é"), entry(r"a\\b")]
    expected = tuple(sorted(entries, key=lambda each: raw_entries([each])[0].name))
    assert read_directory(trees.add(entries), trees.read) == expected


@pytest.mark.usefixtures("four_at_most")
def test_bucket_of_many_entries_has_buckets_itself(trees: TreeObjects) -> None:
    entries = _in_one_bucket(5)
    tree = trees.add(entries)
    [outer] = decode_buckets(trees.read(tree))
    assert outer.index == 7
    inner = decode_buckets(trees.read(outer.content))
    seconds = {blake3(each.name.encode()).digest()[1] for each in entries}
    assert [bucket.index for bucket in inner] == sorted(seconds)
    assert read_directory(tree, trees.read) == tuple(entries)


@pytest.mark.usefixtures("four_at_most")
def test_change_of_one_entry_changes_the_buckets_around_it_only(trees: TreeObjects) -> None:
    entries = _in_one_bucket(300)
    before = encode_directory(entries)
    entries[17] = entry(entries[17].name, b"changed")
    after = encode_directory(entries)
    place = {*before.buckets, before.data} - {*after.buckets, after.data}
    assert sorted(map(is_bucketed, place)) == [False, True, True]


def test_name_that_comes_twice_is_refused_in_any_directory() -> None:
    entries = numbered(MAX_PLAIN_ENTRIES)
    with pytest.raises(ValueError, match="comes twice in one tree"):
        encode_directory([*entries, entries[5]])
    with pytest.raises(ValueError, match="comes twice in one tree"):
        encode_directory([entries[5]] * (MAX_PLAIN_ENTRIES + 1))


def test_buckets_are_decoded() -> None:
    data = BUCKETS_HEADER + LINE + LINE.replace(b"0a", b"ff")
    assert decode_buckets(data) == (
        Bucket(index=10, digest=EMPTY, size_bytes=7),
        Bucket(index=255, digest=EMPTY, size_bytes=7),
    )
    assert is_bucketed(data)
    assert not is_bucketed(TREE_HEADER)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        TREE_HEADER,
        b"mlv-tree-buckets 2\n" + LINE,
        BUCKETS_HEADER,
        BUCKETS_HEADER + LINE[:-1],
        BUCKETS_HEADER + LINE + b"x",
        BUCKETS_HEADER + b"x" + LINE,
        BUCKETS_HEADER + LINE + b"\n",
        BUCKETS_HEADER + LINE + LINE,
        BUCKETS_HEADER + LINE + LINE.replace(b"0a", b"09"),
        BUCKETS_HEADER + LINE.upper(),
        BUCKETS_HEADER + LINE.replace(b" 7", b" 07"),
        BUCKETS_HEADER + LINE.replace(b" 7", b" 0"),
        BUCKETS_HEADER + LINE.replace(b"0a ", b"a "),
        BUCKETS_HEADER + LINE.replace(b"0a ", b"0g "),
        BUCKETS_HEADER + LINE.replace(b"\n", b"\r\n"),
        BUCKETS_HEADER + LINE.replace(b"0a ", "0\u0661 ".encode()),
        BUCKETS_HEADER + b"\xff",
    ],
)
def test_bytes_that_are_no_canonical_list_of_buckets_are_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"not a list of buckets|can't decode"):
        decode_buckets(data)


@pytest.mark.usefixtures("four_at_most")
def test_few_entries_in_buckets_are_refused(trees: TreeObjects) -> None:
    bucket = trees.add(_in_one_bucket(4))
    tree = trees.add_bytes(encode_buckets({7: bucket}))
    with pytest.raises(ValueError, match="4 entries need no buckets"):
        read_directory(tree, trees.read)


@pytest.mark.usefixtures("four_at_most")
def test_entry_in_the_wrong_bucket_is_refused(trees: TreeObjects) -> None:
    entries = _in_one_bucket(7)
    parts = trees.add(entries[:4]), trees.add(entries[4:])
    tree = trees.add_bytes(encode_buckets({7: parts[0], 8: parts[1]}))
    with pytest.raises(ValueError, match="not in the bucket of its name, 08"):
        read_directory(tree, trees.read)


@pytest.mark.usefixtures("four_at_most")
def test_entry_in_the_wrong_inner_bucket_is_refused(trees: TreeObjects) -> None:
    [outer] = decode_buckets(trees.read(trees.add(_in_one_bucket(5))))
    inner = {each.index: each.content for each in decode_buckets(trees.read(outer.content))}
    wrong = next(index for index in range(256) if index not in inner)
    inner[wrong] = inner.pop(min(inner))
    tree = trees.add_bytes(encode_buckets({7: trees.add_bytes(encode_buckets(inner))}))
    with pytest.raises(ValueError, match=f"not in the bucket of its name, 07{wrong:02x}"):
        read_directory(tree, trees.read)


@pytest.mark.usefixtures("four_at_most")
def test_empty_bucket_is_refused(trees: TreeObjects) -> None:
    [bucket] = decode_buckets(trees.read(trees.add(_in_one_bucket(5))))
    tree = trees.add_bytes(encode_buckets({7: bucket.content, 8: trees.add([])}))
    with pytest.raises(ValueError, match="not in the bucket of its name, 08"):
        read_directory(tree, trees.read)


def test_tree_of_another_size_is_refused(trees: TreeObjects) -> None:
    tree = trees.add([entry("a")])
    wrong = Content(digest=tree.digest, size_bytes=tree.size_bytes + 1)
    with pytest.raises(ValueError, match="85 bytes where a tree of 86 should be"):
        read_directory(wrong, trees.read)


def test_buckets_of_buckets_without_end_are_refused(trees: TreeObjects) -> None:
    tree = trees.add([entry("a")])
    for _ in range(10_000):
        tree = trees.add_bytes(encode_buckets({7: tree}))
    with pytest.raises(ValueError, match="too deep"):
        read_directory(tree, trees.read)
    assert len(trees.reads) < 50


def test_content_of_an_encoded_directory_is_that_of_its_top_object() -> None:
    assert encode_directory([]).content == content(TREE_HEADER)
