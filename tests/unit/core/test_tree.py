from __future__ import annotations

import pytest

from mlv.core.digest import digest_of
from mlv.core.paths import RepoPath
from mlv.core.tree import (
    MAX_PLAIN_ENTRIES,
    TREE_HEADER,
    RawEntry,
    TreeChange,
    TreeEntry,
    check_name,
    decode_tree,
    diff_listings,
    encode_raw_tree,
    encode_tree,
    raw_entries,
)
from tests.unit.core.builders import entry
from tests.unit.core.tree_objects import numbered

EMPTY = digest_of(b"")
LINE = f"file {EMPTY} 0 a\n".encode()


def test_tree_is_text_sorted_by_the_bytes_of_the_names() -> None:
    entries = [
        entry("é", b"1"),
        entry("Z", b"", "dir"),
        entry("a b", b"22", "exec"),
        entry(r"\xff", b"333", "link"),
        entry("z"),
    ]
    expected = (
        "mlv-tree 1\n"
        f"dir {EMPTY} 0 Z\n"
        f"exec {digest_of(b'22')} 2 a b\n"
        f"file {EMPTY} 0 z\n"
        f"file {digest_of(b'1')} 1 é\n"
        f"link {digest_of(b'333')} 3 \\xff\n"
    )
    assert encode_tree(entries).decode() == expected


def test_tree_of_nothing_is_the_header_alone() -> None:
    assert encode_tree([]) == TREE_HEADER
    assert decode_tree(TREE_HEADER) == ()


def test_decode_gives_the_entries_back_in_order() -> None:
    entries = (entry("a"), entry("b", b"x", "exec"), entry("c", b"a", "link"))
    assert decode_tree(encode_tree(reversed(entries))) == entries


@pytest.mark.parametrize(
    "name",
    ["", ".", "..", ".git", ".GIT", ".mlv", ".Mlv", "a/b", "/", "git~1", r"a\x00b", r"\x2e\x2e"],
)
def test_name_that_could_lead_elsewhere_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="cannot be the name of a file in a tree"):
        encode_tree([entry("a"), entry(name), entry("b")])


def test_refusal_of_a_name_quotes_it_escaped() -> None:
    with pytest.raises(ValueError, match=r"^'\.g\\\\x01/' cannot be the name of a file in a tree$"):
        check_name(b".g\x01/")


def test_name_with_a_backslash_is_kept() -> None:
    entries = (entry(r"a\\b"), entry(r"a\xff"))
    assert raw_entries(entries)[0].name == b"a\\b"
    assert decode_tree(encode_tree(entries)) == entries


@pytest.mark.parametrize("name", [r"\x61", "tab\t", "a\x85", r"\x0a"])
def test_name_that_is_not_escaped_the_one_way_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="not escaped in the one right way"):
        encode_tree([entry(name)])


def test_name_that_comes_twice_is_refused() -> None:
    with pytest.raises(ValueError, match="the name 'a' comes twice"):
        encode_tree([entry("a"), entry("a", b"other")])


def test_raw_entries_make_the_same_tree_in_any_order() -> None:
    entries = [entry("é", b"1"), entry(r"\xff", b"333", "link"), entry("b", b"22", "exec")]
    raw = raw_entries(entries)
    assert raw[0] == RawEntry("é".encode(), "file", bytes.fromhex(digest_of(b"1")), 1)
    assert encode_raw_tree(raw) == encode_raw_tree(raw[::-1]) == encode_tree(entries)


def test_tree_without_buckets_has_a_limit() -> None:
    *most, last = numbered(MAX_PLAIN_ENTRIES + 1)
    data = encode_tree(most)
    assert decode_tree(data) == tuple(most)
    with pytest.raises(ValueError, match="4097 entries are too many"):
        encode_tree([*most, last])
    with pytest.raises(ValueError, match="4097 entries are too many"):
        decode_tree(data + encode_tree([last])[len(TREE_HEADER) :])


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "header is missing"),
        (b"mlv-tree 2\n", "header is missing"),
        (b"mlv-tree 1", "header is missing"),
        (TREE_HEADER + LINE[:-1], "canonical form"),
        (TREE_HEADER + LINE + b"x", "canonical form"),
        (TREE_HEADER + b"x" + LINE, "not a line of a tree"),
        (TREE_HEADER + LINE + b"\n", "not a line of a tree"),
        (TREE_HEADER + b"\n" + LINE, "not a line of a tree"),
        (TREE_HEADER + LINE.replace(b"a\n", b"a\0\n"), "cannot be the name"),
        (TREE_HEADER + LINE.replace(b"a\n", b"a/b\n"), "cannot be the name"),
        (TREE_HEADER + LINE + LINE, "comes twice"),
        (TREE_HEADER + LINE.replace(b" a", b" b") + LINE, "canonical form"),
        (TREE_HEADER + LINE.replace(b" 0 ", b" 00 "), "not a line of a tree"),
        (TREE_HEADER + LINE.replace(b" 0 ", b" -1 "), "not a line of a tree"),
        (TREE_HEADER + LINE.replace(b"file", b"pipe"), "not a line of a tree"),
        (TREE_HEADER + LINE.replace(b"a\n", b"\n"), "not a line of a tree"),
        (TREE_HEADER + LINE.replace(b"a\n", b"..\n"), "cannot be the name"),
        (TREE_HEADER + LINE.replace(b"a\n", b"\\x61\n"), "one right way"),
        (TREE_HEADER + LINE.replace(b"a\n", b"\xff\n"), "can't decode"),
        (TREE_HEADER + LINE.upper(), "not a line of a tree"),
        (TREE_HEADER + LINE.replace(b"\n", b"\r\n"), "not escaped in the one right way"),
    ],
)
def test_bytes_that_are_no_canonical_tree_are_refused(data: bytes, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        decode_tree(data)


def test_diff_lists_added_removed_and_changed_paths() -> None:
    def listing(**entries: TreeEntry) -> dict[RepoPath, TreeEntry]:
        return {RepoPath(path): each for path, each in entries.items()}

    before = listing(same=entry("same"), gone=entry("gone"), text=entry("text"), bit=entry("bit"))
    after = listing(
        same=entry("same"),
        text=entry("text", b"new"),
        bit=entry("bit", b"", "exec"),
        new=entry("new"),
    )
    assert diff_listings(before, after) == tuple(
        TreeChange(
            path=RepoPath(path), before=before.get(RepoPath(path)), after=after.get(RepoPath(path))
        )
        for path in ("bit", "gone", "new", "text")
    )
