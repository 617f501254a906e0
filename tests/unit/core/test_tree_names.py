from __future__ import annotations

import sys
import unicodedata

import pytest

from mlv.core.paths import RepoPath, escape_name, unescape_name
from mlv.core.tree_names import (
    MAX_PATH_BYTES,
    escape_names,
    find_collisions,
    find_refused,
    is_allowed,
    path_below,
    unescape_names,
)

REFUSED = [
    b"",
    b".",
    b"..",
    b"/",
    b"a/b",
    b"a\0b",
    b".git",
    b".GIT",
    b".mlv",
    b".Mlv",
    b".git ",
    b".git.",
    b".git. . ",
    b".GIT::$INDEX_ALLOCATION",
    b".git:stream",
    b".git\\config",
    b"git~1",
    b"GIT~4",
    b"git~1.",
    b"mlv~1",
    b"MLV~2 ",
    b".mlv::$DATA",
    ".g\u200cit".encode(),
    "\ufeff.git".encode(),
    ".git\u206f".encode(),
    ".\u202aM\u200elV ".encode(),
    ".git\u200c::$DATA".encode(),
]
ALLOWED = [
    b"...",
    b" ",
    b"~1",
    b".gitignore",
    b".gitmodules",
    b".github",
    b".git-blame-ignore-revs",
    b"git",
    b"mlv",
    b"git~5",
    b"git~10",
    b"a.git",
    b"data.mlv",
    b".mlvignore",
    b"back\\slash",
    b"\\",
    b"..\\x",
    b"new\nline",
    b"\xff\xfe",
    b".gi\xfft",
    b"x" * 255,
    "é".encode(),
    "\u200c".encode(),
    "👩\u200d🔬.png".encode(),
]


@pytest.mark.parametrize("raw", REFUSED)
def test_name_that_means_something_else_to_a_file_system_is_refused(raw: bytes) -> None:
    assert not is_allowed(raw)
    assert find_refused([raw]) == raw
    assert find_refused([b"a", raw, b"b"]) == raw


@pytest.mark.parametrize("raw", ALLOWED)
def test_ordinary_name_is_allowed(raw: bytes) -> None:
    assert is_allowed(raw)
    assert find_refused([raw]) is None


def test_many_ordinary_names_are_allowed() -> None:
    assert find_refused(ALLOWED) is None
    assert find_refused([]) is None


def test_no_other_character_folds_to_a_letter_of_the_forbidden_names() -> None:
    other = (chr(point) for point in range(0x80, sys.maxunicode + 1))
    folded = {unicodedata.normalize("NFD", each.casefold()) for each in other}
    assert folded.isdisjoint([*".gitmlv~1234 :\\", "gi", "it", "ml", "lv", "git", "mlv"])


@pytest.mark.parametrize("names", [[], [b""], [b"", b""], [b"a"], ALLOWED, REFUSED, [b"a/b", b"c"]])
def test_many_names_are_escaped_as_one_by_one(names: list[bytes]) -> None:
    escaped = escape_names(names)
    assert escaped == [escape_name(name) for name in names]
    assert unescape_names(escaped) == names
    assert [unescape_name(name) for name in escaped] == names


def test_one_wrong_escape_among_many_names_is_refused() -> None:
    with pytest.raises(ValueError, match="backslash that begins no escape"):
        unescape_names(["a", r"\q", "b"])


@pytest.mark.parametrize(
    ("fold_case", "normalize", "expected"),
    [
        (False, False, ()),
        (True, False, (("A", "a"), ("STRASSE", "straße"), ("a\u200cb", "ab"), ("É", "é"))),
        (False, True, (("e\u0301", "é"),)),
        (
            True,
            True,
            (("A", "a"), ("STRASSE", "straße"), ("a\u200cb", "ab"), ("e\u0301", "É", "é")),
        ),
    ],
)
def test_collisions_are_those_of_the_file_system(
    *, fold_case: bool, normalize: bool, expected: tuple[tuple[str, ...], ...]
) -> None:
    names = ["é", "a", "ab", r"\\N", r"\n", "straße", "A", "e\u0301", "É", "STRASSE", "a\u200cb"]
    found = find_collisions(names, fold_case=fold_case, normalize=normalize)
    assert found == tuple(sorted(tuple(sorted(group)) for group in expected))


def test_path_below_a_directory_has_a_slash_between() -> None:
    assert path_below(RepoPath("."), "a") == "a"
    assert path_below(RepoPath("a/b"), "c") == "a/b/c"


@pytest.mark.parametrize("name", ["x", "é", r"\xff", "👩"])
def test_path_is_as_long_as_its_bytes(name: str) -> None:
    room = MAX_PATH_BYTES - len(unescape_name(name)) - 1
    longest = path_below(RepoPath("d" * room), name)
    assert len(unescape_name(longest)) == MAX_PATH_BYTES
    with pytest.raises(ValueError, match="is longer than 4095 bytes"):
        path_below(RepoPath("d" * (room + 1)), name)
